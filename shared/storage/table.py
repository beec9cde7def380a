"""Tables of the app's storage account: rows are read and conditionally written, several in one transaction.

Every write that depends on a read carries the ETag of that read; a lost race is `RowChanged`. A request that storage
cannot take at the moment is retried (`retrying.py`). A missing table is created on first use, so that no start has to
check for it. The SDK signs in, signs and sends; the bodies are the monitor's own (`rows.py`, `transactions.py`). For
that the SDK's pipeline is called directly, as `TableClient._client.send_request`, which is private.
`tests/storage/test_table.py` fails if a new version of the SDK changes it.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote, urlencode

import requests
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.data.tables import TableClient, TableServiceClient
from requests.adapters import HTTPAdapter

from shared.setting_reader import SettingsError
from shared.settings import Storage, StorageByConnectionString
from shared.storage.errors import (
    ChangeRefused,
    RowChanged,
    RowExists,
    RowMissing,
    StorageRefused,
    StorageUnreachable,
    TableMissing,
    error_of,
)
from shared.storage.retrying import Waiting, retried, seconds_left
from shared.storage.rows import Row, StoredRow, ValueRefused, row_in, rows_in
from shared.storage.transactions import (
    TRANSACTION_MAX_ROWS,
    Change,
    Write,
    batches,
    entity_url,
    transaction_body,
    transaction_outcome,
)

__all__ = ["TRANSACTION_MAX_ROWS", "Change", "Committed", "Row", "Table", "Tables", "Write", "etag_of", "stamped_at"]

PAGE_MAX_ROWS = 1000
# One for each handler thread (infra sets PYTHON_THREADPOOL_THREAD_COUNT), as each may have a request under way.
POOLED_CONNECTIONS = 64
CONNECT_TIMEOUT_SECONDS = 3.0
READ_TIMEOUT_SECONDS = 5.0
_HEADERS = {
    "Accept": "application/json;odata=minimalmetadata",
    "DataServiceVersion": "3.0",
    "MaxDataServiceVersion": "3.0;NetFx",
}
_NEXT_PAGE = {"NextPartitionKey": "x-ms-continuation-NextPartitionKey", "NextRowKey": "x-ms-continuation-NextRowKey"}
_PARAMETER = re.compile(r"@(\w+)")

_log = logging.getLogger("offer_monitor.storage")
# The new ETags of a group of changes, in order, or why it was not written: a lost race, or refused for good.
type Committed = list[str] | RowChanged | ChangeRefused


class Table:
    """One table of the storage account. Thread-safe. Every method raises StorageError."""

    def __init__(self, client: TableClient, waiting: Waiting | None = None) -> None:
        self._client = client
        self._waiting = waiting or Waiting()
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
        except (RowMissing, ValueRefused):  # a key that no URL can hold belongs to no row
            return None
        return row_in(response.content)

    def rows(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        page_size: int = PAGE_MAX_ROWS,
        columns: Sequence[str] | None = None,
    ) -> Iterator[Row]:
        """All rows that match, in key order, with all columns or those named. Pages are fetched as needed.

        In the query, `@name` is replaced by the value of that name in `parameters`.
        """
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
        """The same, page by page, with one request each. A page may be empty without being the last."""
        options = {"$filter": _filter(query, parameters or {}), "$top": str(min(page_size, PAGE_MAX_ROWS))}
        if columns is not None:
            options["$select"] = ",".join(columns)
        continuation: dict[str, str] | None = None
        while continuation != {}:
            url = f"{self._url}()?{urlencode(options | (continuation or {}), quote_via=quote)}"
            response = self._send(HttpRequest("GET", url, headers=_HEADERS))
            yield rows_in(response.content)
            continuation = {name: response.headers[at] for name, at in _NEXT_PAGE.items() if at in response.headers}

    def insert(self, row: Row) -> bool:
        """Write a new row; False, and nothing written, if there is one already."""
        try:
            self.commit([Change(Write.INSERT, row)])
        except RowExists:
            return False
        return True

    def upsert(self, row: Row) -> None:
        """Write the whole row, and replace one that is there."""
        self.commit([Change(Write.UPSERT, row)])

    def merge(self, row: Row, etag: str) -> str:
        """Change the given columns of the row as it was read, and return its new ETag. Raises RowChanged."""
        [new_etag] = self.commit([Change(Write.MERGE, row, etag)])
        return new_etag

    def delete(self, partition: str, key: str, etag: str | None = None) -> None:
        """Delete the row; with `etag` only as it was read (else RowChanged). A missing row is not an error."""
        try:
            self.commit([Change(Write.DELETE, {"PartitionKey": partition, "RowKey": key}, etag)])
        except RowMissing:
            return

    def commit(self, changes: Sequence[Change]) -> list[str]:
        """Write all changes or none, in one transaction, and return the new ETags in order.

        The changes are at most 100, of one partition, and together under 4 MiB. Raises RowChanged and ChangeRefused.
        """
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
            raise StorageUnreachable("storage sent an answer that does not fit the transaction")
        return etags

    def commit_each(self, groups: Sequence[Sequence[Change]]) -> list[Committed]:
        """Write groups of changes in as few transactions as possible; each group is written whole or not at all.

        Returns for each group its new ETags, or the error that prevented it. Groups that only shared a transaction
        with a failing one are written without it. Raises other StorageErrors; groups written until then stay written.
        """
        results: list[Committed] = []
        for batch in batches(groups):
            results.extend(self._commit_batch(batch))
        return results

    def _commit_batch(self, batch: Sequence[Sequence[Change]]) -> list[Committed]:
        try:
            etags = iter(self.commit([change for group in batch for change in group]))
        except (RowChanged, ChangeRefused) as error:
            if len(batch) == 1:
                if isinstance(error, ChangeRefused):
                    _log.error("a row of table %s was not written: %s", self.name, error)
                return [error]
            middle = len(batch) // 2
            return self._commit_batch(batch[:middle]) + self._commit_batch(batch[middle:])
        return [[next(etags) for _ in group] for group in batch]

    def _send(self, request: HttpRequest) -> HttpResponse:
        """Send a request until storage accepts it or the time for retries is over."""

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
        if response.status_code == 202:  # the answer to a transaction, whose outcome is in the body
            outcome = transaction_outcome(response.content)
            if outcome.failed_status is not None:
                raise error_of(outcome.failed_status, outcome.failed_body, response.headers.get("Retry-After"))
        return response

    def _create(self) -> None:
        request = HttpRequest("POST", f"{self._account_url}/Tables", headers=_HEADERS, json={"TableName": self.name})
        try:
            self._send_once(request)
        except RowExists:
            return  # another instance was faster


class Tables:
    """The app's storage account. Thread-safe. Connects when a table is first used. Raises SettingsError."""

    def __init__(self, storage: Storage, waiting: Waiting | None = None) -> None:
        self._service = _open(storage)
        self._waiting = waiting

    def table(self, name: str) -> Table:
        return Table(self._service.get_table_client(name), self._waiting)


