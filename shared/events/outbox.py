"""The outbox: every event is stored in the transaction that decides it, and sent from there.

An event's row is in the partition of the row whose change made the event, since a transaction covers one partition.
Its key begins with `~`, which sorts after every other key, so the query that reads a partition also finds its events.
Every kind of event is sent in the same way:

1. announce it; announcing the same event id again leads to the same deliveries,
2. delete its row.

If the process is killed between the two, the next reader of the partition repeats both with the same result.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.events.event import EVENT_TYPES, Event
from shared.json_codec import JsonObject, dumps, loads
from shared.storage.rows import BadRow, moment, read_row, text
from shared.storage.table import Change, Row, Table, Write, etag_of

OUTBOX_PREFIX = "~"
EVENT_PREFIX = "~event~"
LONGEST_EVENT_ID_CHARACTERS = 100
type Announce = Callable[[Sequence[Event]], None]


class OutboxRow(Protocol):
    """The row of any kind of event."""

    @property
    def key(self) -> Row:
        """`PartitionKey` and `RowKey`."""
        ...

    @property
    def etag(self) -> str: ...

    @property
    def event(self) -> Event: ...


@dataclass(frozen=True)
class EventRow:
    """The row of an event that holds its data as JSON."""

    partition: str
    event: Event
    etag: str = ""

    @property
    def key(self) -> Row:
        return event_key(self.partition, self.event.id)

    @property
    def insertion(self) -> Change:
        """The change that stores it."""
        columns = event_columns(self.event.id, self.event.type, self.event.created_at)
        return Change(Write.INSERT, self.key | columns | {"data": dumps(self.event.data)})


class Outbox:
    """Sends stored events."""

    def __init__(self, table: Table, announce: Announce) -> None:
        """`announce` stores a delivery for every endpoint that wants the event, and raises StorageError."""
        self._table = table
        self._announce = announce

    def send(self, rows: Sequence[OutboxRow]) -> None:
        """Announce the events and delete their rows. Raises StorageError; the next reader sends what is left."""
        if not rows:
            return
        self._announce([row.event for row in rows])
        # Each row on its own: another instance may have sent some of them meanwhile.
        self._table.commit_each([[Change(Write.DELETE, row.key, row.etag)] for row in rows])


def event_key(partition: str, event_id: str) -> Row:
    """The keys of an event's row."""
    return {"PartitionKey": partition, "RowKey": EVENT_PREFIX + event_id}


def event_columns(event_id: str, event_type: str, created_at: datetime) -> Row:
    """The columns that the row of every event has."""
    return {"eventId": event_id, "type": event_type, "createdAt": created_at}


def event_id_in(row: Row, column: str = "eventId") -> str:
    """The event's id. Raises BadRow."""
    value = text(row, column)
    if value is None or len(value) > LONGEST_EVENT_ID_CHARACTERS or not value.replace("_", "").isalnum():
        raise BadRow(f"its {column} is not the id of an event")
    return value


def event_row(row: Row) -> EventRow:
    """Read the row of an event that holds its data as JSON. Raises nothing but BadRow."""
    return read_row(lambda: _event_row(row))


def _event_row(row: Row) -> EventRow:
    event_type, created_at, data = text(row, "type"), moment(row, "createdAt"), _json_object(row)
    if event_type not in EVENT_TYPES or created_at is None:
        raise BadRow("it is not an event")
    event = Event(id=event_id_in(row), type=event_type, created_at=created_at, data=data)
    return EventRow(row["PartitionKey"], event, etag_of(row))


def _json_object(row: Row) -> JsonObject:
    data = loads(text(row, "data") or "{}")
    if not isinstance(data, dict):
        raise BadRow("its data is not a JSON object")
    return data
