"""One table: rows read and written conditionally, several at once where they must stand or fall together.

A thin face of azure-data-tables that says what the monitor relies on. Every write that depends on a read carries the
ETag of that read; a lost race is `RowChanged`. A table that does not exist yet is created when it is first needed, so
that no start pays for asking. Limits are Table Storage's own: an entity group transaction holds at most 100 entities
of one partition and 4 MiB.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableClient, TableEntity, TableErrorCode, UpdateMode

from shared.storage.errors import ChangeRefused, RowChanged, StorageError, StorageRefused, StorageUnreachable
from shared.storage.moments import stored_moment

TRANSACTION_MAX_ROWS = 100
# Under the service's 4 MiB: the multipart framing of a hundred changes counts too.
TRANSACTION_MAX_BYTES = 3 * 1024 * 1024
ROW_FRAMING_BYTES = 1024

_log = logging.getLogger("offer_monitor.storage")
type Row = dict[str, Any]


class Write(StrEnum):
    """How a change writes its row."""

    INSERT = "create"
    MERGE = "update"
    UPSERT = "upsert"
    DELETE = "delete"


@dataclass(frozen=True)
class Change:
    """One write of a transaction. MERGE and DELETE need the ETag of the row they were decided on."""

    write: Write
    row: Row
    etag: str | None = None


class Table:
    """One table of the storage account. Thread-safe, like the client it wraps."""

    def __init__(self, client: TableClient) -> None:
        self._client = client

    def get(self, partition: str, key: str) -> Row | None:
        """The row, or None if there is none."""
        try:
            return cast("Row", self._ask(lambda: self._client.get_entity(partition, key)))
        except RowChanged:
            return None

    def rows(
        self,
        query: str,
        parameters: dict[str, Any] | None = None,
        *,
        page_size: int = 1000,
        columns: list[str] | None = None,
    ) -> Iterator[Row]:
        """All rows that match, in key order, with all their columns or those named; pages are fetched as needed."""
        pages = self._ask(
            lambda: self._client.query_entities(
                query, parameters=parameters or {}, results_per_page=page_size, select=columns
            )
        )
        iterator = iter(pages)
        row = self._ask(lambda: next(iterator, None))
        while row is not None:
            yield cast("Row", row)
            row = self._ask(lambda: next(iterator, None))

    def insert(self, row: Row) -> bool:
        """Write a new row; False, and nothing written, if there is one already."""
        try:
            self._ask(lambda: self._client.create_entity(row))
        except RowChanged:
            return False
        return True

    def upsert(self, row: Row) -> None:
        """Write the row whole, whatever was there."""
        self._ask(lambda: self._client.upsert_entity(row, mode=UpdateMode.REPLACE))

    def merge(self, row: Row, etag: str) -> str:
        """Change the row's given columns if it is still the one read; returns the new ETag. Raises RowChanged."""
        written = self._ask(
            lambda: self._client.update_entity(
                row, mode=UpdateMode.MERGE, etag=etag, match_condition=MatchConditions.IfNotModified
            )
        )
        return str(written["etag"])

    def delete(self, partition: str, key: str, etag: str | None = None) -> None:
        """Delete the row, with `etag` only as it was read (RowChanged otherwise). One that is gone is no error."""
        condition = MatchConditions.IfNotModified if etag else None
        self._ask(lambda: self._client.delete_entity(partition, key, etag=etag, match_condition=condition))

    def commit(self, changes: Sequence[Change]) -> list[str]:
        """Write all changes or none, in one request; returns the new ETags in order. Raises RowChanged."""
        operations = [_operation(change) for change in changes]
        results = self._ask(lambda: self._client.submit_transaction(operations))
        return [str(result.get("etag", "")) for result in results]

    def commit_groups(self, groups: Sequence[Sequence[Change]]) -> list[list[str] | None]:
        """Write many groups of changes in as few transactions as they fit into; each group stands or falls whole.

        Returns each group's new ETags, or None for a group that lost its race or that storage will not take. Groups
        that merely shared a transaction with such a one are written again without it.
        """
        results: list[list[str] | None] = []
        for batch in _batches(groups):
            results.extend(self._commit_batch(batch))
        return results

    def _commit_batch(self, batch: Sequence[Sequence[Change]]) -> list[list[str] | None]:
        try:
            etags = iter(self.commit([change for group in batch for change in group]))
        except (RowChanged, ChangeRefused) as error:
            if len(batch) == 1:
                if isinstance(error, ChangeRefused):
                    _log.error("a row of %s stays as it is: %s", self._client.table_name, error)
                return [None]
            middle = len(batch) // 2
            return self._commit_batch(batch[:middle]) + self._commit_batch(batch[middle:])
        return [[next(etags) for _ in group] for group in batch]

    def _ask[T](self, call: Callable[[], T]) -> T:
        """Call storage, creating the table if that is all that is missing; errors become the app's own."""
        try:
            return call()
        except (TypeError, ValueError) as error:
            # The SDK's way to say that a value does not fit its column's type.
            raise ChangeRefused(f"a value cannot be stored ({type(error).__name__})") from error
        except AzureError as error:
            if not _says_table_is_missing(error):
                raise _own_error(error) from error
        try:
            self._client.create_table()
        except ResourceExistsError:
            pass  # another instance was faster
        except AzureError as error:
            raise _own_error(error) from error
        try:
            return call()
        except AzureError as error:
            raise _own_error(error) from error


