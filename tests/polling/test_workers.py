"""The threads that poll: what they give back, when they stop, and how results are gathered."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.jobs.job import Job, JobState
from shared.jobs.job_rows import PendingRow
from shared.polling.poller import LargeAnswerPermit, Poll
from shared.polling.workers import PolledRow, PollWorkers
from shared.upstream.errors import UpstreamError, UpstreamServerError, UpstreamThrottled
from tests.clock import FakeClock

NOW = FakeClock().now()


def pending(name: str = "job") -> PendingRow:
    return PendingRow(job=Job(job_id=name, registered_at=NOW, next_poll_at=NOW), etag="", row_key=name)


def answered(job: Job) -> Poll:
    return Poll(replace(job, poll_count=1), asked=True)


@dataclass
class Poller:
    """Answers polls with `answer`, and remembers what it was asked."""

    answer: Callable[[Job], Poll] = answered
    failed: Callable[[Job], Poll] = lambda job: Poll(job, asked=True, error=UpstreamServerError("failed", api=""))
    slots: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(2))
    asked: list[tuple[str, datetime, LargeAnswerPermit]] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)

    def permit(self) -> LargeAnswerPermit:
        return LargeAnswerPermit(self.slots, wait_seconds=0)

    def poll(self, job: Job, *, answer_by: datetime, permit: LargeAnswerPermit) -> Poll:
        self.asked.append((job.job_id, answer_by, permit))
        self.threads.append(threading.current_thread().name)
        return self.answer(job)

    def failed_unexpectedly(self, job: Job) -> Poll:
        return self.failed(job)


def workers_of(
    poller: Poller, *, concurrency: int = 1, send_within: float = 36, answer_within: float = 44
) -> PollWorkers:
    return PollWorkers(
        cast("Any", poller),
        FakeClock(),
        concurrency=concurrency,
        send_by=NOW + timedelta(seconds=send_within),
        answer_by=NOW + timedelta(seconds=answer_within),
    )


@contextmanager
def all_polled(workers: PollWorkers, rows: list[PendingRow]) -> Iterator[list[PolledRow]]:
    """The results of polling the rows, in any order."""
    with workers:
        for row in rows:
            workers.submit(row)
        found: list[PolledRow] = []
        for _ in range(20):
            found += workers.results(100) if workers.in_flight else []
        assert workers.in_flight == 0
        yield found


def test_a_claimed_job_is_polled_with_its_permit_until_the_last_moment_for_answers() -> None:
    poller, row = Poller(), pending()
    workers = workers_of(poller)
    with all_polled(workers, [row]) as [result]:
        assert result.row is row
        assert result.poll == answered(row.job)
        assert poller.asked == [("job", workers.answer_by, result.permit)]
        assert not workers.stopped
    assert poller.threads == ["poll_0"]


def test_no_more_jobs_are_polled_at_once_than_there_are_threads() -> None:
    begun, may_end = threading.Semaphore(0), threading.Event()

    def slowly(job: Job) -> Poll:
        begun.release()
        assert may_end.wait(10)
        return answered(job)

    poller = Poller(slowly)
    workers = workers_of(poller, concurrency=2)
    with workers:
        for number in range(4):
            workers.submit(pending(str(number)))
        for _ in range(2):
            assert begun.acquire(timeout=10)
        threads = {thread.name for thread in threading.enumerate() if thread.name.startswith("poll_")}
        assert (threads, len(poller.asked)) == ({"poll_0", "poll_1"}, 2)
        may_end.set()
    assert len(poller.asked) == 2  # the others came back unpolled


@pytest.mark.parametrize(
    ("send_within", "answer_within", "polled"),
    [(0, 8, True), (-0.001, 8, False), (36, 2, True), (36, 1.999, False)],
    ids=["just in time", "too late to send", "time for an answer", "too late for an answer"],
)
def test_a_job_comes_back_unpolled_if_it_is_too_late(
    *, send_within: float, answer_within: float, polled: bool
) -> None:
    poller, row = Poller(), pending()
    workers = workers_of(poller, send_within=send_within, answer_within=answer_within)
    with all_polled(workers, [row]) as [result]:
        assert result.poll is not None
        assert result.poll.asked is polled
        assert (result.poll.job is row.job) is not polled
    assert len(poller.asked) == polled


def test_a_job_that_waits_for_a_thread_when_polling_stops_comes_back_unpolled() -> None:
    poller, row = Poller(), pending()
    workers = workers_of(poller)
    workers.stop()
    with all_polled(workers, [row]) as [result]:
        assert result.poll == Poll(row.job, asked=False)
    assert poller.asked == []


@pytest.mark.parametrize(
    ("error", "polled"),
    [(UpstreamThrottled("429", api=""), ["a"]), (UpstreamServerError("503", api=""), ["a", "b"])],
    ids=["throttled", "failed"],
)
def test_an_error_that_every_poll_would_get_stops_polling_at_once(error: UpstreamError, polled: list[str]) -> None:
    poller = Poller(lambda job: Poll(job, asked=True, error=error))
    workers = workers_of(poller)
    with all_polled(workers, [pending("a"), pending("b")]):
        assert workers.stopped is (polled == ["a"])
    assert [name for name, _, _ in poller.asked] == polled


def unforeseen(_: Job) -> Poll:
    raise KeyError("unforeseen")


def test_a_poll_that_fails_unexpectedly_is_logged_and_counts_as_failed(caplog: pytest.LogCaptureFixture) -> None:
    poller, row = Poller(unforeseen), pending("fragile")
    with all_polled(workers_of(poller), [row]) as [result]:
        assert result.poll is not None
        assert (result.poll.job, str(result.poll.error)) == (row.job, "failed")
    assert "polling job fragile failed unexpectedly" in caplog.text


def test_a_poll_without_any_result_comes_back_all_the_same() -> None:
    row = pending()
    with all_polled(workers_of(Poller(unforeseen, unforeseen)), [row]) as [result]:
        assert (result.row, result.poll, result.rows_to_write) == (row, None, 1)


def test_permits_of_results_that_nobody_fetched_are_released_at_the_end() -> None:
    both = threading.Barrier(3)

    def large(job: Job) -> Poll:
        permits = {name: permit for name, _, permit in poller.asked}
        permits[job.job_id].acquire()
        both.wait(10)
        return answered(job)

    poller = Poller(large)
    workers = workers_of(poller, concurrency=2)
    with workers:
        for number in range(2):
            workers.submit(pending(str(number)))
        both.wait(10)
    assert workers.stopped
    for _ in range(2):
        poller.permit().acquire()  # raises if no slot is free


class Results(queue.SimpleQueue[PolledRow]):
    """The queue of results. It never waits, and remembers for how long it was to."""

    def __init__(self, polled: list[PolledRow]) -> None:
        self.timeouts: list[float | None] = []
        for each in polled:
            self.put(each)

    def get(self, block: bool = True, timeout: float | None = None) -> PolledRow:  # noqa: ARG002 - as in queue
        self.timeouts.append(timeout)
        return super().get(block=False)


def polled(*, finished: bool = False, large: bool = False) -> PolledRow:
    row, permit = pending(), Poller().permit()
    if large:
        permit.acquire()
    return PolledRow(row, Poll(row.job.finished(JobState.LOST, NOW) if finished else row.job, asked=True), permit)


def gathering(waiting: list[PolledRow], *, in_flight: int = 10) -> tuple[PollWorkers, Results]:
    workers, results = workers_of(Poller()), Results(waiting)
    workers._results = results
    workers.in_flight = in_flight
    return workers, results


@pytest.mark.parametrize(
    ("rows_max", "finished", "count"), [(4, False, 3), (5, False, 4), (6, True, 3), (7, True, 3), (8, True, 4)]
)
def test_results_are_gathered_until_the_next_might_not_fit(*, rows_max: int, finished: bool, count: int) -> None:
    workers, _ = gathering([polled(finished=finished) for _ in range(9)])
    assert len(workers.results(rows_max)) == count
    assert workers.in_flight == 10 - count


def test_nothing_is_waited_for_once_all_results_are_there() -> None:
    workers, results = gathering([polled()], in_flight=1)
    assert len(workers.results(100)) == 1
    assert len(results.timeouts) == 1
    assert workers.results(100) == []


def test_a_large_answer_is_returned_at_once() -> None:
    waiting = [polled(), polled(large=True), polled()]
    workers, _ = gathering(waiting)
    assert workers.results(100) == waiting[:2]
    assert workers.results(100) == waiting[2:]


def test_results_are_gathered_for_six_tenths_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 100.0, 100.5, 101.0])
    monkeypatch.setattr("shared.polling.workers.time", SimpleNamespace(monotonic=lambda: next(moments)))
    workers, results = gathering([polled(), polled()])
    assert len(workers.results(100)) == 2
    assert results.timeouts == [pytest.approx(0.6), pytest.approx(0.1), 0]
