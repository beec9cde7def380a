"""The events of private offers: their rows in the outbox, and how they are sent.

The row has the offer as it was at that moment, in a column or in a document of its own, which is deleted once the
event is sent.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.events.event import EVENT_TYPES, Event, new_event_id
from shared.events.outbox import (
    EVENT_PREFIX,
    EventRow,
    Outbox,
    OutboxRow,
    event_columns,
    event_id_in,
    event_key,
    event_row,
)
from shared.identifiers import private_offer_id
from shared.json_codec import InvalidJson, JsonObject, RawJson, dumps, loads, members
from shared.storage.documents import Documents
from shared.storage.errors import RecordBroken
from shared.storage.large_columns import LargeColumns, references_in, size_of
from shared.storage.partition import Partition
from shared.storage.rows import BadRow, moment, read_row, text
from shared.storage.table import Change, Row, Table, Write, etag_of
from shared.watch.decision import Told
from shared.watch.rows import OFFER_COLUMN, OFFERS_PARTITION, offer_key

_OFFER_EVENT = "private_offer."
# Offers of events that were left behind are sent together until they reach this size: all are in memory at once.
OFFERS_AT_ONCE_BYTES = 4 * 1024 * 1024
EVENTS_AT_ONCE = 98
_log = logging.getLogger("offer_monitor.watch")


@dataclass(frozen=True, kw_only=True)
class OfferEvent:
    """An event about a private offer, as it is in the outbox.

    `offer` is upstream's JSON, None if it cannot be read any more. `details` are the other members of the event's
    data. `parts` are the columns that hold the offer or refer to its document.
    """

    id: str
    type: str
    created_at: datetime
    offer_id: str
    offer: bytes | None = field(default=None, repr=False)
    details: JsonObject = field(default_factory=dict)
    parts: Row = field(default_factory=dict, repr=False)
    etag: str = ""

    @property
    def key(self) -> Row:
        return event_key(OFFERS_PARTITION, self.id)

    @property
    def owner(self) -> str:
        """The owner of its document."""
        return offer_key(self.offer_id)

    @property
    def event(self) -> Event:
        only_id = {"id": f"private-offer/{self.offer_id}"}
        offer = only_id if self.offer is None else RawJson(self.offer)
        return Event(
            id=self.id, type=self.type, created_at=self.created_at, data={"privateOffer": offer, **self.details}
        )

    @property
    def insertion(self) -> Change:
        """The change that stores it."""
        columns = event_columns(self.id, self.type, self.created_at)
        about = {"privateOfferId": self.offer_id, "details": dumps(self.details)}
        return Change(Write.INSERT, self.key | columns | about | self.parts)


class OfferOutbox:
    """Stores the offers of events, and sends the events of the partition `offers`. Methods raise StorageError."""

    def __init__(self, table: Table, documents: Documents, outbox: Outbox) -> None:
        self._partition = Partition(table, OFFERS_PARTITION)
        self._columns = LargeColumns(documents)
        self._outbox = outbox

    def event(self, told: Told, offer_id: str, offer: bytes | None, now: datetime) -> OfferEvent:
        """The event for what is told of an offer; a large offer is stored here, the event's row by the caller."""
        details: JsonObject = {}
        if told.changes:
            details["changes"] = list(told.changes)
        if told.by is not None:
            details["by"] = told.by
        if told.days_left is not None:
            details["daysLeft"] = told.days_left
        return OfferEvent(
            id=new_event_id(),
            type=told.type,
            created_at=now,
            offer_id=offer_id,
            offer=offer,
            details=details,
            parts=self._columns.columns(offer_key(offer_id), OFFER_COLUMN, offer or b""),
        )

    def send(self, events: Sequence[OutboxRow]) -> None:
        """Send stored events, and delete their documents."""
        self._outbox.send(events)
        for event in events:
            if isinstance(event, OfferEvent):
                self._columns.delete(event.owner, event.parts, OFFER_COLUMN)

    def send_left_behind(self, *, has_time: Callable[[], bool]) -> int:
        """Send the events that a killed process has left, as many as there is time for; returns how many."""
        sent = 0
        for some in _in_groups(self._left_behind()):
            loaded = [self._loaded(event) if isinstance(event, OfferEvent) else event for event in some]
            self.send(loaded)
            sent += len(loaded)
            if not has_time():
                break
        return sent

    def references_of(self, offer_id: str) -> list[str]:
        """The documents of the offer to which events refer."""
        events = (event for event in self._left_behind() if isinstance(event, OfferEvent))
        return [
            reference
            for event in events
            if event.offer_id == offer_id
            for reference in references_in(event.parts, OFFER_COLUMN)
        ]

    def _left_behind(self) -> Iterator[OfferEvent | EventRow]:
        """The events in the outbox; one that others have made something else of is logged and left alone."""
        for row in self._partition.rows(start=EVENT_PREFIX, page_size=EVENTS_AT_ONCE):
            try:
                yield outbox_row(row)
            except BadRow as error:
                _log.error("the event %.60r of an offer cannot be read: %s", row["RowKey"], error)

    def _loaded(self, event: OfferEvent) -> OfferEvent:
        """The event with its offer. One that is missing does not hold the event back."""
        try:
            offer = self._columns.read(event.owner, OFFER_COLUMN, event.parts)
            members(offer)
        except (RecordBroken, InvalidJson) as error:
            _log.error("the event %s has no offer, since it cannot be read: %s", event.id, error)
            return event
        return replace(event, offer=offer)


def outbox_row(row: Row) -> OfferEvent | EventRow:
    """Read the row of an event, without the offer. Raises BadRow, nothing else."""
    return read_row(lambda: _offer_event(row) if str(row.get("type")).startswith(_OFFER_EVENT) else event_row(row))


def _offer_event(row: Row) -> OfferEvent:
    event_type, created_at = text(row, "type"), moment(row, "createdAt")
    offer_id, details = text(row, "privateOfferId") or "", loads(text(row, "details") or "{}")
    if event_type not in EVENT_TYPES or created_at is None or not isinstance(details, dict):
        raise BadRow("it is not an event")
    if private_offer_id(offer_id) != offer_id:
        raise BadRow("it is not about a private offer")
    return OfferEvent(
        id=event_id_in(row),
        type=event_type,
        created_at=created_at,
        offer_id=offer_id,
        details=details,
        parts={name: row[name] for name in (OFFER_COLUMN, f"{OFFER_COLUMN}Document") if row.get(name)},
        etag=etag_of(row),
    )


def _in_groups(events: Iterable[OfferEvent | EventRow]) -> Iterator[list[OfferEvent | EventRow]]:
    some: list[OfferEvent | EventRow] = []
    size_bytes = 0
    for event in events:
        event_bytes = size_of(event.parts, OFFER_COLUMN) if isinstance(event, OfferEvent) else 0
        if some and (size_bytes + event_bytes > OFFERS_AT_ONCE_BYTES or len(some) == EVENTS_AT_ONCE):
            yield some
            some, size_bytes = [], 0
        some.append(event)
        size_bytes += event_bytes
    if some:
        yield some
