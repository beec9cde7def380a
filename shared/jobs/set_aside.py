"""Rows of the pending partition that are no jobs: moved out of the way, with the reason, until someone looks at them.

Any row can be set aside, whatever it holds: its columns are kept as one text, cut to a bearable length.
"""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.clock import Clock
from shared.jobs.job_rows import PENDING_PARTITION
from shared.json_codec import dumps
from shared.log import log_event
from shared.storage.columns import BadRow, moment
from shared.storage.table import Change, Row, Table, Write, etag_of

SET_ASIDE_PARTITION = "setaside"
LONGEST_KEPT_CHARACTERS = 30_000
LONGEST_VALUE_CHARACTERS = 2_000
LONGEST_REASON_CHARACTERS = 500
REMOVED_AT_ONCE = 100
# Beyond so many nobody needs the exact number.
COUNTED_AT_MOST = 10_000
_NOT_IN_A_PATH = re.compile(r"[\x00-\x1f\x7f/\\?#]")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_log = logging.getLogger("offer_monitor.jobs")


@dataclass(frozen=True)
class SetAsideRow:
    """A row that was set aside."""

    row_key: str
    set_aside_at: datetime
    reason: str


@dataclass(frozen=True)
class SetAsideCount:
    """How many rows are set aside (COUNTED_AT_MOST at most), and the newest."""

    count: int
    newest: SetAsideRow | None


class SetAsideRows:
    """Keeps rows that were set aside. Every method raises StorageError."""

    def __init__(self, table: Table, clock: Clock, *, changed: Callable[[], None]) -> None:
        """`changed` is called after rows came or went, so that health counts them anew."""
        self._table = table
        self._clock = clock
        self._changed = changed

    def add(self, bad: Sequence[tuple[Row, str]]) -> int:
        """Move rows out of the pending partition; returns how many. Copied first: killed between, copied again."""
        now = self._clock.now()
        copies = [_copy(row, reason, now) for row, reason in bad]
        copied = self._table.commit_groups([[Change(Write.UPSERT, copy)] for copy in copies])
        done = [row_and_reason for row_and_reason, etags in zip(bad, copied, strict=True) if etags is not None]
        self._table.commit_groups(
            [
                [Change(Write.DELETE, {"PartitionKey": PENDING_PARTITION, "RowKey": row["RowKey"]}, etag_of(row))]
                for row, _ in done
            ]
        )
        for row, reason in done:
            log_event(_log, "job_set_aside", level=logging.WARNING, rowKey=row["RowKey"], reason=reason)
        if done:
            self._changed()
        return len(done)

    def page(self, after_key: str, limit: int) -> list[SetAsideRow]:
        """Up to `limit` rows whose keys follow `after_key`."""
        rows = self._table.rows(
            "PartitionKey eq @partition and RowKey gt @after",
            {"partition": SET_ASIDE_PARTITION, "after": after_key},
            columns=["RowKey", "setAsideAt", "reason"],
            page_size=min(limit, 1000),
        )
        return [_read(row) for row, _ in zip(rows, range(limit), strict=False)]

    def count(self) -> SetAsideCount:
        """How many there are, and the newest."""
        found = self.page("", COUNTED_AT_MOST)
        return SetAsideCount(len(found), max(found, key=lambda row: row.set_aside_at, default=None))

    def remove(self, row_key: str) -> bool:
        """Remove one; False if there is none."""
        row = self._table.get(SET_ASIDE_PARTITION, row_key)
        if row is None:
            return False
        self._table.delete(SET_ASIDE_PARTITION, row_key)
        self._changed()
        return True

    def remove_expired(self, *, set_aside_before: datetime, has_time: Callable[[], bool]) -> int:
        """Remove those set aside before that moment; returns how many."""
        removed, after_key = 0, ""
        while has_time() and (rows := self.page(after_key, REMOVED_AT_ONCE)):
            expired = [row for row in rows if row.set_aside_at < set_aside_before]
            self._table.commit_groups([[Change(Write.DELETE, _key(row.row_key))] for row in expired])
            removed += len(expired)
            after_key = rows[-1].row_key
        if removed:
            self._changed()
        return removed


def _copy(row: Row, reason: str, now: datetime) -> Row:
    values = {name: _shown(value) for name, value in row.items() if name not in {"PartitionKey", "RowKey"}}
    return _key(addressable(row["RowKey"])) | {
        "setAsideAt": now,
        "reason": reason[:LONGEST_REASON_CHARACTERS],
        "columns": dumps(values)[:LONGEST_KEPT_CHARACTERS],
    }


def addressable(row_key: str) -> str:
    """The key under which a row is set aside: its own, but for what cannot stand as one segment of a URL's path."""
    if row_key in {"", ".", ".."}:
        return "%2E" * len(row_key) or "%00"
    return _NOT_IN_A_PATH.sub(lambda found: f"%{ord(found[0]):02X}", row_key)


def _shown(value: object) -> str:
    return f"{type(value).__name__}: {value}"[:LONGEST_VALUE_CHARACTERS]


def _read(row: Row) -> SetAsideRow:
    """The row, whatever someone has made of it."""
    try:
        set_aside_at = moment(row, "setAsideAt")
    except BadRow:
        set_aside_at = None
    reason = row.get("reason")
    return SetAsideRow(row["RowKey"], set_aside_at or _NEVER, reason if isinstance(reason, str) else "")


def _key(row_key: str) -> Row:
    return {"PartitionKey": SET_ASIDE_PARTITION, "RowKey": row_key}
