"""Rows that hold the figures of one UTC day: one row per day and kind, `<kind>~<YYYY-MM-DD>`.

A day's row is replaced whole, on condition that it is as it was read, in the transaction that stores what it counts:
so nothing is counted twice or missed. A row that someone has made something else of counts as empty. It is logged,
and the next change replaces it.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.storage.partition import Partition
from shared.storage.rows import BadRow, read_row
from shared.storage.table import Change, Row, Write, etag_of

# Today, and yesterday around midnight; a few more for jobs whose finish was stored days ago.
REMEMBERED_DAYS = 8
_log = logging.getLogger("offer_monitor.storage")


@dataclass(frozen=True)
class Day[T]:
    """A day's figures as they were read; `etag` is None if the day has no row yet."""

    day: date
    figures: T
    etag: str | None


class DayRows[T]:
    """The rows of one kind. Methods raise StorageError.

    The last days that were read or written are remembered: their ETags tell whether they are still like that.
    """

    def __init__(
        self,
        partition: Partition,
        kind: str,
        *,
        empty: T,
        read: Callable[[Row], T],
        columns: Callable[[T], Mapping[str, Any]],
    ) -> None:
        """`read` may raise anything for a row that it cannot read; `columns` is its opposite."""
        self._partition = partition
        self._prefix = f"{kind}~"
        self._empty = empty
        self._read = read
        self._columns = columns
        self._remembered: dict[date, Day[T]] = {}

    def get(self, day: date) -> Day[T]:
        """The day, from memory if it is remembered."""
        remembered = self._remembered.get(day)
        return self.read_again(day) if remembered is None else remembered

    def read_again(self, day: date) -> Day[T]:
        """The day as it is in storage."""
        row = self._partition.get(self._key(day))
        found = Day(day, self._empty, None) if row is None else Day(day, self._figures(row), etag_of(row))
        return self._remember(found)

    def change(self, before: Day[T], figures: T) -> Change:
        """The change that stores the day's new figures, if its row is still as it was before."""
        write = Write.INSERT if before.etag is None else Write.UPSERT
        return self._partition.change(write, self._key(before.day), self._columns(figures), before.etag)

    def written(self, day: date, figures: T, etag: str) -> None:
        """Remember what a change has stored."""
        self._remember(Day(day, figures, etag))

    def between(self, first: date, last: date) -> dict[date, T]:
        """The figures of the days from `first` to `last` that have a row."""
        rows = self._partition.rows(start=self._key(first), before=f"{self._key(last)}~")
        days = ((self._day(row), row) for row in rows)
        return {day: self._figures(row) for day, row in days if day is not None}

    def remove_all_but(self, first: date, last: date, *, has_time: Callable[[], bool]) -> int:
        """Delete the rows of all days before `first` and after `last`; returns how many."""
        removed = 0
        for row in self._partition.rows(start=self._prefix, before=f"{self._prefix}~", columns=["RowKey"]):
            day = self._day(row)
            if day is None or not first <= day <= last:
                if not has_time():
                    break
                self._partition.delete(row["RowKey"])
                removed += 1
        return removed

    def _remember(self, day: Day[T]) -> Day[T]:
        if len(self._remembered) >= REMEMBERED_DAYS:
            self._remembered = {}
        self._remembered[day.day] = day
        return day

    def _figures(self, row: Row) -> T:
        try:
            return read_row(lambda: self._read(row))
        except BadRow as error:
            _log.error("the figures in %s count as none: %s", row["RowKey"], error)
            return self._empty

    def _key(self, day: date) -> str:
        return f"{self._prefix}{day.isoformat()}"

    def _day(self, row: Row) -> date | None:
        """The day in a row's key; None if there is none in it."""
        text = row["RowKey"].removeprefix(self._prefix)
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return None
        return day if day.isoformat() == text else None
