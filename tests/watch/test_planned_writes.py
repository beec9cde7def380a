"""What is planned for offers is written in few transactions, each offer whole, and its events are sent."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.events.event import Event
from shared.events.outbox import Outbox
from shared.storage.documents import Documents
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Change, Table
from shared.watch.comparing import Planned
from shared.watch.decision import Told
from shared.watch.events import OfferOutbox
from shared.watch.planned_writes import WRITE_TRIES, Plan, PlannedWrites
from shared.watch.rows import OfferRow, StoredSummary
from shared.watch.run_state import ClaimedRun, RunElsewhere, RunRow
from shared.watch.snapshots import Snapshots
from tests.clock import FakeClock
from tests.commits import recorded_commits

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Writing:
    """The writes of a run in a table, and what they announce."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.announced: list[str] = []
        self.unreachable = False
        documents = Documents(table)
        self.snapshots = Snapshots(table, documents)
        self.outbox = OfferOutbox(table, documents, Outbox(table, self._announce))
        self._runs = RunRow(table, documents)
        self.writes = PlannedWrites(self.claim(NOW), self.snapshots, self.outbox)

    def claim(self, now: datetime) -> ClaimedRun:
        return self._runs.claim(FakeClock(now), timedelta(seconds=55), lambda found: found)

    def _announce(self, events: Sequence[Event]) -> None:
        if self.unreachable:
            raise StorageUnreachable("storage did not answer")
        self.announced += [event.type for event in events]

    def plan(self, offer_id: str, *events: str, name: str = "planned", offer: bytes = b"{}") -> Plan:
        """Plans to give the offer this name and this content, and to tell these events."""

        def plan(before: OfferRow | None) -> Planned:
            etag = "" if before is None else before.summary.etag
            parts = self.snapshots.parts(offer_id, offer, before)
            row = OfferRow(summary=StoredSummary(id=offer_id, etag=etag, name=name), parts=parts)
            told = [self.outbox.event(Told(f"private_offer.{event}"), offer_id, b"{}", NOW) for event in events]
            return Planned(row, before, self.snapshots.write(row, before), told)

        return plan

    def put(self, offer_id: str, *, offer: bytes = b"{}") -> OfferRow:
        """Store an offer as an earlier run has."""
        self.table.commit(self._changes(self.plan(offer_id, name="before", offer=offer)))
        row = self.snapshots.get(offer_id)
        assert row is not None
        return row

    def rename(self, offer_id: str, name: str) -> None:
        """What a job that finishes does to the row."""
        row = self.snapshots.get(offer_id)
        assert row is not None
        after = replace(row, summary=replace(row.summary, name=name))
        self.table.commit([self.snapshots.write(after, row)])

    def _changes(self, plan: Callable[[OfferRow | None], Planned | None]) -> list[Change]:
        planned = plan(None)
        assert planned is not None
        return planned.changes

    def names(self) -> dict[str, str | None]:
        return {offer_id: summary.name for offer_id, summary in self.snapshots.index().items()}

    def left_behind(self) -> int:
        return sum(row["RowKey"].startswith("~") for row in self.table.rows("PartitionKey eq 'offers'"))


@pytest.fixture
def writing(table: Table) -> Writing:
    return Writing(table)


def test_what_is_planned_is_written_at_once_and_its_events_are_sent(writing: Writing) -> None:
    with recorded_commits(writing.table) as commits:
        writing.writes.add(None, writing.plan("a", "created", "expiring"))
        writing.writes.add(None, writing.plan("b"))
        assert commits == []
        writing.writes.flush()

    assert commits[0] == ["UPSERT run", "INSERT offer~a", "INSERT ~event~", "INSERT ~event~", "INSERT offer~b"]
    assert writing.announced == ["private_offer.created", "private_offer.expiring"]
    assert writing.left_behind() == 0
    assert writing.writes.events == 2
    assert {offer_id: each.name for offer_id, each in writing.writes.written.items()} == writing.names()
    assert writing.names() == {"a": "planned", "b": "planned"}


def test_what_was_written_is_not_written_again(writing: Writing) -> None:
    writing.writes.add(None, writing.plan("a", "created"))
    writing.writes.flush()
    with recorded_commits(writing.table) as commits:
        writing.writes.flush()
        writing.writes.add(None, writing.plan("b", "created"))
        writing.writes.flush()

    assert commits[0] == ["UPSERT run", "INSERT offer~b", "INSERT ~event~"]
    assert writing.writes.events == 2
    assert set(writing.writes.written) == {"a", "b"}


def test_nothing_is_written_if_nothing_is_planned(writing: Writing) -> None:
    with recorded_commits(writing.table) as commits:
        writing.writes.add(None, lambda _: None)
        writing.writes.flush()

    assert commits == []


