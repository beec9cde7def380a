"""One table: rows read and written conditionally, several at once where they must stand or fall together.

Every write that depends on a read carries the ETag of that read; a lost race is `RowChanged`. A request that storage
cannot take for the moment is tried again (`retrying.py`). A table that does not exist yet is created when it is first
needed, so that no start pays for asking. The SDK signs in, signs and sends; what goes in and out is ours
(`entities.py`, `transactions.py`). Limits are Table Storage's own: a transaction holds at most 100 changes of one
partition and 4 MiB.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote, urlencode

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.rest import HttpRequest, HttpResponse
from azure.data.tables import TableClient

from shared.storage.entities import Row, StoredRow, ValueRefused, decoded
from shared.storage.errors import (
    ChangeRefused,
    RowChanged,
    RowMissing,
    StorageRefused,
    StorageUnreachable,
    TableMissing,
    entities_in,
    error_of,
    json_object,
    next_page,
)
from shared.storage.retrying import Waiting, retried, seconds_left
from shared.storage.transactions import Change, Write, entity_url, transaction_body, transaction_outcome

__all__ = ["TRANSACTION_MAX_ROWS", "Change", "Committed", "Row", "Table", "Write", "etag_of", "stamped_at"]

TRANSACTION_MAX_ROWS = 100
# Under the service's 4 MiB: the multipart framing of a hundred changes counts too.
TRANSACTION_MAX_BYTES = 3 * 1024 * 1024
ROW_FRAMING_BYTES = 1024
PAGE_MAX_ROWS = 1000
CONNECT_TIMEOUT_SECONDS = 3.0
READ_TIMEOUT_SECONDS = 5.0
_HEADERS = {
    "Accept": "application/json;odata=minimalmetadata",
    "DataServiceVersion": "3.0",
    "MaxDataServiceVersion": "3.0;NetFx",
}
_PARAMETER = re.compile(r"@(\w+)")

_log = logging.getLogger("offer_monitor.storage")
# The new ETags of a group of changes, or why it was not written: lost to another writer, or refused for good.
type Committed = list[str] | RowChanged | ChangeRefused


class Table:
    """One table of the storage account. Thread-safe. Every method raises StorageError."""

    def __init__(self, client: TableClient, waiting: Waiting | None = None) -> None:
        self._client = client
        self._waiting = waiting or Waiting()
        # The SDK's own pipeline, with its sign-in. Not public, and pinned by a test.
        self._send_request = client._client.send_request
        self._account_url = client.url
        self._url = f"{client.url}/{client.table_name}"

    @property
    def name(self) -> str:
        """The table's name."""
        return self._client.table_name

    def get(self, partition: str, key: str) -> Row | None:
        """The row, or None if there is none."""
        try:
            response = self._send(HttpRequest("GET", entity_url(self._url, partition, key), headers=_HEADERS))
        except (RowChanged, ValueRefused):
            return None
        return decoded(json_object(response.content))

    def rows(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        page_size: int = PAGE_MAX_ROWS,
        columns: Sequence[str] | None = None,
    ) -> Iterator[Row]:
        """All rows that match, in key order, with all their columns or those named; pages are fetched as needed."""
        for page in self.pages(query, parameters, page_size=page_size, columns=columns):
            yield from page

    def pages(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        page_size: int = PAGE_MAX_ROWS,
        columns: Sequence[str] | None = None,
    ) -> Iterator[list[StoredRow]]:
        """The same, a page at a time: one request each. A page may be empty and not the last."""
        options = {"$filter": _filter(query, parameters or {}), "$top": str(min(page_size, PAGE_MAX_ROWS))}
        if columns is not None:
            options["$select"] = ",".join(columns)
        continuation: dict[str, str] | None = {}
        while continuation is not None:
            url = f"{self._url}()?{urlencode(options | continuation, quote_via=quote)}"
            response = self._send(HttpRequest("GET", url, headers=_HEADERS))
            yield [decoded(entity) for entity in entities_in(response.content)]
            continuation = next_page(response.headers)

    def insert(self, row: Row) -> bool:
        """Write a new row; False, and nothing written, if there is one already."""
        try:
            self.commit([Change(Write.INSERT, row)])
        except RowChanged:
            return False
        return True

    def upsert(self, row: Row) -> None:
        """Write the row whole, whatever was there."""
        self.commit([Change(Write.UPSERT, row)])

    def merge(self, row: Row, etag: str) -> str:
        """Change the row's given columns if it is still the one read; returns the new ETag. Raises RowChanged."""
        return self.commit([Change(Write.MERGE, row, etag)])[0]

    def delete(self, partition: str, key: str, etag: str | None = None) -> None:
        """Delete the row, with `etag` only as it was read (RowChanged otherwise). One that is gone is no error."""
        try:
            self.commit([Change(Write.DELETE, {"PartitionKey": partition, "RowKey": key}, etag)])
        except RowMissing:
            return

    def commit(self, changes: Sequence[Change]) -> list[str]:
        """Write all changes or none, in one request; returns the new ETags in order. Raises RowChanged."""
        if not changes:
            return []
        try:
            body, content_type = transaction_body(self._url, changes)
        except ValueRefused as error:
            raise ChangeRefused(str(error)) from error
        headers = {"Content-Type": content_type, "DataServiceVersion": "3.0", "MaxDataServiceVersion": "3.0;NetFx"}
        response = self._send(HttpRequest("POST", f"{self._account_url}/$batch", headers=headers, content=body))
        etags = transaction_outcome(response.content).etags
        if len(etags) != len(changes):
            raise StorageUnreachable("storage gave an answer that is not one to a transaction")
        return etags

    def commit_each(self, groups: Sequence[Sequence[Change]]) -> list[Committed]:
        """Write many groups of changes in as few transactions as they fit into; each group stands or falls whole.

        Returns for each group its new ETags, or the error that kept it from being written. Groups that merely shared
        a transaction with such a one are written again without it. Raises StorageError when storage stays
        unreachable; what was written until then stays.
        """
        results: list[Committed] = []
        for batch in _batches(groups):
            results.extend(self._commit_batch(batch))
        return results

    def _commit_batch(self, batch: Sequence[Sequence[Change]]) -> list[Committed]:
        try:
            etags = iter(self.commit([change for group in batch for change in group]))
        except (RowChanged, ChangeRefused) as error:
            if len(batch) == 1:
                if isinstance(error, ChangeRefused):
                    _log.error("a row of %s stays as it is: %s", self.name, error)
                return [error]
            middle = len(batch) // 2
            return self._commit_batch(batch[:middle]) + self._commit_batch(batch[middle:])
        return [[next(etags) for _ in group] for group in batch]

    def _send(self, request: HttpRequest) -> HttpResponse:
        """Send a request until storage takes it or the time for that is over."""

        def send() -> HttpResponse:
            try:
                return self._send_once(request)
            except TableMissing:
                self._create()
            try:
                return self._send_once(request)
            except TableMissing as error:
                raise StorageUnreachable("storage has not created the table yet") from error

        return retried(send, self._waiting)

    def _send_once(self, request: HttpRequest) -> HttpResponse:
        left = seconds_left(self._waiting)
        try:
            response = self._send_request(
                request,
                stream=True,
                connection_timeout=min(CONNECT_TIMEOUT_SECONDS, left / 2),
                read_timeout=min(READ_TIMEOUT_SECONDS, left / 2),
            )
            response.read()
        except ClientAuthenticationError as error:
            raise StorageRefused("storage does not accept the app's identity") from error
        except AzureError as error:
            raise StorageUnreachable(f"storage did not answer ({type(error).__name__})") from error
        if response.status_code >= 300:
            raise error_of(response.status_code, response.content, response.headers.get("Retry-After"))
        if response.status_code == 202:  # a transaction's answer says inside how it went
            outcome = transaction_outcome(response.content)
            if outcome.failed_status is not None:
                raise error_of(outcome.failed_status, outcome.failed_body, response.headers.get("Retry-After"))
        return response

    def _create(self) -> None:
        request = HttpRequest("POST", f"{self._account_url}/Tables", headers=_HEADERS, json={"TableName": self.name})
        try:
            self._send_once(request)
        except RowChanged:
            return  # another instance was faster


def etag_of(row: Row) -> str:
    """The ETag that came with a row read from storage."""
    return str(cast("StoredRow", row).metadata["etag"])


def stamped_at(row: Row) -> datetime | None:
    """When storage last wrote the row, by its own clock."""
    stamp: datetime | None = cast("StoredRow", row).metadata.get("timestamp")
    return stamp


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
    """About what the row takes on the wire: a character that is not ASCII as six bytes, bytes as base64."""
    size = ROW_FRAMING_BYTES
    for value in row.values():
        if isinstance(value, str):
            size += len(value) if value.isascii() else 6 * len(value)
        elif isinstance(value, bytes):
            size += len(value) * 4 // 3
    return size


def _filter(query: str, parameters: Mapping[str, Any]) -> str:
    """The query with each `@name` replaced by that parameter, quoted."""
    return _PARAMETER.sub(lambda found: _literal(parameters[found[1]]), query)


def _literal(value: object) -> str:
    if isinstance(value, datetime):
        return f"datetime'{value.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S.%fZ')}'"
    if isinstance(value, bool | int):
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"
