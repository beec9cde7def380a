"""Rows of the `pending` partition that are not jobs: set aside, with the reason, until someone looks at them.

They keep their row keys and their columns, with long values cut. Any row can be set aside, whatever it holds.
"""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypedDict
from urllib.parse import unquote

from shared.clock import Clock, rfc3339
from shared.jobs.job_rows import PENDING_PARTITION, PendingRow, columns_of, merge_of, moments_of, pending_row
from shared.log import log_event
from shared.storage.errors import ChangeRefused
from shared.storage.partition import Partition
from shared.storage.rows import BadRow, moment
from shared.storage.table import PAGE_MAX_ROWS, Change, Row, Table, Write, etag_of

SET_ASIDE_PARTITION = "setaside"
LONGEST_VALUE_CHARACTERS = 2_000
KEPT_CHARACTERS_MAX = 60_000
KEPT_COLUMNS_MAX = 100
LONGEST_REASON_CHARACTERS = 500
REMOVED_AT_ONCE = 100
# Beyond this, the exact number does not matter.
COUNTED_AT_MOST = 10_000
_INT64_MAX = 2**63 - 1
_NOT_IN_A_PATH = re.compile(r"[\x00-\x1f\x7f/\\?#]")
_EMPTY_KEYS = {"%00": ""}
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_log = logging.getLogger("offer_monitor.jobs")


@dataclass(frozen=True)
class SetAsideRow:
    """A row that was set aside."""

    row_key: str
    set_aside_at: datetime
    reason: str


class SetAsideNewest(TypedDict):
    """The row that was set aside last."""

    rowKey: str
    at: str
    reason: str


class SetAside(TypedDict):
    """Rows of the jobs table that are not jobs: how many (10,000 at most), and the newest."""

    count: int
    newest: SetAsideNewest | None


class SetAsideRows:
    """Keeps rows that were set aside. Every method raises StorageError."""

    def __init__(self, table: Table, clock: Clock, *, changed: Callable[[], None]) -> None:
        """`changed` is called after rows were added or removed, so that health counts them again."""
        self._table = table
        self._pending = Partition(table, PENDING_PARTITION)
        self._partition = Partition(table, SET_ASIDE_PARTITION)
        self._clock = clock
        self._changed = changed

    def add(self, bad: Sequence[tuple[Row, str]]) -> int:
        """Move rows out of the pending partition; returns how many.

        They are copied first and then deleted. After a crash in between, the next tick copies them again.
        """
        now = self._clock.now()
        copies = [
            self._partition.change(Write.UPSERT, row["RowKey"], _kept_columns(row) | _note(reason, now))
            for row, reason in bad
        ]
        copied = self._table.commit_each([[copy] for copy in copies])
        for place, (row, reason) in enumerate(bad):
            if isinstance(copied[place], ChangeRefused):  # storage does not accept its columns again
                note = self._partition.change(Write.UPSERT, row["RowKey"], _note(reason, now))
                [copied[place]] = self._table.commit_each([[note]])
        done = [row_and_reason for row_and_reason, etags in zip(bad, copied, strict=True) if isinstance(etags, list)]
        self._table.commit_each(
            [[self._pending.change(Write.DELETE, row["RowKey"], etag=etag_of(row))] for row, _ in done]
        )
        for row, reason in done:
            log_event(_log, "job_set_aside", level=logging.WARNING, rowKey=row["RowKey"], reason=reason)
        if done:
            self._changed()
        return len(done)

    def page(self, after_key: str | None, limit: int) -> list[SetAsideRow]:
        """Up to `limit` rows whose keys follow `after_key`; None starts at the first row, whose key may be empty."""
        rows = self._partition.rows(
            after=after_key, columns=["RowKey", "setAsideAt", "reason"], page_size=min(limit, PAGE_MAX_ROWS)
        )
        return [_read(row) for row, _ in zip(rows, range(limit), strict=False)]

    def count(self) -> SetAside:
        """The number of rows that are set aside, and the newest."""
        found = self.page(None, COUNTED_AT_MOST)
        newest = max(found, key=lambda row: row.set_aside_at, default=None)
        return SetAside(count=len(found), newest=None if newest is None else _shown(newest))

    def remove(self, row_key: str) -> bool:
        """Remove a row by its key or its `addressable` key; False if there is none."""
        for key in (row_key, _EMPTY_KEYS.get(row_key, unquote(row_key))):
            if self._partition.get(key) is not None:
                self._partition.delete(key)
                self._changed()
                return True
        return False

    def remove_expired(self, *, set_aside_before: datetime, has_time: Callable[[], bool]) -> int:
        """Remove rows that were set aside before that moment; returns how many."""
        removed = 0
        after_key: str | None = None
        while has_time() and (rows := self.page(after_key, REMOVED_AT_ONCE)):
            expired = [row for row in rows if row.set_aside_at < set_aside_before]
            self._table.commit_each([[self._partition.change(Write.DELETE, row.row_key)] for row in expired])
            removed += len(expired)
            after_key = rows[-1].row_key
        if removed:
            self._changed()
        return removed


def addressable(row_key: str) -> str:
    """The key in a form that fits into one segment of a URL's path."""
    if row_key in {"", ".", ".."}:
        return "%2E" * len(row_key) or "%00"
    return _NOT_IN_A_PATH.sub(lambda found: f"%{ord(found[0]):02X}", row_key)


