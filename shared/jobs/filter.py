"""Reading a range of job rows for a listing: with a filter, only the columns it looks at, until a row matches.

A filter may pass over many thousand rows for one that matches. They are read in their bare columns, a thousand to a
request, and the caller sees each key go by, so that it can stop when its time is over and go on from there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.jobs.job import JobState
from shared.storage.rows import text_of_any
from shared.storage.table import Row, Table

# A row with its long parts in columns has up to 200 KB.
WHOLE_ROWS_READ_AT_ONCE = 50


@dataclass(frozen=True)
class Wanted:
    """Which jobs a listing wants; None: all."""

    state: JobState | None = None
    external_id: str | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that decide; none if every job is wanted."""
        by_column = {"state": self.state, "externalId": self.external_id}
        return [column for column, wanted in by_column.items() if wanted is not None]

    def matches(self, row: Row) -> bool:
        """Whether the job in this row is wanted. Never raises, whatever the row holds."""
        if self.state is not None and row.get("state") != self.state:
            return False
        return self.external_id is None or text_of_any(row, "externalId") == self.external_id


def scan(
    table: Table, partition: str, *, after_key: str, before_key: str, wanted: Wanted, at_once: int
) -> Iterator[tuple[str, Row | None]]:
    """The rows between the two keys, in order: each key, with the whole row if it is wanted. Raises StorageError.

    Without a filter about `at_once` rows are read with one request.
    """
    query = "PartitionKey eq @partition and RowKey gt @after and RowKey lt @before"
    parameters = {"partition": partition, "after": after_key, "before": before_key}
    if not wanted.columns:
        for row in table.rows(query, parameters, page_size=min(at_once, WHOLE_ROWS_READ_AT_ONCE)):
            yield row["RowKey"], row
        return
    for row in table.rows(query, parameters, columns=["RowKey", *wanted.columns]):
        yield row["RowKey"], table.get(partition, row["RowKey"]) if wanted.matches(row) else None
