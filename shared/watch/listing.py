"""Listing the followed offers page by page, in the order of their ids, and reading what happened to one.

Both read the snapshot and ask upstream nothing. A page is bounded in bytes and in time: it may hold fewer offers than
asked for, even none, and still say where to continue. An offer that is gone is not listed, but keeps its history.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.clock import Clock
from shared.cursor import InvalidCursor, make_cursor, read_cursor
from shared.json_codec import InvalidJson, members
from shared.storage.errors import RecordBroken
from shared.storage.large_columns import LargeColumns, size_of
from shared.storage.partition import Partition
from shared.storage.rows import BadRow
from shared.storage.table import PAGE_MAX_ROWS, Row
from shared.watch.changes import enum_value
from shared.watch.offer import Deadline
from shared.watch.rows import (
    OFFER_COLUMN,
    OFFER_PREFIX,
    SUMMARY_COLUMNS,
    OfferChange,
    StoredSummary,
    offer_key,
    offer_row_in,
    summary_in,
)

PAGE_MAX_BYTES = 8 * 1024 * 1024
PAGE_MAX_SECONDS = 5.0
# A row whose offer is in a column has up to 100 KB.
WHOLE_ROWS_READ_AT_ONCE = 50
# What an offer takes in the answer besides its own bytes.
_FRAME_BYTES = 100
_WHOLE_COLUMNS = (*SUMMARY_COLUMNS, OFFER_COLUMN, f"{OFFER_COLUMN}Document")
_log = logging.getLogger("offer_monitor.watch")


@dataclass(frozen=True, kw_only=True)
class OfferFilter:
    """What a listing asks for; None: no matter which. Texts are compared without case.

    `expiring_within` and `ending_within` are in calendar days (UTC), today being 0. They find the offers that the
    events of these names are about: those that wait for acceptance, and those that are accepted.
    """

    state: str | None = None
    sub_state: str | None = None
    expiring_within: int | None = None
    ending_within: int | None = None

    @property
    def values(self) -> list[str | None]:
        """What the filter asks for, as texts: a cursor belongs to it."""
        days = (None if each is None else str(each) for each in (self.expiring_within, self.ending_within))
        texts = (None if each is None else enum_value(each) for each in (self.state, self.sub_state))
        return ["watch", *texts, *days]

    @property
    def is_empty(self) -> bool:
        """Whether every offer is asked for."""
        return self == OfferFilter()

    def matches(self, stored: StoredSummary, now: datetime) -> bool:
        """Whether the offer is wanted."""
        offer = stored.offer
        return (
            (self.state is None or enum_value(self.state) == offer.state)
            and (self.sub_state is None or enum_value(self.sub_state) == offer.sub_state)
            and (
                self.expiring_within is None
                or (offer.waits_for_acceptance and _is_within(offer.accept_by, self.expiring_within, now))
            )
            and (self.ending_within is None or (offer.accepted and _is_within(offer.end, self.ending_within, now)))
        )


@dataclass(frozen=True)
class ListedOffer:
    """An offer as upstream sent it, and the newest change that was announced."""

    body: bytes
    last_change_at: datetime | None
    last_change_type: str | None


@dataclass(frozen=True)
class OfferPage:
    """Some offers, and the cursor of the next page (None: this is the last one)."""

    offers: list[ListedOffer]
    next_cursor: str | None


@dataclass
class _Page:
    limit: int
    offers: list[ListedOffer] = field(default_factory=list)
    size_bytes: int = 0

    def has_room_for(self, size_bytes: int) -> bool:
        return not self.offers or (len(self.offers) < self.limit and self.size_bytes + size_bytes <= PAGE_MAX_BYTES)


class WatchListing:
    """Lists the followed offers. Raises StorageError."""

    def __init__(
        self,
        offers: Partition,
        large_columns: LargeColumns,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._offers = offers
        self._large_columns = large_columns
        self._clock = clock
        self._monotonic = monotonic

    def page(self, wanted: OfferFilter, *, limit: int, cursor: str | None) -> OfferPage:
        """Up to `limit` offers, from the start or from where an earlier page ended. Raises InvalidCursor."""
        after_key = OFFER_PREFIX if cursor is None else _read(cursor, wanted)
        ends_at = self._monotonic() + PAGE_MAX_SECONDS
        page = _Page(limit)
        for key, row in self._scan(after_key, wanted, limit + 1):
            if row is not None:
                size_bytes = _FRAME_BYTES + size_of(row, OFFER_COLUMN)
                if not page.has_room_for(size_bytes):
                    return OfferPage(page.offers, _cursor(after_key, wanted))
                offer = self._listed(row)
                if offer is not None:
                    page.offers.append(offer)
                    page.size_bytes += size_bytes
            after_key = key
            if self._monotonic() >= ends_at:
                return OfferPage(page.offers, _cursor(after_key, wanted))
        return OfferPage(page.offers, None)

    def history(self, offer_id: str) -> Sequence[OfferChange] | None:
        """What was announced of the offer, newest first; None if it has never been seen."""
        row = self._offers.get(offer_key(offer_id))
        try:
            return None if row is None else offer_row_in(row).history
        except BadRow as error:
            _log.error("the row of private offer %s cannot be read: %s", offer_id, error)
            return None

    def _scan(self, after_key: str, wanted: OfferFilter, at_once: int) -> Iterator[tuple[str, Row | None]]:
        """Each key in order, with the columns of the row that a listing needs if the offer is wanted."""
        rows = self._offers.rows(
            after=after_key,
            before=f"{OFFER_PREFIX}~",
            columns=_WHOLE_COLUMNS if wanted.is_empty else SUMMARY_COLUMNS,
            page_size=min(at_once, WHOLE_ROWS_READ_AT_ONCE) if wanted.is_empty else PAGE_MAX_ROWS,
        )
        for row in rows:
            key = str(row["RowKey"])
            if not self._is_wanted(row, wanted):
                yield key, None
            else:
                yield key, row if wanted.is_empty else self._offers.get(key)

    def _is_wanted(self, row: Row, wanted: OfferFilter) -> bool:
        try:
            stored = summary_in(row)
        except BadRow as error:
            _log.error("the row %r of the watch is left out of the listing: %s", row["RowKey"], error)
            return False
        # Without `read_at` upstream has listed the offer, but has not given it yet.
        followed = stored.gone_at is None and stored.read_at is not None
        return followed and wanted.matches(stored, self._clock.now())

    def _listed(self, row: Row) -> ListedOffer | None:
        """The offer with its bytes; None if the row, or the document that it refers to, cannot be read."""
        try:
            stored = summary_in(row)
            body = self._large_columns.read(stored.owner, OFFER_COLUMN, row)
            # It is passed on as it is, inside the JSON of an answer, so it must be a whole JSON object.
            members(body)
        except (BadRow, RecordBroken, InvalidJson) as error:
            _log.error("the row %r of the watch is left out of the listing: %s", row["RowKey"], error)
            return None
        return ListedOffer(body, stored.last_change_at, stored.last_change_type)


def _is_within(date: Deadline | None, days: int, now: datetime) -> bool:
    """Whether the date is ahead and at most so many calendar days away."""
    return date is not None and not date.passed(now) and (date.day - now.astimezone(UTC).date()).days <= days


def _cursor(after_key: str, wanted: OfferFilter) -> str:
    return make_cursor([after_key.removeprefix(OFFER_PREFIX)], filters=wanted.values)


def _read(cursor: str, wanted: OfferFilter) -> str:
    """The key after which to continue."""
    match read_cursor(cursor, filters=wanted.values):
        case [str(key)]:
            return OFFER_PREFIX + key
        case _:
            raise InvalidCursor
