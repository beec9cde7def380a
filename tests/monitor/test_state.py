"""The monitor's own row, and when it says that it is degraded."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from shared.events.event import Event
from shared.events.outbox import Announce, Outbox
from shared.jobs.set_aside import SetAside
from shared.monitor.state import MONITOR_PARTITION, MonitorState, MonitorStateStore
from shared.monitor.stats import PollCounts
from shared.polling.report import CycleFailure, CycleReport
from shared.storage.errors import StorageUnreachable
from shared.storage.partition import Partition
from shared.storage.table import Row, Table
from tests.clock import FakeClock
from tests.commits import recorded_commits
from tests.instance import RecordingAnnouncer


@pytest.fixture
def announcer() -> RecordingAnnouncer:
    return RecordingAnnouncer()


@dataclass
class States:
    """A process's store of the state, and the outbox by which it sends events."""

    store: MonitorStateStore
    outbox: Outbox

    def record(self, report: CycleReport) -> None:
        self.store.record(report, lambda: SetAside(count=0, newest=None))
        self.store.send_events(self.outbox)

    def read(self) -> MonitorState:
        return self.store.read()


def new_states(table: Table, announce: Announce) -> States:
    counts = PollCounts(Partition(table, MONITOR_PARTITION))
    return States(MonitorStateStore(table, counts), Outbox(table, announce))


@pytest.fixture
def states(table: Table, announcer: RecordingAnnouncer) -> States:
    return new_states(table, announcer.announce)


def report(clock: FakeClock, failure: CycleFailure | None = None, polled: int = 1) -> CycleReport:
    detail = "Entra refused the app" if failure else None
    return CycleReport(started_at=clock.now(), failure=failure, failure_detail=detail, polled=polled)


def test_before_the_first_tick_nothing_is_wrong(states: States) -> None:
    state = states.read()
    assert state.last_tick is None
    assert state.failed_cycles_in_a_row == 0


def test_degraded_is_announced_once_after_three_failed_cycles_and_recovered_once_after_the_next_good_one(
    states: States, announcer: RecordingAnnouncer, clock: FakeClock
) -> None:
    for _ in range(2):
        states.record(report(clock, CycleFailure.TOKEN_REFUSED))
    assert announcer.types == []
    for _ in range(3):
        states.record(report(clock, CycleFailure.TOKEN_REFUSED))
    assert announcer.types == ["monitor.degraded"]
    assert announcer.events[0].data["monitor"]["reason"] == "token_refused"
    for _ in range(2):
        states.record(report(clock))
    assert announcer.types == ["monitor.degraded", "monitor.recovered"]


def test_two_failures_with_a_good_cycle_between_them_are_not_in_a_row(
    states: States, announcer: RecordingAnnouncer, clock: FakeClock
) -> None:
    for failure in (CycleFailure.UPSTREAM_DOWN, CycleFailure.UPSTREAM_DOWN, None, CycleFailure.UPSTREAM_DOWN):
        states.record(report(clock, failure))
    assert announcer.types == []


def test_ticks_with_nothing_to_ask_while_upstream_is_down_are_no_recovery(
    states: States, announcer: RecordingAnnouncer, clock: FakeClock
) -> None:
    idle = CycleReport(started_at=clock.now(), pending=1)
    for _ in range(3):
        states.record(report(clock, CycleFailure.UPSTREAM_DOWN))
        states.record(idle)
    assert announcer.types == ["monitor.degraded"]
    assert states.read().failed_cycles_in_a_row == 3
    states.record(report(clock))
    assert announcer.types == ["monitor.degraded", "monitor.recovered"]


def test_cycles_of_two_instances_count_together(
    table: Table, announcer: RecordingAnnouncer, clock: FakeClock
) -> None:
    one, other = new_states(table, announcer.announce), new_states(table, announcer.announce)
    for states in (one, other, one, other):
        states.record(report(clock, CycleFailure.UPSTREAM_DOWN))
        clock.advance(1)
    assert announcer.types == ["monitor.degraded"]
    assert one.read().failed_cycles_in_a_row == 4