def _shown(row: SetAsideRow) -> SetAsideNewest:
    return SetAsideNewest(rowKey=addressable(row.row_key), at=rfc3339(row.set_aside_at), reason=row.reason)


def _kept_columns(row: Row) -> Row:
    kept: Row = {}
    characters = 0
    for name, value in row.items():
        if name in {"PartitionKey", "RowKey"}:
            continue
        kept[name] = _storable(value)
        characters += len(name) + (len(kept[name]) if isinstance(kept[name], str | bytes) else 0)
        if characters > KEPT_CHARACTERS_MAX or len(kept) > KEPT_COLUMNS_MAX:
            break
    return kept


def _note(reason: str, now: datetime) -> Row:
    return {"setAsideAt": now, "reason": reason[:LONGEST_REASON_CHARACTERS]}


def _storable(value: Any) -> Any:  # noqa: ANN401 - a column of any type
    if isinstance(value, int) and not -_INT64_MAX - 1 <= value <= _INT64_MAX:
        value = str(value)
    return value[:LONGEST_VALUE_CHARACTERS] if isinstance(value, str | bytes) else value


def _read(row: Row) -> SetAsideRow:
    """The row, even if its columns were changed by others."""
    try:
        set_aside_at = moment(row, "setAsideAt")
    except BadRow:
        set_aside_at = None
    reason = row.get("reason")
    return SetAsideRow(row["RowKey"], set_aside_at or _NEVER, reason if isinstance(reason, str) else "")


SET_ASIDE_IN_A_TICK = 500
# Fifty to a transaction: about two seconds.
RENAMED_IN_A_TICK = 5_000


class RowRepair:
    """Sets bad rows aside, and mends rows with keys in another case or moments that are ahead of the clock.

    Every method raises StorageError.
    """

    def __init__(self, table: Table, set_aside_rows: SetAsideRows) -> None:
        self._table = table
        self._pending = Partition(table, PENDING_PARTITION)
        self._set_aside_rows = set_aside_rows

    def set_aside(self, bad: Sequence[tuple[Row, str]]) -> int:
        """Move rows that are not jobs, up to SET_ASIDE_IN_A_TICK; returns how many."""
        return self._set_aside_rows.add(bad[:SET_ASIDE_IN_A_TICK])

    def set_aside_refused(self, rows: Sequence[PendingRow]) -> None:
        """Move rows that are too large already, so that storage refuses to add a job's columns to them."""
        found = [self._pending.get(row.row_key) for row in rows]
        self.set_aside([(row, "it is too large for storage to add the columns of a job") for row in found if row])

    def set_aside_if_bad(self, job_id: str, now: datetime) -> None:
        """Set aside a row that is not a job but has the key of one."""
        row = self._pending.get(job_id)
        if row is None:
            return
        try:
            pending_row(row, now)
        except BadRow as error:
            self.set_aside([(row, str(error))])

    def in_lower_case(self, rows: Sequence[PendingRow]) -> list[PendingRow]:
        """The rows with their keys in lower case, after renaming those that another system wrote in another case.

        Of two rows for the same job, the one in lower case stays, even if it is not among `rows`. A row that could
        not be renamed is left out.
        """
        right = [row for row in rows if row.row_key == row.job.job_id]
        in_other_case = [row for row in rows if row.row_key != row.job.job_id][:RENAMED_IN_A_TICK]
        if not in_other_case:
            return right
        known = {row.job.job_id for row in right}
        to_rename = {row.job.job_id: row for row in in_other_case if row.job.job_id not in known}
        surplus = [row for row in in_other_case if to_rename.get(row.job.job_id) is not row]
        renamed = self._table.commit_each([[self._insert(row), self._delete(row)] for row in to_rename.values()])
        found = []
        for row, result in zip(to_rename.values(), renamed, strict=True):
            if isinstance(result, list):
                etag_of_inserted, _ = result
                found.append(replace(row, row_key=row.job.job_id, etag=etag_of_inserted))
            elif self._pending.get(row.job.job_id) is not None:
                surplus.append(row)
        self._table.commit_each([[self._delete(row)] for row in surplus])
        return right + found

    def in_present(self, rows: Sequence[PendingRow]) -> list[PendingRow]:
        """The rows, after storing the moments of those that a clock ahead of this one has written.

        Until that is stored, every reading would begin the wait anew. A row that could not be stored is left out.
        """
        ahead = [row for row in rows if row.ahead]
        if not ahead:
            return list(rows)
        stored = self._table.commit_each([[merge_of(row, moments_of(row))] for row in ahead])
        _log.warning("the clock was set back, or another is ahead: %d jobs wait from now on", len(ahead))
        mended = [
            replace(row, etag=result[0], ahead=False)
            for row, result in zip(ahead, stored, strict=True)
            if isinstance(result, list)
        ]
        return [row for row in rows if not row.ahead] + mended

    def _insert(self, row: PendingRow) -> Change:
        return self._pending.change(Write.INSERT, row.job.job_id, columns_of(row.job) | row.parts)

    def _delete(self, row: PendingRow) -> Change:
        return self._pending.change(Write.DELETE, row.row_key, etag=row.etag)