def etag_of(row: Row) -> str:
    """The ETag of a row that was read from storage."""
    return str(cast("StoredRow", row).metadata["etag"])


def stamped_at(row: Row) -> datetime | None:
    """When storage last wrote the row, by its own clock."""
    stamp: datetime | None = cast("StoredRow", row).metadata.get("timestamp")
    return stamp


def _filter(query: str, parameters: Mapping[str, Any]) -> str:
    """The query with each `@name` replaced by that parameter, quoted."""
    return _PARAMETER.sub(lambda found: _literal(parameters[found[1]]), query)


def _literal(value: object) -> str:
    if isinstance(value, datetime):
        return f"datetime'{value.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S.%fZ')}'"
    if isinstance(value, bool | int):
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"


def _open(storage: Storage) -> TableServiceClient:
    session = requests.Session()
    adapter = HTTPAdapter(pool_maxsize=POOLED_CONNECTIONS)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    transport = RequestsTransport(session=session, session_owner=False)
    options = {"transport": transport, "retry_total": 0}  # `retrying.py` retries
    if isinstance(storage, StorageByConnectionString):
        try:
            return TableServiceClient.from_connection_string(storage.connection_string, **options)
        except ValueError as error:
            raise SettingsError(["AzureWebJobsStorage should be a storage connection string"]) from error

    # Imported only where an identity is used: importing azure.identity takes longer than the rest of an idle tick.
    from azure.identity import ManagedIdentityCredential

    credential = ManagedIdentityCredential(client_id=storage.client_id)
    return TableServiceClient(endpoint=storage.table_endpoint, credential=credential, **options)
