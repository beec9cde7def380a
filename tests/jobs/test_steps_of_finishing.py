"""The last steps of finished jobs, without storage: their order, which jobs take them, and on which thread."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from shared.events.outbox import OutboxRow
from shared.jobs.finishing import LARGE_FIELDS_AT_ONCE_BYTES, Finishing, FinishingThread
from shared.jobs.history import Recorded
from shared.jobs.job import Job, JobState, Operation
from shared.jobs.job_events import JobEvent
from shared.storage.errors import StorageUnreachable
from tests.clock import FakeClock
from tests.log_events import logged

NOW = FakeClock().now()


def event(name: str, *, state: JobState = JobState.FAILED, columns: dict[str, Any] | None = None) -> JobEvent:
    job = Job(job_id=name, registered_at=NOW, next_poll_at=NOW, state=state)
    return JobEvent(id=f"evt_{name}", type=f"job.{state}", created_at=NOW, job=job, columns=columns or {})


@dataclass
class Stores:
    """The pending jobs, the history and the outbox of a `Finishing`: they record the steps."""

    recorded: dict[str, Recorded] = field(default_factory=dict)
    steps: list[tuple[str, list[str]]] = field(default_factory=list)

    def add(self, events: Sequence[JobEvent]) -> list[Recorded]:
        self.steps.append(("record", [each.job.job_id for each in events]))
        return [self.recorded.get(each.job.job_id, Recorded.BY_THIS_FINISH) for each in events]

    def keep_offers(self, jobs: Sequence[Job]) -> None:
        self.steps.append(("keep offers", [job.job_id for job in jobs]))

    def send(self, rows: Sequence[OutboxRow]) -> None:
        self.steps.append(("send", [row.event.id.removeprefix("evt_") for row in rows]))

    def drop(self, events: Sequence[JobEvent]) -> None:
        self.steps.append(("drop", [each.job.job_id for each in events]))

    def with_large_fields(self, event: JobEvent) -> JobEvent:
        self.steps.append(("load", [event.job.job_id]))
        return event

    def last_polls_of_finished(self, since: datetime) -> dict[str, datetime]:
        self.steps.append(("polls in the outbox", [since.isoformat()]))
        return {"moving": NOW, "in the outbox": NOW}

    def last_polls(self, since: datetime) -> dict[str, datetime]:
        self.steps.append(("polls in the history", [since.isoformat()]))
        return {"moving": NOW - timedelta(seconds=1), "in the history": NOW}

    @property
    def recorded_together(self) -> list[list[str]]:
        return [jobs for step, jobs in self.steps if step == "record"]


def finishing(stores: Stores) -> Finishing:
    store = cast("Any", stores)
    return Finishing(pending=store, history=store, outbox=store, keep_offers=stores.keep_offers)


def test_a_finish_is_recorded_before_it_is_sent_and_sent_before_it_is_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    stores = Stores({"earlier": Recorded.BY_AN_EARLIER_FINISH, "later": Recorded.NOT_YET})
    stalled = event("stalled", state=JobState.PENDING)
    finishing(stores).finish([event("first"), stalled, event("earlier"), event("later"), event("last")])
    assert stores.steps == [
        ("record", ["first", "earlier", "later", "last"]),
        ("keep offers", ["first", "last"]),
        ("send", ["stalled", "first", "last"]),
        ("drop", ["earlier"]),
    ]
    assert [facts["jobId"] for _, facts in logged(caplog, "job_finished")] == ["first", "last"]


def test_a_finish_is_logged_with_its_facts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ended = event("job")
    job = replace(ended.job, operation=Operation.UPDATE, poll_count=7, errors=[{}, {}, {}])
    for finished_at in (NOW + timedelta(seconds=61.26), None):
        finishing(Stores()).finish([replace(ended, job=replace(job, finished_at=finished_at))])
    facts = {"jobId": "job", "state": "failed", "operation": "update", "pollCount": 7, "errors": 3}
    assert logged(caplog, "job_finished") == [
        ("INFO", {**facts, "secondsToFinish": 61.3}),
        ("INFO", {**facts, "secondsToFinish": 0.0}),
    ]
    assert {record.name for record in caplog.records} == {"offer_monitor.jobs"}


HALF = LARGE_FIELDS_AT_ONCE_BYTES // 2


@pytest.mark.parametrize(
    ("sizes_bytes", "together"),
    [
        ([2 * HALF, 0, 1], [["0", "1"], ["2"]]),
        ([HALF, HALF, HALF, HALF], [["0", "1"], ["2", "3"]]),
        ([1, 2 * HALF - 1, HALF, HALF], [["0", "1"], ["2", "3"]]),
        ([3 * HALF, 3 * HALF], [["0"], ["1"]]),
    ],
    ids=["one byte too many", "as many as fit", "of different sizes", "too large alone"],
)
def test_stored_events_are_finished_together_until_their_large_fields_fill_the_memory_set_aside(
    monkeypatch: pytest.MonkeyPatch, sizes_bytes: list[int], together: list[list[str]]
) -> None:
    monkeypatch.setattr("shared.jobs.finishing.size_of_parts", lambda columns: columns["size"])
    stores = Stores()
    events = [event(str(number), columns={"size": size}) for number, size in enumerate(sizes_bytes)]
    finishing(stores).finish_stored(events)
    assert stores.recorded_together == together
    assert [jobs for step, jobs in stores.steps if step == "load"] == [[each.job.job_id] for each in events]


def test_last_polls_are_read_in_the_order_in_which_a_job_moves_and_the_outbox_counts_first() -> None:
    stores = Stores()
    polls = finishing(stores).last_polls(NOW)
    assert polls == {"moving": NOW, "in the outbox": NOW, "in the history": NOW}
    assert stores.steps == [
        ("polls in the outbox", [NOW.isoformat()]),
        ("polls in the history", [NOW.isoformat()]),
    ]


@dataclass
class Batches:
    """A `Finishing` that only records its batches, once they `may_begin`; `fails` may raise for one."""

    fails: Callable[[list[str]], None] = lambda _: None
    made: list[tuple[str, list[str]]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    begun: threading.Event = field(default_factory=threading.Event)
    may_begin: threading.Event = field(default_factory=threading.Event)

    def finish(self, events: Sequence[JobEvent]) -> None:
        self._make("new", events)

    def finish_stored(self, events: Sequence[JobEvent]) -> None:
        self._make("stored", events)

    def _make(self, kind: str, events: Sequence[JobEvent]) -> None:
        self.begun.set()
        assert self.may_begin.wait(10)
        names = [each.job.job_id for each in events]
        self.made.append((kind, names))
        if len(self.made) > 10:
            pytest.fail("the same events are tried again and again")
        self.threads.add(threading.current_thread().name)
        self.fails(names)


def thread_of(batches: Batches, *, seconds_left: float = 9) -> FinishingThread:
    return FinishingThread(cast("Any", batches), FakeClock(), until=NOW + timedelta(seconds=seconds_left))


def test_one_thread_finishes_all_and_new_events_come_before_stored_ones() -> None:
    batches = Batches()
    with thread_of(batches) as thread:
        thread.finish_stored([event("first")])
        assert batches.begun.wait(10)
        thread.finish_stored([event("stored"), event("too")])
        thread.finish([event("new")])
        named = [each.name for each in threading.enumerate() if each.name.startswith("finish")]
        batches.may_begin.set()
    assert batches.made == [("stored", ["first"]), ("new", ["new"]), ("stored", ["stored", "too"])]
    assert named == ["finish_0"]
    assert batches.threads == {"finish_0"}


def test_no_more_than_98_events_are_finished_at_once() -> None:
    batches = Batches()
    batches.may_begin.set()
    with thread_of(batches) as thread:
        thread.finish([event(str(number)) for number in range(99)])
    assert [len(names) for _, names in batches.made] == [98, 1]


@pytest.mark.parametrize(("seconds_left", "made"), [(0.5, True), (0, True), (-0.5, False)])
def test_no_batch_begins_after_the_time_is_over(*, seconds_left: float, made: bool) -> None:
    batches = Batches()
    batches.may_begin.set()
    with thread_of(batches, seconds_left=seconds_left) as thread:
        thread.finish([event("job")])
    assert bool(batches.made) is made


def test_a_batch_that_storage_fails_is_left_to_the_next_tick(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: list[str]) -> None:
        raise StorageUnreachable("storage is busy")

    batches = Batches(fails)
    batches.may_begin.set()
    with thread_of(batches) as thread:
        thread.finish([event("a"), event("b")])
    assert batches.made == [("new", ["a", "b"])]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("names", [["a"], ["a", "b"], ["a", "b", "c"]], ids=len)
def test_the_events_of_a_batch_that_fails_unexpectedly_are_each_tried_once_alone(names: list[str]) -> None:
    def fails(names: list[str]) -> None:
        if "a" in names:
            raise KeyError("unforeseen")

    batches = Batches(fails)
    batches.may_begin.set()
    with thread_of(batches) as thread:
        thread.finish_stored([event(name) for name in names])
    alone = [("stored", [name]) for name in names] if len(names) > 1 else []
    assert batches.made == [("stored", names), *alone]