def test_an_offer_for_which_nothing_is_planned_holds_no_other_back(writing: Writing) -> None:
    writing.writes.add(None, lambda _: None)
    writing.writes.add(None, writing.plan("a"))
    writing.writes.flush()

    assert writing.names() == {"a": "planned"}


def test_a_plan_is_given_the_row_as_it_was_read(writing: Writing) -> None:
    before = writing.put("a")
    given: list[OfferRow | None] = []

    def plan(row: OfferRow | None) -> None:
        given.append(row)

    writing.writes.add(before, plan)
    writing.writes.flush()

    assert given == [before]


def test_so_many_plans_are_written_without_being_asked(writing: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.watch.planned_writes.PLANS_AT_ONCE", 3)
    for offer_id in "abcde":
        writing.writes.add(None, writing.plan(offer_id))

    assert set(writing.names()) == {"a", "b", "c"}


def test_plans_that_hold_more_memory_are_written_without_being_asked(
    writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.planned_writes.PLANS_AT_ONCE_BYTES", 100)
    writing.writes.add(None, writing.plan("a"), size_bytes=60)
    writing.writes.add(None, writing.plan("b"), size_bytes=40)
    assert writing.names() == {}

    writing.writes.add(None, writing.plan("c"), size_bytes=1)
    assert set(writing.names()) == {"a", "b", "c"}

    writing.writes.add(None, writing.plan("d"), size_bytes=100)
    writing.writes.add(None, writing.plan("e"))
    assert set(writing.names()) == {"a", "b", "c"}


def test_an_offer_that_a_job_has_changed_meanwhile_is_decided_again(writing: Writing) -> None:
    before = writing.put("a")
    other = writing.put("b")
    writing.rename("a", "by a job")
    given: list[str | None] = []

    def plan(row: OfferRow | None) -> Planned | None:
        assert row is not None
        given.append(row.summary.name)
        return writing.plan("a", "changed", name=f"after {row.summary.name}")(row)

    writing.writes.add(before, plan)
    writing.writes.add(other, writing.plan("b", "accepted"))
    writing.writes.flush()

    assert given == ["before", "by a job"]
    assert writing.names() == {"a": "after by a job", "b": "planned"}
    assert sorted(writing.announced) == ["private_offer.accepted", "private_offer.changed"]
    assert writing.writes.events == 2
    assert writing.writes.written["a"].name == "after by a job"


def test_an_offer_that_a_job_has_changed_meanwhile_may_need_nothing_more(writing: Writing) -> None:
    before = writing.put("a")
    writing.rename("a", "by a job")
    writing.writes.add(before, lambda row: writing.plan("a", "changed")(row) if row == before else None)
    writing.writes.flush()

    assert writing.names() == {"a": "by a job"}
    assert (writing.announced, writing.writes.events, writing.writes.written) == ([], 0, {})


def test_an_offer_whose_row_keeps_changing_is_left_to_the_next_run(writing: Writing) -> None:
    tries = [0]

    def plan(row: OfferRow | None) -> Planned | None:
        tries[0] += 1
        planned = writing.plan("a", "changed")(row)
        writing.rename("a", f"job {tries[0]}")
        return planned

    writing.writes.add(writing.put("a"), plan)
    writing.writes.flush()

    assert tries == [WRITE_TRIES]
    assert writing.names() == {"a": f"job {WRITE_TRIES}"}
    assert writing.announced == []
    assert writing.left_behind() == 0


def test_an_offer_that_storage_never_takes_is_left_out(writing: Writing) -> None:
    writing.writes.add(None, writing.plan("a", "created", name="x" * 40_000))
    writing.writes.add(None, writing.plan("b", "created"))
    writing.writes.flush()

    assert writing.names() == {"b": "planned"}
    assert set(writing.writes.written) == {"b"}
    assert writing.writes.events == 1


def test_a_document_that_the_new_row_does_not_have_is_deleted(writing: Writing) -> None:
    before = writing.put("a", offer=b'{"x":"' + b"x" * 40_000 + b'"}')
    writing.writes.add(before, writing.plan("a"))
    writing.writes.flush()

    assert list(Documents(writing.table).by_owner()) == []


def test_events_that_cannot_be_sent_are_left_to_the_next_run(writing: Writing) -> None:
    writing.unreachable = True
    writing.writes.add(None, writing.plan("a", "created"))
    writing.writes.flush()

    assert (writing.writes.events, writing.left_behind(), writing.announced) == (1, 1, [])


def test_an_instance_that_has_lost_the_run_writes_and_sends_nothing(writing: Writing) -> None:
    writing.writes.add(None, writing.plan("a", "created"))
    writing.claim(NOW + timedelta(seconds=55))

    with pytest.raises(RunElsewhere):
        writing.writes.flush()
    assert (writing.names(), writing.announced) == ({}, [])
