"""Every event goes through the outbox: stored where it was decided, announced, deleted."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.events.event import Event
from shared.events.outbox import EventRow, Outbox, event_row
from shared.storage.errors import StorageUnreachable
from shared.storage.rows import BadRow
from shared.storage.table import Row, Table
from tests.instance import RecordingAnnouncer
from tests.killed import Killed, killed_before_write

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
EVENT = Event(id="evt_1", type="monitor.degraded", created_at=AT, data={"monitor": {"reason": "upstream_down"}})


def stored(table: Table, event: Event = EVENT) -> EventRow:
    row = EventRow("monitor", event)
    [etag] = table.commit([row.insertion])
    return replace(row, etag=etag)


def rows(table: Table) -> list[Row]:
    return list(table.rows("PartitionKey eq 'monitor' and RowKey ge '~'"))


def test_an_event_is_read_as_it_was_stored(table: Table) -> None:
    row = stored(table)
    assert [event_row(each) for each in rows(table)] == [row]


def test_a_sent_event_leaves_no_row(table: Table) -> None:
    announcer = RecordingAnnouncer()
    Outbox(table, announcer.announce).send([stored(table)])
    assert announcer.events == [EVENT]
    assert rows(table) == []


def test_an_event_that_cannot_be_announced_stays(table: Table) -> None:
    def unreachable(_: Sequence[Event]) -> None:
        raise StorageUnreachable("no answer")

    row = stored(table)
    with pytest.raises(StorageUnreachable):
        Outbox(table, unreachable).send([row])
    assert len(rows(table)) == 1


def test_an_event_whose_sender_is_killed_after_announcing_is_announced_again_with_the_same_id(
    table: Table,
) -> None:
    announcer = RecordingAnnouncer()
    stored(table)
    with killed_before_write(table, 1) as kill, contextlib.suppress(Killed):
        Outbox(table, announcer.announce).send([event_row(row) for row in rows(table)])
    assert kill.happened
    assert announcer.events == [EVENT]
    Outbox(table, announcer.announce).send([event_row(row) for row in rows(table)])
    assert announcer.events == [EVENT]
    assert rows(table) == []


def test_a_row_that_another_instance_has_sent_does_not_hold_back_the_others(table: Table) -> None:
    announcer = RecordingAnnouncer()
    sent, own = stored(table), stored(table, replace(EVENT, id="evt_2"))
    Outbox(table, announcer.announce).send([sent])
    Outbox(table, announcer.announce).send([sent, own])
    assert [event.id for event in announcer.events] == ["evt_1", "evt_2"]
    assert rows(table) == []


def test_a_row_that_was_written_anew_since_it_was_read_stays_for_the_next_reader(table: Table) -> None:
    read = stored(table)
    table.upsert(replace(read, event=replace(EVENT, type="monitor.recovered")).insertion.row)
    Outbox(table, RecordingAnnouncer().announce).send([read])
    assert [event_row(row).event.type for row in rows(table)] == ["monitor.recovered"]


def with_columns(table: Table, columns: Row) -> Row:
    """The stored row of an event with these columns instead of its own; None leaves one out."""
    row = EventRow("monitor", EVENT).insertion.row | columns
    table.insert({name: value for name, value in row.items() if value is not None})
    [found] = rows(table)
    return found


@pytest.mark.parametrize("columns", [{"eventId": "x" * 100}, {"eventId": "_x_1"}, {"eventId": "x" * 51 + "_" * 49}])
def test_an_event_id_has_up_to_a_hundred_letters_digits_and_underscores(table: Table, columns: Row) -> None:
    assert event_row(with_columns(table, columns)).event.id == columns["eventId"]


@pytest.mark.parametrize("data", [None, "", "{}"])
def test_an_event_without_data_has_an_empty_object(table: Table, data: str | None) -> None:
    assert event_row(with_columns(table, {"data": data})).event.data == {}


@pytest.mark.parametrize(
    "columns",
    [
        {"eventId": 5},
        {"eventId": None},
        {"eventId": "with a space"},
        {"eventId": "___"},
        {"eventId": "x" * 101},
        {"type": "job.imagined"},
        {"type": None},
        {"createdAt": "yesterday"},
        {"createdAt": None},
        {"data": "[]"},
        {"data": "{"},
    ],
    ids=str,
)
def test_a_row_with_a_column_that_does_not_fit_is_bad(table: Table, columns: Row) -> None:
    row = with_columns(table, columns)
    with pytest.raises(BadRow):
        event_row(row)
