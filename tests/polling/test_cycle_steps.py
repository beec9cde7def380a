"""One poll cycle, step by step, without storage and upstream: what it claims, writes, counts, logs and gives up."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any, cast

import pytest

from shared.jobs.job import Job, JobState
from shared.jobs.job_events import JobEvent, Written
from shared.jobs.job_rows import PendingRow
from shared.jobs.pending_jobs import Claims, PendingPage
from shared.polling.cycle import PollCycle
from shared.polling.due import PollStores
from shared.polling.poller import LargeAnswerPermit, Poll
from shared.polling.report import CycleFailure, CycleReport
from shared.storage.errors import StorageUnreachable
from shared.upstream.errors import TokenUnavailable, UpstreamServerError, UpstreamThrottled
from tests.clock import FakeClock
from tests.log_events import logged

NOW = FakeClock().now()


def row(name: str, *, due_in_seconds: float = 0) -> PendingRow:
    job = Job(
        job_id=name,
        registered_at=NOW,
        next_poll_at=NOW + timedelta(seconds=due_in_seconds),
        last_polled_at=NOW - timedelta(minutes=1),
        poll_count=1,
    )
    return PendingRow(job=job, etag="", row_key=name)


def rows(count: int) -> list[PendingRow]:
    return [row(f"{number:04}") for number in range(count)]


def still_running(job: Job) -> Poll:
    return Poll(replace(job, poll_count=job.poll_count + 1, next_poll_at=NOW + timedelta(minutes=1)), asked=True)


def ended(job: Job) -> Poll:
    return Poll(job.finished(JobState.FAILED, NOW), asked=True)


def event_of(job: Job) -> JobEvent:
    return JobEvent(id=f"evt_{job.job_id}", type="job.x", created_at=NOW, job=job, columns={})


@dataclass
class World:
    """All that a cycle needs: it records the steps, and fails where a test says so."""

    pages_left: list[PendingPage] = field(default_factory=list)
    answer: Callable[[Job], Poll] = still_running
    large: set[str] = field(default_factory=set)
    before_claim: Callable[[], None] = lambda: None
    before_write: Callable[[], None] = lambda: None
    before_page: Callable[[], None] = lambda: None
    lose: int = 0
    clock: FakeClock = field(default_factory=FakeClock)
    steps: list[tuple[str, list[str]]] = field(default_factory=list)
    claimed_until: set[datetime] = field(default_factory=set)
    slots: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(1000))

    # The pending jobs.
    def pages(self, *, start_at: str) -> Iterator[PendingPage]:
        assert start_at == ""
        for page in self.pages_left:
            self.before_page()
            yield page

    def claim(self, rows: Sequence[PendingRow], until: datetime) -> Claims:
        self.steps.append(("claim", [each.row_key for each in rows]))
        self.claimed_until.add(until)
        self.before_claim()
        lost, self.lose = min(self.lose, len(rows)), max(self.lose - len(rows), 0)
        refused = [each for each in rows if each.row_key == "refused"]
        taken = [each for each in rows[lost:] if each not in refused]
        return Claims(taken=taken, lost=list(rows[:lost]), refused=refused)

    def reread(self, rows: Sequence[PendingRow]) -> list[PendingRow]:
        self.steps.append(("read again", [each.row_key for each in rows]))
        return []

    def write(self, polled: Sequence[tuple[PendingRow, Job]], now: datetime) -> list[Written | None]:
        assert now == self.clock.now()
        self.steps.append(("write", [row.row_key for row, _ in polled]))
        self.before_write()
        return [self._written(row, job) for row, job in polled]

    def _written(self, row: PendingRow, job: Job) -> Written | None:
        if job.job_id == "lost":
            return None
        return Written(
            row=row if job.pending else None, event=None if job.pending and not job.stalled else event_of(job)
        )

    # The repair of rows, and the requests that are remembered.
    def set_aside(self, bad: Sequence[object]) -> None:
        assert not bad

    def set_aside_refused(self, rows: Sequence[PendingRow]) -> None:
        self.steps += [("set aside", [each.row_key]) for each in rows]

    def in_lower_case(self, rows: list[PendingRow]) -> list[PendingRow]:
        return rows

    in_present = in_lower_case

    # Finishing.
    def finish(self, events: Sequence[JobEvent]) -> None:
        self.steps.append(("finish", sorted(event.job.job_id for event in events)))

    def finish_stored(self, events: Sequence[JobEvent]) -> None:
        bare = not any(event.job.errors or event.job.private_offer for event in events)
        self.steps.append(("finish stored" if bare else "finish whole", sorted(event.job.job_id for event in events)))

    # The poller, the token and the pauses.
    def permit(self) -> LargeAnswerPermit:
        return LargeAnswerPermit(self.slots, wait_seconds=0)

    def poll(self, job: Job, *, answer_by: datetime, permit: LargeAnswerPermit) -> Poll:
        assert answer_by == NOW + timedelta(seconds=44)
        if job.job_id in self.large:
            permit.acquire()
        return self.answer(job)

    def failed_unexpectedly(self, job: Job) -> Poll:
        raise KeyError(job.job_id)

    def ensure_token(self) -> None:
        self.steps.append(("token", []))

    def sleep(self, seconds: float) -> None:
        self.steps.append((f"sleep {seconds:g}", []))
        assert len(self.steps) < 100, "the cycle does not end"
        self.clock.advance(seconds)

    def run(self, *rows: PendingRow, concurrency: int = 1, **fields: Any) -> CycleReport:  # noqa: ANN401 - of a cycle
        if rows:
            self.pages_left = [PendingPage(rows=list(rows), last_key=rows[-1].row_key)]
        store = cast("Any", self)
        stores = PollStores(pending=store, row_repair=store, poll_spacing=store, finishing=store)
        parts: dict[str, Any] = {"ensure_token": self.ensure_token, "clock": self.clock, "sleep": self.sleep} | fields
        return PollCycle(stores=stores, poller=store, concurrency=concurrency, **parts).run()

    def claims_take(self, *, seconds: float) -> None:
        def take() -> None:
            self.clock.advance(seconds)

        self.before_claim = take

    def told(self, step: str) -> list[list[str]]:
        return [names for each, names in self.steps if each == step]

    @property
    def order(self) -> list[str]:
        return [step for step, names in self.steps if names or step not in {"finish", "finish stored"}]


def test_a_due_job_is_claimed_polled_and_written() -> None:
    world = World()
    report = world.run(row("a"))
    assert world.order == ["token", "claim", "write"]
    assert world.claimed_until == {NOW + timedelta(seconds=104)}
    assert (report.failure, report.pending, report.polled, report.finished, report.unreached) == (None, 1, 1, 0, 0)
    assert (report.read_all, report.stopped_at) == (True, "")


def test_an_idle_cycle_reads_everything_and_asks_for_no_token() -> None:
    world = World([PendingPage(last_key="a"), PendingPage(last_key="b")])
    report = world.run()
    assert (world.steps, report.read_all) == ([], True)


def test_jobs_of_later_pages_are_polled_too() -> None:
    world = World([PendingPage(rows=[row(name)], last_key=name) for name in "abc"])
    assert world.run().polled == 3


def test_a_cycle_that_waits_for_a_job_reads_the_later_pages_meanwhile() -> None:
    pages = [[row("a", due_in_seconds=5)], [row("b", due_in_seconds=3600)], [row("c")]]
    world = World([PendingPage(rows=page, last_key=page[0].row_key) for page in pages])
    assert world.run().polled == 2
    assert world.told("write") == [["c"], ["a"]]


def test_a_cycle_waits_for_a_job_that_comes_due_soon() -> None:
    world = World()
    assert world.run(row("a"), row("b", due_in_seconds=5)).polled == 2
    assert world.order == ["token", "claim", "write", "sleep 5", "claim", "write"]


def test_a_cycle_that_is_told_to_stop_waits_for_nothing() -> None:
    world = World(answer=lambda job: Poll(job, asked=True, error=UpstreamThrottled("429", api="")))
    world.run(row("a"), row("b", due_in_seconds=5))
    assert "sleep 5" not in world.order


def test_no_job_is_claimed_after_the_last_request() -> None:
    world = World()
    world.claims_take(seconds=36)
    world.run(*rows(250))
    assert [len(names) for names in world.told("claim")] == [100, 100]  # the second at the last moment


def test_jobs_that_come_due_after_the_last_claim_are_counted_as_unreached() -> None:
    world = World()
    world.claims_take(seconds=40)
    report = world.run(*rows(103))
    assert [len(names) for names in world.told("claim")] == [100]
    assert report.unreached == 103
    assert (report.polled, report.stopped_at) == (0, "0000")


def test_enough_jobs_are_claimed_to_keep_each_thread_busy_while_a_transaction_is_written() -> None:
    world = World()
    world.run(*rows(400), concurrency=100)
    assert world.order[:4] == ["token", "claim", "claim", "write"]
    assert [len(names) for names in world.told("claim")] == [100] * 4
    assert sum(len(names) for names in world.told("write")) == 400


@pytest.mark.parametrize(("lost", "claims"), [(500, 7), (501, 6)], ids=["as many as allowed", "too many"])
def test_a_cycle_that_loses_more_than_500_claims_leaves_the_rest_to_the_other_instance(
    lost: int, claims: int
) -> None:
    world = World(lose=lost)
    world.run(*rows(700), concurrency=1000)
    assert len(world.told("claim")) == claims
    assert sum(len(names) for names in world.told("read again")) == 500


def test_claims_that_are_lost_are_read_again_and_refused_ones_set_aside() -> None:
    world = World(lose=1)
    world.run(row("a"), row("b"), row("refused"))
    assert (world.told("read again"), world.told("set aside")) == ([["a"]], [["refused"]])
    assert world.told("write") == [["b"]]


def test_events_are_finished_from_memory_except_those_of_large_answers_and_of_pending_jobs() -> None:
    def answer(job: Job) -> Poll:
        job = replace(job, errors=[{"code": "x"}], private_offer=b"{}")
        return still_running(replace(job, stalled=True)) if job.job_id == "stalled" else ended(job)

    world = World(answer=answer, large={"large"})
    report = world.run(row("small"), row("large"), row("stalled"), row("lost"))
    finished = [name for names in world.told("finish") for name in names]
    stored = [name for names in world.told("finish stored") for name in names]
    assert (finished, sorted(stored)) == (["small"], ["large", "stalled"])
    assert (report.finished, report.polled) == (2, 4)


def test_permits_for_large_answers_are_released_once_they_are_written() -> None:
    world = World(large={"a", "b"}, slots=BoundedSemaphore(2))
    world.run(row("a"), row("b"))
    assert world.slots.acquire(blocking=False)
    assert world.slots.acquire(blocking=False)


def test_jobs_that_come_back_unpolled_are_unreached_unless_they_have_to_wait() -> None:
    def answer(job: Job) -> Poll:
        waits = replace(job, next_poll_at=NOW + timedelta(seconds=50))
        return Poll(waits if job.job_id == "waits" else job, asked=False)

    world = World(answer=answer)
    report = world.run(row("a"), row("b"), row("waits"))
    assert (report.polled, report.unreached, report.failed_polls) == (0, 2, 0)


def test_a_poll_without_any_result_is_a_failed_poll_that_is_not_written() -> None:
    def answer(job: Job) -> Poll:
        if job.job_id.startswith("fragile"):
            raise KeyError("unforeseen")
        return still_running(job)

    world = World(answer=answer)
    report = world.run(row("a"), row("fragile 1"), row("fragile 2"))
    assert (report.failed_polls, report.polled) == (2, 1)
    assert [name for names in world.told("write") for name in names] == ["a"]


def unreachable() -> None:
    raise StorageUnreachable("storage is busy")


def test_a_cycle_that_cannot_claim_writes_what_it_has_and_fails() -> None:
    world = World()
    claims: list[None] = []

    def second_fails() -> None:
        claims.append(None)
        if len(claims) == 2:
            unreachable()

    world.before_claim = second_fails
    report = world.run(*rows(150), concurrency=100)
    assert (report.failure, report.failure_detail) == (CycleFailure.STORAGE_UNREACHABLE, "storage is busy")
    assert len(claims) == 2
    written = sum(len(names) for names in world.told("write"))
    assert written == 100
    assert report.polled + report.unreached >= 100


def test_a_cycle_that_cannot_write_claims_no_more_and_still_writes_later_results() -> None:
    world = World()
    failures = iter([None])

    def first_fails() -> None:
        for _ in failures:
            unreachable()

    world.before_write = first_fails
    report = world.run(*rows(350), concurrency=100)
    assert report.failure is CycleFailure.STORAGE_UNREACHABLE
    assert world.order.count("claim") == 2
    assert sum(len(names) for names in world.told("write")) == 200


def test_a_cycle_that_cannot_read_fails_with_the_place_where_it_stopped() -> None:
    world = World([PendingPage(last_key="a"), PendingPage(last_key="b")])
    reads: list[None] = []

    def second_fails() -> None:
        reads.append(None)
        if len(reads) == 2:
            unreachable()

    world.before_page = second_fails
    report = world.run()
    assert (report.failure, report.failure_detail) == (CycleFailure.STORAGE_UNREACHABLE, "storage is busy")
    assert (report.read_all, report.stopped_at) == (False, "a")


def test_without_a_token_all_jobs_are_counted_and_none_is_claimed() -> None:
    def refused() -> None:
        raise TokenUnavailable("the secret has expired", api="")

    world = World([PendingPage(rows=[row(name)], last_key=name) for name in "abc"])
    report = world.run(ensure_token=refused)
    assert (report.failure, report.failure_detail) == (CycleFailure.TOKEN_REFUSED, "the secret has expired")
    assert (report.pending, report.unreached, report.read_all) == (3, 3, True)
    assert world.steps == []


def test_a_cycle_fails_if_upstream_answers_about_no_job() -> None:
    world = World(answer=lambda job: replace(still_running(job), error=UpstreamServerError("503", api="")))
    assert world.run(row("a"), row("b")).failure is CycleFailure.UPSTREAM_DOWN


def test_each_cycle_is_logged_with_its_facts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = World()
    world.claims_take(seconds=1.2345)
    report = world.run(row("a"))
    assert report.duration_ms == 1234
    [(level, facts)] = logged(caplog, "poll_cycle")
    assert level == "INFO"
    assert (facts["outcome"], facts["polled"], facts["durationMs"]) == ("ok", 1, 1234)
    assert {record.name for record in caplog.records} == {"offer_monitor.jobs"}


def test_a_cycle_that_failed_is_logged_as_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    World(before_write=unreachable).run(row("a"))
    [(level, facts)] = logged(caplog, "poll_cycle")
    assert (level, facts["outcome"], facts["reason"]) == ("WARNING", "failed", "storage_unreachable")