def etag_of(row: Row) -> str:
    """The ETag that came with a row read from storage."""
    return str(cast("TableEntity", row).metadata["etag"])


def stamped_at(row: Row) -> datetime | None:
    """When storage last wrote the row, by its own clock."""
    return stored_moment(cast("TableEntity", row).metadata.get("timestamp"))


def _operation(change: Change) -> tuple[str, Row, dict[str, Any]]:
    options: dict[str, Any] = {}
    if change.write is Write.MERGE:
        options["mode"] = UpdateMode.MERGE
    if change.write is Write.UPSERT:
        options["mode"] = UpdateMode.REPLACE
    if change.etag is not None:
        options |= {"etag": change.etag, "match_condition": MatchConditions.IfNotModified}
    return change.write.value, change.row, options


def _batches(groups: Sequence[Sequence[Change]]) -> Iterator[list[Sequence[Change]]]:
    batch: list[Sequence[Change]] = []
    rows = size_bytes = 0
    for group in groups:
        group_bytes = sum(_size_bytes(change.row) for change in group)
        if batch and (rows + len(group) > TRANSACTION_MAX_ROWS or size_bytes + group_bytes > TRANSACTION_MAX_BYTES):
            yield batch
            batch, rows, size_bytes = [], 0, 0
        batch.append(group)
        rows += len(group)
        size_bytes += group_bytes
    if batch:
        yield batch


def _size_bytes(row: Row) -> int:
    """About what the row takes on the wire: text as UTF-8, bytes as base64."""
    size = ROW_FRAMING_BYTES
    for value in row.values():
        if isinstance(value, str):
            size += len(value.encode("utf-8", "surrogatepass"))
        elif isinstance(value, bytes):
            size += len(value) * 4 // 3
    return size


def _says_table_is_missing(error: AzureError) -> bool:
    if not hasattr(error, "error_code"):
        # The SDK leaves the code out where an insert finds no table, and an insert can miss nothing else.
        return isinstance(error, ResourceNotFoundError)
    return bool(error.error_code == TableErrorCode.TABLE_NOT_FOUND)


def _own_error(error: AzureError) -> StorageError:
    if isinstance(error, (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError)):
        return RowChanged("the row was changed meanwhile")
    if isinstance(error, ClientAuthenticationError):
        return StorageRefused("storage does not accept the app's identity")
    status = error.status_code if isinstance(error, HttpResponseError) else None
    # A transaction that fails tells the failed change's status, but not by exception type.
    if status in {404, 409, 412}:
        return RowChanged("the row was changed meanwhile")
    if status in {401, 403}:
        return StorageRefused(f"storage refused the app (status {status})")
    if status is None or status >= 500 or status in {408, 429}:
        return StorageUnreachable(f"storage did not answer ({type(error).__name__}, status {status})")
    return ChangeRefused(f"storage did not take the change (status {status}, {getattr(error, 'error_code', '')})")
