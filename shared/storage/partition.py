"""One partition of a table: its rows are read in key order and can be written in one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.storage.rows import StoredRow
from shared.storage.table import PAGE_MAX_ROWS, Change, Row, Table, Write


@dataclass(frozen=True)
class Partition:
    """The rows of `table` that share the partition key `key`. Every method except `change` raises StorageError."""

    table: Table
    key: str

    def get(self, row_key: str) -> Row | None:
        """The row, or None if there is none."""
        return self.table.get(self.key, row_key)

    def rows(
        self,
        *,
        start: str | None = None,
        after: str | None = None,
        before: str | None = None,
        where: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        columns: Sequence[str] | None = None,
        page_size: int = PAGE_MAX_ROWS,
    ) -> Iterator[Row]:
        """The rows in key order, with all columns or those named. Pages are fetched as needed.

        Their keys begin at `start` or after `after`, and end before `before`. `where` is a further condition with
        `parameters`, as in `Table.rows`.
        """
        query, bounds = self._query(start, after, before, where)
        return self.table.rows(query, {**(parameters or {}), **bounds}, columns=columns, page_size=page_size)

    def pages(
        self, *, start: str | None = None, after: str | None = None, before: str | None = None
    ) -> Iterator[list[StoredRow]]:
        """Whole rows, page by page, with one request each. A page may be empty without being the last."""
        return self.table.pages(*self._query(start, after, before))

    def change(
        self, write: Write, row_key: str, columns: Mapping[str, Any] | None = None, etag: str | None = None
    ) -> Change:
        """A write for `Table.commit` or `Table.commit_each`."""
        return Change(write, self._row(row_key, columns or {}), etag)

    def insert(self, row_key: str, columns: Mapping[str, Any]) -> bool:
        """Write a new row; False, and nothing written, if there is one already."""
        return self.table.insert(self._row(row_key, columns))

    def upsert(self, row_key: str, columns: Mapping[str, Any]) -> None:
        """Write the whole row, and replace one that is there."""
        self.table.upsert(self._row(row_key, columns))

    def merge(self, row_key: str, columns: Mapping[str, Any], etag: str) -> str:
        """Change the given columns of the row as it was read, and return its new ETag. Raises RowChanged."""
        return self.table.merge(self._row(row_key, columns), etag)

    def delete(self, row_key: str, etag: str | None = None) -> None:
        """Delete the row; with `etag` only as it was read (else RowChanged). A missing row is not an error."""
        self.table.delete(self.key, row_key, etag)

    def _row(self, row_key: str, columns: Mapping[str, Any]) -> Row:
        return {"PartitionKey": self.key, "RowKey": row_key, **columns}

    def _query(
        self, start: str | None, after: str | None, before: str | None, where: str | None = None
    ) -> tuple[str, dict[str, str]]:
        conditions, bounds = ["PartitionKey eq @partition"], {"partition": self.key}
        for name, operator, bound in (("start", "ge", start), ("after", "gt", after), ("before", "lt", before)):
            if bound is not None:
                conditions.append(f"RowKey {operator} @{name}")
                bounds[name] = bound
        return " and ".join(conditions if where is None else [*conditions, where]), bounds
