"""The publishing status of the CPP offers that the settings name.

Each entry has a row with the last status. A new entry has a baseline of its own: its first status is not news. An
offer that is missing, or refused to the app, is in trouble until it can be read again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypedDict, cast

from shared.clock import Clock, rfc3339
from shared.events.event import Event, new_event_id
from shared.events.outbox import EventRow
from shared.json_codec import dumps, loads
from shared.storage.errors import StorageError
from shared.storage.partition import Partition
from shared.storage.rows import BadRow, moment, read_row, text
from shared.storage.table import Change, Row, Table, Write, etag_of
from shared.upstream.cloud_partner_portal import CloudPartnerPortal
from shared.upstream.errors import AccessDenied, UpstreamError, UpstreamNotFound
from shared.watch.cpp_status import InvalidStatus, PublishingStatus, publishing_status, status_changed
from shared.watch.events import OfferOutbox
from shared.watch.reading import RequestTime, ends_the_run
from shared.watch.rows import OFFERS_PARTITION
from shared.watch.run_state import ClaimedRun, Stored

CPP_PREFIX = "cpp~"
STATUS_CHANGED = "cpp_offer.status_changed"
_log = logging.getLogger("offer_monitor.watch")


class CppOfferTrouble(TypedDict):
    """A CPP offer that is missing or refused, why, and since when."""

    publisherId: str
    offerId: str
    reason: str
    since: str


@dataclass(frozen=True)
class CppRow:
    """What is known of an entry: its last status, None before the first; and since when it is in trouble and why."""

    publisher_id: str
    offer_id: str
    etag: str | None = None
    status: PublishingStatus | None = None
    read_at: datetime | None = None
    trouble: str | None = None
    trouble_since: datetime | None = None

    @property
    def key(self) -> str:
        return cpp_key(self.publisher_id, self.offer_id)


@dataclass(frozen=True)
class CppOutcome:
    """What an invocation found. `after` is the key of the entry after which the next one begins, empty for the first.

    `reason` is why it could not do its work, None if it could. Until `not_before` upstream asked for no request.
    """

    trouble: Sequence[CppOfferTrouble] = ()
    after: str = ""
    reason: str | None = None
    not_before: datetime | None = None
    read: int = 0
    events: int = 0


class CppOffers:
    """Follows CPP offers. Methods raise StorageError."""

    def __init__(
        self,
        *,
        table: Table,
        upstream: CloudPartnerPortal,
        outbox: OfferOutbox,
        entries: Sequence[tuple[str, str]],
        clock: Clock,
    ) -> None:
        self._partition = Partition(table, OFFERS_PARTITION)
        self._upstream = upstream
        self._outbox = outbox
        self._entries = {cpp_key(*entry): entry for entry in entries}
        self._clock = clock

    @property
    def followed(self) -> bool:
        """Whether there are any."""
        return bool(self._entries)

    def follow(self, claimed: ClaimedRun, request_time: RequestTime) -> CppOutcome:
        """Compare each entry with its row, beginning where the last invocation stopped. Raises RunElsewhere."""
        rows = self._rows(claimed)
        after, not_before = claimed.state.cpp_after, claimed.state.cpp_not_before
        now = self._clock.now()
        if not_before is not None and now < not_before <= now + timedelta(days=1):
            reason = "the Cloud Partner Portal asked for a pause" if rows else None
            return CppOutcome(_troubled(rows), after, reason, not_before)
        in_order = sorted(rows, key=lambda key: (key <= after, key))
        outcome = CppOutcome(after=after)
        for key in in_order:
            if not request_time.is_left():
                break
            try:
                rows[key], events = self._compare(claimed, rows[key], request_time)
                outcome = replace(outcome, read=outcome.read + 1, events=outcome.events + events)
            except UpstreamError as error:
                reason = f"{rows[key].publisher_id}/{rows[key].offer_id}: {error.message}"
                outcome = replace(outcome, reason=outcome.reason or reason)
                if error.retry_after_seconds:
                    not_before = self._clock.now() + timedelta(seconds=error.retry_after_seconds)
                    outcome = replace(outcome, not_before=not_before)
                if ends_the_run(error):
                    break
            outcome = replace(outcome, after=key)
        return replace(outcome, trouble=_troubled(rows), after="" if outcome.read == len(rows) else outcome.after)

    def _rows(self, claimed: ClaimedRun) -> dict[str, CppRow]:
        """The rows of all entries by key; those that have left the settings are deleted."""
        stored, left = self._stored()
        left += [
            self._partition.change(Write.DELETE, key, etag=row.etag)
            for key, row in stored.items()
            if key not in self._entries
        ]
        claimed.write([[change] for change in left])
        return {key: stored.get(key) or CppRow(*entry) for key, entry in self._entries.items()}

    def _stored(self) -> tuple[dict[str, CppRow], list[Change]]:
        """The rows that can be read; and the deletion of each that cannot, whose entry gets a new baseline."""
        stored: dict[str, CppRow] = {}
        unusable: list[Change] = []
        for row in self._partition.rows(start=CPP_PREFIX, before=f"{CPP_PREFIX}~"):
            try:
                stored[row["RowKey"]] = read_row(lambda row=row: _cpp_row(row))  # type: ignore[misc]
            except BadRow as error:
                _log.error("the row %.120r is deleted: %s", row["RowKey"], error)
                unusable.append(self._partition.change(Write.DELETE, row["RowKey"], etag=etag_of(row)))
        return stored, unusable

    def _compare(self, claimed: ClaimedRun, before: CppRow, request_time: RequestTime) -> tuple[CppRow, int]:
        """The entry's row as it is now, and how many events it made. Raises UpstreamError."""
        now = self._clock.now()
        try:
            answer = self._upstream.offer_status(
                before.publisher_id, before.offer_id, timeout_seconds=request_time.timeout_seconds()
            )
            status = publishing_status(answer.body)
        except (UpstreamNotFound, AccessDenied) as error:
            return self._in_trouble(claimed, before, error.message, now), 0
        except InvalidStatus as error:
            raise answer.unreadable(str(error)) from error
        changed = before.status is None or status_changed(before.status, status)
        if not changed and before.trouble is None:
            return before, 0
        after = replace(before, status=status, read_at=now, trouble=None, trouble_since=None)
        told = [] if before.status is None or not changed else [_event(before, before.status, status, now)]
        stored = self._write(claimed, before, after, told)
        if stored and before.trouble is not None:
            _log.info("%s/%s can be read again", before.publisher_id, before.offer_id)
        return (after if stored else before), len(told) if stored else 0

    def _in_trouble(self, claimed: ClaimedRun, before: CppRow, reason: str, now: datetime) -> CppRow:
        if before.trouble is not None:
            return before
        after = replace(before, trouble=reason, trouble_since=now)
        if not self._write(claimed, before, after, []):
            return before
        _log.warning("%s/%s cannot be followed: %s", before.publisher_id, before.offer_id, reason)
        return after

    def _write(self, claimed: ClaimedRun, before: CppRow, after: CppRow, events: Sequence[EventRow]) -> bool:
        write = Write.INSERT if before.etag is None else Write.UPSERT
        change = self._partition.change(write, after.key, _columns(after), before.etag)
        [result] = claimed.write([[change, *(event.insertion for event in events)]])
        if result is not Stored.WRITTEN:
            return False
        try:
            self._outbox.send(events)
        except StorageError as error:
            _log.warning("an event of a CPP offer is left to the next run: %s", error)
        return True


