"""Which jobs a listing is about, and reading a range of rows with such a filter.

A filter may pass over many thousand rows for one that matches. They are read with the columns that decide and no
others, a thousand to a request, and the caller sees each key go by: it can stop when its time is over, and continue
there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.jobs.job import JobState, Operation
from shared.storage.partition import Partition
from shared.storage.rows import BadRow, moment, text_of_any
from shared.storage.table import Row

# A row with its large fields in columns has up to 200 KB.
WHOLE_ROWS_READ_AT_ONCE = 50


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """What a listing asks for; None: no matter which."""

    states: frozenset[JobState] | None = None
    operation: Operation | None = None
    external_id: str | None = None
    # Part of the label, in any case.
    label: str | None = None
    # Jobs that were updated at that moment or later.
    updated_since: datetime | None = None

    @property
    def pending(self) -> bool:
        """Whether pending jobs are asked for."""
        return self.states is None or JobState.PENDING in self.states

    @property
    def finished(self) -> bool:
        """Whether any finished jobs are asked for."""
        return self.states is None or self.states != {JobState.PENDING}

    @property
    def values(self) -> list[str | None]:
        """What the filter asks for, as texts: a cursor belongs to it."""
        states = None if self.states is None else ",".join(sorted(self.states))
        since = None if self.updated_since is None else self.updated_since.isoformat()
        return ["jobs", states, self.operation, self.external_id, self.label, since]

    @property
    def columns(self) -> list[str]:
        """The columns that decide; none if every job is wanted."""
        by_column = {
            "state": self.states,
            "operation": self.operation,
            "externalId": self.external_id,
            "label": self.label,
            "updatedAt": self.updated_since,
            "finishedAt": self.updated_since,
            "registeredAt": self.updated_since,
        }
        return [column for column, wanted in by_column.items() if wanted is not None]

    def matches(self, row: Row, *, pending: bool) -> bool:
        """Whether the job in this row is wanted, of which it is known whether it is pending. Never raises."""
        # Rows that other systems inserted have no state.
        state_matches = pending or self.states is None or row.get("state") in self.states
        operation = text_of_any(row, "operation")
        return (
            state_matches
            and (self.operation is None or Operation.named(operation) is self.operation)
            and (self.external_id is None or text_of_any(row, "externalId") == self.external_id)
            and (self.label is None or self.label.casefold() in (text_of_any(row, "label") or "").casefold())
            and (self.updated_since is None or self._updated_in_time(row, self.updated_since))
        )

    def _updated_in_time(self, row: Row, since: datetime) -> bool:
        try:
            updated_at = moment(row, "updatedAt") or moment(row, "finishedAt") or moment(row, "registeredAt")
        except BadRow:
            return False
        # A row without either was inserted since the last tick, which writes down when that was.
        return updated_at is None or updated_at >= since


def scan(
    partition: Partition, *, after_key: str, before_key: str, wanted: JobFilter, pending: bool, at_once: int
) -> Iterator[tuple[str, Row | None]]:
    """The rows between the two keys, in order: each key, with the whole row if it is wanted. Raises StorageError.

    Without a filter about `at_once` rows are read with one request.
    """
    if not wanted.columns:
        page_size = min(at_once, WHOLE_ROWS_READ_AT_ONCE)
        for row in partition.rows(after=after_key, before=before_key, page_size=page_size):
            yield row["RowKey"], row
        return
    for row in partition.rows(after=after_key, before=before_key, columns=["RowKey", *wanted.columns]):
        yield row["RowKey"], partition.get(row["RowKey"]) if wanted.matches(row, pending=pending) else None