def test_an_event_that_could_not_be_announced_is_announced_with_the_next_cycle_under_the_same_id(
    table: Table, announcer: RecordingAnnouncer, clock: FakeClock
) -> None:
    offered: list[str] = []

    def broken(events: Sequence[Event]) -> None:
        offered.extend(event.id for event in events)
        raise StorageUnreachable("no answer")

    states = new_states(table, broken)
    states.record(report(clock, CycleFailure.UPSTREAM_DOWN))
    states.record(report(clock, CycleFailure.UPSTREAM_DOWN))
    with pytest.raises(StorageUnreachable):
        states.record(report(clock, CycleFailure.UPSTREAM_DOWN))
    new_states(table, announcer.announce).record(report(clock, CycleFailure.UPSTREAM_DOWN))
    assert [event.id for event in announcer.events] == offered[:1]
    assert states.read().failed_cycles_in_a_row == 4


def test_cycles_that_failed_with_storage_are_counted_when_it_is_back(
    states: States, announcer: RecordingAnnouncer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> object:
        raise StorageUnreachable("no answer")

    with monkeypatch.context() as down:
        down.setattr(Table, "pages", unreachable)
        for _ in range(3):
            with pytest.raises(StorageUnreachable):
                states.record(report(clock, CycleFailure.STORAGE_UNREACHABLE))
    states.record(report(clock))
    assert announcer.types == ["monitor.degraded", "monitor.recovered"]


def test_the_token_error_is_shown_until_upstream_answers_again(states: States, clock: FakeClock) -> None:
    states.record(report(clock, CycleFailure.TOKEN_REFUSED))
    states.record(report(clock, polled=0))
    assert states.read().last_token_error == "Entra refused the app"
    states.record(report(clock, polled=1))
    assert states.read().last_token_error is None


def test_a_report_whose_answer_is_lost_counts_once(
    table: Table,
    states: States,
    announcer: RecordingAnnouncer,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    states.record(report(clock))
    clock.advance(60)
    merge = table.merge

    def merged_and_tried_again(row: Row, etag: str) -> str:
        monkeypatch.setattr(table, "merge", merge)
        merge(row, etag)
        return merge(row, etag)

    monkeypatch.setattr(table, "merge", merged_and_tried_again)
    states.record(report(clock, CycleFailure.TOKEN_REFUSED))
    assert states.read().failed_cycles_in_a_row == 1
    assert announcer.types == []


def test_the_event_of_an_instance_that_was_killed_before_it_sent_it_is_sent_by_the_next(
    table: Table, announcer: RecordingAnnouncer, clock: FakeClock
) -> None:
    killed = new_states(table, announcer.announce)
    for _ in range(3):
        killed.store.record(report(clock, CycleFailure.UPSTREAM_DOWN), lambda: SetAside(count=0, newest=None))
    assert announcer.types == []
    new_states(table, announcer.announce).record(report(clock, CycleFailure.UPSTREAM_DOWN))
    assert announcer.types == ["monitor.degraded"]
    assert list(table.rows("PartitionKey eq 'monitor' and RowKey ge '~'")) == []


def test_the_state_its_event_and_the_days_polls_are_written_in_one_transaction(
    table: Table, states: States, clock: FakeClock
) -> None:
    with recorded_commits(table) as commits:
        for _ in range(3):
            states.record(report(clock, CycleFailure.UPSTREAM_DOWN))
    assert ["MERGE state", "INSERT ~event~", "UPSERT day~2026-11-20"] in commits


def test_an_event_in_the_monitors_partition_that_cannot_be_read_stops_nothing(
    table: Table, states: States, announcer: RecordingAnnouncer, clock: FakeClock
) -> None:
    table.upsert({"PartitionKey": "monitor", "RowKey": "~event~absurd", "type": 5})
    for _ in range(3):
        states.record(report(clock, CycleFailure.UPSTREAM_DOWN))
    assert announcer.types == ["monitor.degraded"]
