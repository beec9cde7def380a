"""Lists an endpoint's deliveries page by page, newest first.

A page is bounded in bytes and in time. It may hold fewer deliveries than asked for, even none, and still have a
cursor: the search for something rare goes on in the next page. A cursor belongs to its endpoint and filters.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from shared.clock import rfc3339
from shared.cursor import InvalidCursor, make_cursor, read_cursor
from shared.jobs.timeline import TimelineEvent
from shared.log import InvocationThreadPool
from shared.storage.rows import BadRow, moment, read_row
from shared.storage.table import Row, Table
from shared.webhooks.delivery import Delivery, DeliveryStatus, delivery_id
from shared.webhooks.delivery_rows import delivery_id_in, readable_delivery
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.endpoints import EndpointStore

PAGE_MAX_SECONDS = 5.0
PAGE_MAX_BYTES = 8 * 1024 * 1024
# Rows read at once while looking for matches (four small columns each), and rows read whole.
_SCANNED_AT_ONCE = 1000
_READ_AT_ONCE = 50
_START = "log~"


@dataclass(frozen=True)
class DeliveryFilter:
    """Which deliveries are wanted; None wants any."""

    status: DeliveryStatus | None = None
    event_type: str | None = None
    job_id: str | None = None

    @cached_property
    def values(self) -> dict[str, str]:
        """The values that columns of a log row must have."""
        wanted = {"status": self.status, "type": self.event_type, "jobId": self.job_id}
        return {column: str(value) for column, value in wanted.items() if value is not None}

    def matches(self, row: Row) -> bool:
        """Whether a log row with at least those columns is wanted."""
        return all(row.get(column) == value for column, value in self.values.items())


@dataclass(frozen=True)
class DeliveryPage:
    """Some deliveries, and the cursor of the next page (None: this is the last)."""

    deliveries: list[Delivery]
    next_cursor: str | None


class DeliveryListing:
    """Lists deliveries. Raises StorageError."""

    def __init__(self, table: Table, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._monotonic = monotonic

    def page(
        self, endpoint_id: str, wanted: DeliveryFilter, *, limit: int, cursor: str | None = None
    ) -> DeliveryPage:
        """Up to `limit` deliveries, from the newest or from where an earlier page ended. Raises InvalidCursor."""
        filters = ["deliveries", endpoint_id, wanted.status, wanted.event_type, wanted.job_id]
        after = _START if cursor is None else _read(cursor, filters)
        ends_at = self._monotonic() + PAGE_MAX_SECONDS
        found: list[Delivery] = []
        size_bytes = 0
        # Storage does not say how far it has looked for the rows of a filter, and a cursor has to know.
        for scanned in self._table.pages(
            "PartitionKey eq @partition and RowKey gt @after and RowKey lt 'log~~'",
            {"partition": endpoint_id, "after": after},
            page_size=_SCANNED_AT_ONCE if wanted.values else limit + 1,
            columns=["PartitionKey", "RowKey", *wanted.values],
        ):
            matching = [row["RowKey"] for row in scanned if wanted.matches(row)]
            room = limit - len(found)
            for row in self._whole_rows(endpoint_id, matching[:room], wanted):
                delivery = readable_delivery(row)
                if delivery is not None:
                    found.append(delivery)
                size_bytes += _size_bytes(row)
                if size_bytes >= PAGE_MAX_BYTES:
                    return DeliveryPage(found, make_cursor([row["RowKey"]], filters=filters))
            if len(matching) > room:
                return DeliveryPage(found, make_cursor([matching[room - 1] if room else after], filters=filters))
            after = scanned[-1]["RowKey"] if scanned else after
            if self._monotonic() >= ends_at:
                return DeliveryPage(found, make_cursor([after], filters=filters))
        return DeliveryPage(found, None)

    def _whole_rows(self, endpoint_id: str, keys: Sequence[str], wanted: DeliveryFilter) -> Iterator[Row]:
        if not keys:
            return
        query = "PartitionKey eq @partition and RowKey ge @first and RowKey le @last"
        query += "".join(f" and {column} eq @{column}" for column in wanted.values)
        parameters = {"partition": endpoint_id, "first": keys[0], "last": keys[-1], **wanted.values}
        for row in self._table.rows(query, parameters, page_size=_READ_AT_ONCE):
            if row["RowKey"] in keys:
                yield row


def _size_bytes(row: Row) -> int:
    return sum(len(value) for value in row.values() if isinstance(value, str))


def _read(cursor: str, filters: Sequence[str | None]) -> str:
    """The log key after which the page begins. Raises InvalidCursor."""
    match read_cursor(cursor, filters=filters):
        case [str(after)] if after == _START or delivery_id_in(after) is not None:
            return after
        case _:
            raise InvalidCursor


READING_THREADS = 16


class EventDeliveries:
    """Finds deliveries without searching: two small reads for each endpoint and event."""

    def __init__(self, deliveries_table: Table, endpoints: EndpointStore) -> None:
        self._table = deliveries_table
        self._endpoints = endpoints

    def of(self, event_ids: Sequence[str]) -> list[TimelineEvent]:
        """The deliveries of these events that are there and can be read. Raises StorageError."""
        wanted = list(product(self._endpoints.all(), event_ids)) if event_ids else []
        if not wanted:
            return []
        with InvocationThreadPool(min(len(wanted), READING_THREADS), thread_name_prefix="timeline") as pool:
            reads = [pool.submit(self._read, endpoint, event_id) for endpoint, event_id in wanted]
            found = [read.result() for read in reads]
        return [delivery for delivery in found if delivery is not None]

    def _read(self, endpoint: Endpoint, event_id: str) -> TimelineEvent | None:
        id_of_delivery = delivery_id(endpoint.id, event_id)
        # Both rows may be long: the one holds the body, the other every attempt.
        body = self._columns(endpoint.id, f"body~{id_of_delivery}", "logKey")
        log_key = str(body.get("logKey", ""))
        if delivery_id_in(log_key) != id_of_delivery:
            return None
        log = self._columns(endpoint.id, log_key, "status", "createdAt", "lastAttemptAt")
        try:
            at, status = read_row(lambda: (moment(log, "lastAttemptAt"), DeliveryStatus(log["status"])))
        except BadRow:
            return None
        if at is None:
            return None
        return TimelineEvent(
            at=rfc3339(at),
            type="delivery",
            webhookId=endpoint.shown_id,
            deliveryId=id_of_delivery,
            status=status.value,
        )

    def _columns(self, endpoint_id: str, row_key: str, *columns: str) -> Row:
        """These columns of a row; empty if there is none."""
        query = "PartitionKey eq @partition and RowKey eq @key"
        rows = self._table.rows(query, {"partition": endpoint_id, "key": row_key}, columns=columns)
        return next(rows, {})
