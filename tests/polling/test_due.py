"""Which jobs a cycle polls, and which it waits for."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.jobs.job import Job
from shared.jobs.job_rows import PendingRow
from shared.polling.due import DueJobs

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LAST_REQUEST_AT = NOW + timedelta(seconds=36)


def row(name: str, due_in_seconds: float, *, age: timedelta = timedelta(0)) -> PendingRow:
    job = Job(job_id=name, registered_at=NOW - age, next_poll_at=NOW + timedelta(seconds=due_in_seconds))
    return PendingRow(job=job, etag="", row_key=name)


def due_jobs(rows: list[PendingRow]) -> DueJobs:
    due = DueJobs(LAST_REQUEST_AT)
    due.add(rows)
    return due


def names(rows: list[PendingRow]) -> list[str]:
    return [row.job.job_id for row in rows]


def test_jobs_that_have_waited_longest_come_first() -> None:
    due = due_jobs([row("b", -10), row("a", -60), row("c", 0)])
    assert names(due.take(NOW, 2)) == ["a", "b"]
    assert names(due.take(NOW, 2)) == ["c"]


def test_a_job_that_is_not_due_yet_is_not_taken() -> None:
    assert due_jobs([row("a", 0.1)]).take(NOW, 5) == []


def test_jobs_due_after_the_last_request_are_left_to_the_next_tick() -> None:
    assert len(due_jobs([row("a", 37)])) == 0


def test_a_job_due_at_the_moment_of_the_last_request_is_polled() -> None:
    due = due_jobs([row("a", 36)])
    assert due.wait(LAST_REQUEST_AT) == timedelta(0)
    assert names(due.take(LAST_REQUEST_AT, 1)) == ["a"]


def test_a_job_that_is_overdue_is_not_waited_for() -> None:
    assert due_jobs([row("a", -5)]).wait(NOW) == timedelta(0)


def test_a_job_is_old_from_its_first_hour_on() -> None:
    assert due_jobs([row("a", 4, age=timedelta(minutes=59))]).wait(NOW) == timedelta(seconds=4)
    assert due_jobs([row("a", 4, age=timedelta(hours=1))]).wait(NOW) is None


def test_a_new_job_is_waited_for() -> None:
    due = due_jobs([row("a", 20), row("b", 5)])
    assert due.wait(NOW) == timedelta(seconds=5)


def test_a_job_pending_for_hours_is_waited_for_only_briefly() -> None:
    old = timedelta(hours=2)
    assert due_jobs([row("a", 3, age=old)]).wait(NOW) == timedelta(seconds=3)
    assert due_jobs([row("a", 4, age=old)]).wait(NOW) is None


def test_an_old_job_not_worth_waiting_for_does_not_hide_a_new_one_due_later() -> None:
    due = due_jobs([row("old", 10, age=timedelta(hours=2)), row("new", 15)])
    assert due.wait(NOW) == timedelta(seconds=15)


def test_a_job_added_later_is_taken_in_its_place() -> None:
    due = due_jobs([row("a", -60), row("c", -10)])
    due.add([row("b", -30)])
    assert names(due.take(NOW, 3)) == ["a", "b", "c"]


def test_reading_pauses_while_enough_jobs_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.polling.due.ENOUGH_DUE_JOBS", 2)
    due = due_jobs([row("a", -1), row("b", 5)])
    assert not due.full(NOW)
    assert due.full(NOW + timedelta(seconds=5))


def test_reading_pauses_while_too_many_jobs_are_in_memory_even_if_none_is_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.polling.due.MOST_JOBS", 2)
    assert due_jobs([row("a", 5), row("b", 5)]).full(NOW)


def test_there_is_no_wait_without_jobs_or_after_the_last_request() -> None:
    assert due_jobs([]).wait(NOW) is None
    assert due_jobs([row("a", 0)]).wait(LAST_REQUEST_AT + timedelta(seconds=1)) is None
