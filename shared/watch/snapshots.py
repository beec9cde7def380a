"""The snapshots of private offers: one row for each, with a document if the offer is large.

Every write depends on the row as it was read. A document is stored before the row that refers to it, and the one that
the row referred to before is deleted afterwards.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import batched

from shared.identifiers import InvalidIdentifier, private_offer_id
from shared.json_codec import InvalidJson, members
from shared.storage.documents import Documents
from shared.storage.errors import RecordBroken
from shared.storage.large_columns import LargeColumns, references_in
from shared.storage.partition import Partition
from shared.storage.rows import BadRow, stored_moment
from shared.storage.table import Change, Row, Table, Write, etag_of
from shared.watch.rows import (
    OFFER_COLUMN,
    OFFER_PREFIX,
    OFFERS_PARTITION,
    SUMMARY_COLUMNS,
    OfferRow,
    StoredSummary,
    offer_key,
    offer_row_in,
    summary_in,
)

_OFFERS_END = f"{OFFER_PREFIX}~"
# What a run keeps in memory of each of thousands of offers.
_INDEX_COLUMNS = [column for column in SUMMARY_COLUMNS if column != "calendar"]
_REMOVAL_COLUMNS = ["RowKey", "goneAt", f"{OFFER_COLUMN}Document"]
REMOVED_AT_ONCE = 99
_log = logging.getLogger("offer_monitor.watch")
type WriteGroups = Callable[[Sequence[Sequence[Change]]], object]


class Snapshots:
    """Reads snapshots, and plans writes of them. Methods raise StorageError."""

    def __init__(self, table: Table, documents: Documents) -> None:
        self._partition = Partition(table, OFFERS_PARTITION)
        self._columns = LargeColumns(documents)

    def index(self) -> dict[str, StoredSummary]:
        """The summaries by id, without the calendar. The row of an offer that cannot be read counts as never read."""
        found: dict[str, StoredSummary] = {}
        for row in self._rows(_INDEX_COLUMNS):
            try:
                summary = summary_in(row)
            except BadRow as error:
                _log_bad(row, error)
                summary = _unread(row)
                if not _is_id(summary.id):
                    continue
            found[summary.id] = summary
        return found

    def get(self, offer_id: str) -> OfferRow | None:
        """The row of an offer, by its bare id in any case. One that cannot be read counts as never read."""
        row = self._partition.get(offer_key(offer_id))
        if row is None:
            return None
        try:
            return offer_row_in(row)
        except BadRow as error:
            _log_bad(row, error)
            return OfferRow(summary=_unread(row))

    def offer(self, row: OfferRow) -> bytes | None:
        """The offer of a row, as upstream's JSON; None if it was never read, or if its document is missing."""
        if not row.parts:
            return None
        try:
            offer = self._columns.read(row.summary.owner, OFFER_COLUMN, row.parts)
            members(offer)
        except (RecordBroken, InvalidJson) as error:
            _log.error("the snapshot of offer %s cannot be read: %s", row.summary.id, error)
            return None
        return offer

    def parts(self, offer_id: str, offer: bytes, before: OfferRow | None) -> Row:
        """The columns for the offer. A large one is stored here, unless it is the one that the row has."""
        columns = self._columns.columns(
            offer_key(offer_id), OFFER_COLUMN, offer, None if before is None else before.parts
        )
        return {name: value for name, value in columns.items() if value}

    def write(self, row: OfferRow, before: OfferRow | None) -> Change:
        """The change that stores the row in the place of the one that was read."""
        key = offer_key(row.summary.id)
        if before is None:
            return self._partition.change(Write.INSERT, key, row.columns)
        return self._partition.change(Write.UPSERT, key, row.columns, before.summary.etag)

    def delete_outdated(self, before: OfferRow | None, row: OfferRow) -> None:
        """Delete the document that only the row before referred to."""
        if before is not None and before.parts.get(f"{OFFER_COLUMN}Document") not in row.parts.values():
            self._columns.delete(before.summary.owner, before.parts, OFFER_COLUMN)

    def references_of(self, offer_id: str) -> list[str]:
        """The document to which the offer's row refers, whatever else is in the row."""
        row = self._partition.get(offer_key(offer_id))
        return [] if row is None else references_in(row, OFFER_COLUMN)

    def nothing_kept(self) -> bool:
        """Whether the partition is empty."""
        return next(self._partition.rows(page_size=1), None) is None

    def remove_all(self, write: WriteGroups, *, has_time: Callable[[], bool]) -> bool:
        """Delete all snapshots with `write`, in groups; False if there was not time for all."""
        rows = self._rows(_REMOVAL_COLUMNS)
        for some in batched(rows, REMOVED_AT_ONCE, strict=False):
            if not has_time():
                return False
            write([[self._partition.change(Write.DELETE, row["RowKey"], etag=etag_of(row))] for row in some])
            for row in some:
                self._columns.delete(row["RowKey"], row, OFFER_COLUMN)
        return True

    def remove_expired(self, *, gone_before: datetime, has_time: Callable[[], bool]) -> int:
        """Delete the snapshots of offers that were gone before that moment; returns how many."""
        removed = 0
        for row in self._rows(_REMOVAL_COLUMNS):
            if not has_time():
                break
            gone_at = stored_moment(row.get("goneAt"))
            if gone_at is None or gone_at >= gone_before:
                continue
            change = self._partition.change(Write.DELETE, row["RowKey"], etag=etag_of(row))
            [result] = self._partition.table.commit_each([[change]])
            if isinstance(result, list):
                self._columns.delete(row["RowKey"], row, OFFER_COLUMN)
                removed += 1
        return removed

    def _rows(self, columns: Sequence[str]) -> Iterator[Row]:
        return self._partition.rows(after=OFFER_PREFIX, before=_OFFERS_END, columns=columns)


def _unread(row: Row) -> StoredSummary:
    return StoredSummary(id=str(row["RowKey"]).removeprefix(OFFER_PREFIX), etag=etag_of(row))


def _is_id(offer_id: str) -> bool:
    try:
        return private_offer_id(offer_id) == offer_id
    except InvalidIdentifier:
        return False


def _log_bad(row: Row, error: BadRow) -> None:
    _log.error("the snapshot %.120r is left out: %s", row["RowKey"], error)
