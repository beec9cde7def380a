"""What is shown of each day: jobs that finished, how long they took, and polls."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.jobs.set_aside import SetAside
from shared.monitor.stats import DAYS_KEPT, MOST_DAYS, DayStats
from shared.polling.report import CycleReport
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Change, Table
from shared.upstream.errors import UpstreamError
from tests.instance import Instance

TODAY = "2026-11-20"
DAY_SECONDS = 86_400
EMPTY = {"succeeded": 0, "failed": 0, "cancelled": 0, "lost": 0, "expired": 0, "polls": 0, "failedPolls": 0}


def tick(instance: Instance) -> None:
    """A cycle and its report."""
    record(instance, instance.tick())


def record(instance: Instance, report: CycleReport) -> None:
    instance.stores.states.record(report, lambda: SetAside(count=0, newest=None))


def today(instance: Instance) -> DayStats:
    """As any instance reads it."""
    [day] = instance.another().stores.stats.days(1)
    return day


def polls(instance: Instance) -> tuple[int, int]:
    day = today(instance)
    return day["polls"], day["failedPolls"]


def test_every_day_is_there_the_oldest_first_and_today_last(instance: Instance) -> None:
    days = instance.stores.stats.days(MOST_DAYS)
    assert len(days) == MOST_DAYS
    assert (days[0]["date"], days[-2]["date"], days[-1]["date"]) == ("2026-08-23", "2026-11-19", TODAY)
    assert all(day.items() >= EMPTY.items() for day in days)
    assert all((day["medianSeconds"], day["p95Seconds"]) == (None, None) for day in days)


def test_a_day_shows_what_happened_on_it(instance: Instance, fresh_sandbox: Sandbox) -> None:
    for outcome in ("succeeded", "failed", "failed", "cancelled"):
        instance.register(fresh_sandbox.state.add_job(outcome=outcome))
    instance.clock.advance(120)
    tick(instance)
    expected = EMPTY | {"succeeded": 1, "failed": 2, "cancelled": 1, "polls": 4}
    assert today(instance) == expected | {"date": TODAY, "medianSeconds": 120, "p95Seconds": 120}
    instance.clock.advance(2 * DAY_SECONDS)
    days = instance.stores.stats.days(3)
    assert [(day["date"], day["failed"]) for day in days] == [(TODAY, 2), ("2026-11-21", 0), ("2026-11-22", 0)]


def test_the_last_day_is_that_of_utc(instance: Instance, fresh_sandbox: Sandbox) -> None:
    instance.register(fresh_sandbox.state.add_job())
    instance.clock.advance(15 * 3600)
    tick(instance)
    assert [(day["date"], day["polls"]) for day in instance.stores.stats.days(2)] == [(TODAY, 0), ("2026-11-21", 1)]


def test_polls_that_failed_are_polls_too(instance: Instance, fresh_sandbox: Sandbox) -> None:
    jobs = [fresh_sandbox.state.add_job(seconds=None) for _ in range(3)]
    for job_id in jobs:
        instance.register(job_id)
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-status", job_id=jobs[0])
    tick(instance)
    assert polls(instance) == (3, 1)


def test_a_job_whose_detail_alone_is_asked_for_again_is_not_polled(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    instance.register(fresh_sandbox.state.add_job())
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-detail")
    for _ in range(3):
        tick(instance)
        instance.clock.advance(60)
    assert polls(instance) == (1, 1)


def test_a_tick_that_asks_nothing_writes_no_day(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    tick(instance)
    written: list[str] = []
    commit = instance.table.commit

    def recorded(changes: Sequence[Change]) -> list[str]:
        written.extend(change.row["RowKey"] for change in changes)
        return commit(changes)

    monkeypatch.setattr(instance.table, "commit", recorded)
    tick(instance)
    assert written == ["state"]


def test_a_tick_after_the_first_reads_no_day(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    record(instance, CycleReport(started_at=instance.clock.now(), polled=1))

    def unexpected(*_: object) -> None:
        raise AssertionError("a row was read")

    monkeypatch.setattr(Table, "get", unexpected)
    record(instance, CycleReport(started_at=instance.clock.now(), polled=2))
    monkeypatch.undo()
    assert polls(instance) == (3, 0)


def test_ticks_of_two_instances_count_together(instance: Instance) -> None:
    other = instance.another()
    for each in (instance, other, instance, other):
        record(each, CycleReport(started_at=instance.clock.advance(1), polled=5, failed_of_polled=2))
    assert polls(instance) == (20, 8)


def test_a_report_whose_answer_is_lost_counts_its_polls_once(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = instance.table.commit

    def committed_and_tried_again(changes: Sequence[Change]) -> list[str]:
        if len(changes) > 1:
            monkeypatch.setattr(instance.table, "commit", commit)
            commit(changes)
        return commit(changes)

    monkeypatch.setattr(instance.table, "commit", committed_and_tried_again)
    record(instance, CycleReport(started_at=instance.clock.now(), polled=5))
    assert polls(instance) == (5, 0)


def test_polls_of_a_tick_that_could_not_be_noted_are_counted_when_storage_is_back(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> object:
        raise StorageUnreachable("no answer")

    with monkeypatch.context() as down:
        down.setattr(instance.table, "commit", unreachable)
        with pytest.raises(StorageUnreachable):
            record(instance, CycleReport(started_at=instance.clock.now(), polled=5))
    record(instance, CycleReport(started_at=instance.clock.advance(DAY_SECONDS), polled=2))
    assert [day["polls"] for day in instance.stores.stats.days(2)] == [5, 2]


def test_manual_checks_are_polls(instance: Instance, fresh_sandbox: Sandbox) -> None:
    working, failing = (instance.register(fresh_sandbox.state.add_job(seconds=None)).job_id for _ in range(2))
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-status", job_id=failing)
    instance.manual_check.check(working)
    with pytest.raises(UpstreamError):
        instance.manual_check.check(failing)
    record(instance, CycleReport(started_at=instance.clock.now(), polled=3))
    assert polls(instance) == (5, 1)


def test_a_check_that_asks_nothing_is_not_counted(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = instance.register(fresh_sandbox.state.add_job()).job_id
    for _ in range(2):
        instance.manual_check.check(job_id)
    assert polls(instance) == (1, 0)


def test_checks_on_many_threads_and_instances_are_all_counted(instance: Instance) -> None:
    counts = [instance.stores.poll_counts, *(instance.another().stores.poll_counts for _ in range(3))]

    def count(number: int) -> None:
        counts[number % 4].count_check(instance.clock.now(), failed=number < 10)

    with ThreadPoolExecutor(8) as at_once:
        list(at_once.map(count, range(40)))
    assert polls(instance) == (40, 10)


def test_a_check_that_cannot_be_counted_succeeds(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = instance.register(fresh_sandbox.state.add_job()).job_id
    commit = instance.table.commit

    def not_for_checks(changes: Sequence[Change]) -> list[str]:
        if changes[0].row["RowKey"].startswith("checks~"):
            raise StorageUnreachable("no answer")
        return commit(changes)

    monkeypatch.setattr(instance.table, "commit", not_for_checks)
    assert not instance.manual_check.check(job_id).pending
    assert "a manual check is not counted" in caplog.text


@pytest.mark.parametrize("columns", [{"polls": "many"}, {"polls": -1}, {"failedPolls": 2**40}, {"polls": 1.5}])
def test_absurd_days_count_as_none_and_stop_nothing(instance: Instance, columns: dict[str, Any]) -> None:
    for partition, key in (("monitor", "day"), ("monitor", "checks"), ("finished", "day")):
        absurd = columns | {"seconds": "?"}
        instance.table.upsert({"PartitionKey": partition, "RowKey": f"{key}~{TODAY}", **absurd})
        instance.table.upsert({"PartitionKey": partition, "RowKey": f"{key}~2026-11-2", **absurd})
    assert today(instance).items() >= EMPTY.items()
    record(instance, CycleReport(started_at=instance.clock.now(), polled=5))
    instance.stores.poll_counts.count_check(instance.clock.now(), failed=False)
    assert polls(instance) == (6, 0)


def test_days_that_nobody_can_ask_for_are_removed(instance: Instance, fresh_sandbox: Sandbox) -> None:
    for _ in range(2):
        instance.register(fresh_sandbox.state.add_job())
        tick(instance)
        instance.stores.poll_counts.count_check(instance.clock.now(), failed=False)
        instance.clock.advance(DAY_SECONDS)
    for key in ("day~8000-01-01", "day~absurd", "day~2026-W48-1"):
        instance.table.insert({"PartitionKey": "finished", "RowKey": key})
    instance.clock.advance((DAYS_KEPT - 1) * DAY_SECONDS)
    assert instance.stores.stats.remove_old(instance.clock.now(), has_time=lambda: True) == 6
    assert instance.stores.stats.remove_old(instance.clock.now(), has_time=lambda: True) == 0
    rows = instance.table.rows("RowKey ge 'checks~' and RowKey lt 'day~~'")
    assert [row["RowKey"] for row in rows] == ["day~2026-11-21", "checks~2026-11-21", "day~2026-11-21"]


def test_the_nightly_run_removes_them(instance: Instance) -> None:
    record(instance, CycleReport(started_at=instance.clock.now(), polled=1))
    instance.clock.advance((DAYS_KEPT + 1) * DAY_SECONDS)
    assert instance.timers.clean_up.run(None).ok
    assert list(instance.table.rows("RowKey ge 'day~' and RowKey lt 'day~~'")) == []


def test_a_removal_without_time_removes_nothing(instance: Instance) -> None:
    record(instance, CycleReport(started_at=instance.clock.now(), polled=1))
    later = instance.clock.advance(200 * DAY_SECONDS)
    assert instance.stores.stats.remove_old(later, has_time=lambda: False) == 0
