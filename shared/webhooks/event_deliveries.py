"""The deliveries of given events, found by their ids: a delivery's id follows from its event and its endpoint."""

from collections.abc import Sequence
from itertools import product

from shared.clock import rfc3339
from shared.jobs.timeline import TimelineEvent
from shared.log import InvocationThreadPool
from shared.storage.rows import BadRow, Row, moment, read_row
from shared.storage.table import Table
from shared.webhooks.delivery import DeliveryStatus, delivery_id
from shared.webhooks.delivery_rows import delivery_id_in
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.endpoints import EndpointStore

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