def cpp_key(publisher_id: str, offer_id: str) -> str:
    """The row key of an entry. Neither id has a `~` in it."""
    return f"{CPP_PREFIX}{publisher_id}~{offer_id}"


def _event(row: CppRow, before: PublishingStatus, after: PublishingStatus, now: datetime) -> EventRow:
    offer = {"publisherId": row.publisher_id, "offerId": row.offer_id}
    data = {"cppOffer": offer, "from": before, "to": after}
    return EventRow(OFFERS_PARTITION, Event(id=new_event_id(), type=STATUS_CHANGED, created_at=now, data=data))


def _columns(row: CppRow) -> Row:
    columns: Row = {
        "publisherId": row.publisher_id,
        "offerId": row.offer_id,
        "status": None if row.status is None else dumps(row.status),
        "readAt": row.read_at,
        "trouble": row.trouble,
        "troubleSince": row.trouble_since,
    }
    return {name: value for name, value in columns.items() if value is not None}


def _cpp_row(row: Row) -> CppRow:
    status = loads(text(row, "status") or "null")
    found = CppRow(
        publisher_id=text(row, "publisherId") or "",
        offer_id=text(row, "offerId") or "",
        etag=etag_of(row),
        status=None if status is None else _status(status),
        read_at=moment(row, "readAt"),
        trouble=text(row, "trouble"),
        trouble_since=moment(row, "troubleSince"),
    )
    if found.key != row["RowKey"]:
        raise BadRow("it is not the row of a CPP offer")
    return found


def _status(value: object) -> PublishingStatus:
    steps = value.get("steps") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(value.get("status"), str) or not isinstance(steps, dict):
        raise BadRow("its status is not a publishing status")
    if not all(isinstance(each, str) for each in steps.values()):
        raise BadRow("its steps are not texts")
    return cast("PublishingStatus", value)


def _troubled(rows: dict[str, CppRow]) -> list[CppOfferTrouble]:
    return [
        CppOfferTrouble(
            publisherId=row.publisher_id,
            offerId=row.offer_id,
            reason=row.trouble,
            since=rfc3339(row.trouble_since),
        )
        for row in rows.values()
        if row.trouble is not None and row.trouble_since is not None
    ]
