"""Removes endpoints with their deliveries, and deliveries that have expired.

A removed endpoint is only marked at first; from then on nothing is sent to it. Later runs delete its deliveries and
its requests for redelivery, as many as they have time for, and find the rest by the mark even if one is killed
half-way. The mark stays for an hour, because an announcement or a call under way may still store some.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import batched

from shared.clock import Clock
from shared.storage.errors import RowChanged
from shared.storage.rows import stored_moment
from shared.storage.table import TRANSACTION_MAX_ROWS, Change, Row, Table, Write, etag_of
from shared.webhooks.bulk_redelivery import BulkRedelivery
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.delivery_rows import created_at_in, delivery_id_in, key, log_key
from shared.webhooks.endpoints import EndpointStore

# Longer than any announcement or call takes: a function is stopped after five minutes.
MARK_STAYS_FOR = timedelta(hours=1)


class Removal:
    """Marks endpoints as removed and deletes what they have."""

    def __init__(
        self,
        *,
        endpoints: EndpointStore,
        deliveries: DeliveryStore,
        bulk_redelivery: BulkRedelivery,
        clock: Clock,
    ) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._bulk_redelivery = bulk_redelivery
        self._clock = clock

    def mark(self, endpoint_id: str) -> bool:
        """Mark the endpoint as removed; False if it does not exist. Raises StorageError."""
        return self._endpoints.mark_removed(endpoint_id, self._clock.now())

    def clean(self, endpoint_id: str, has_time: Callable[[], bool]) -> None:
        """Delete what a removed endpoint has while there is time, and finally its mark. Raises StorageError.

        The mark goes only when nothing else was found: without it, no later run knows that the endpoint was removed.
        """
        no_requests = self._bulk_redelivery.cancel_all(endpoint_id, has_time)
        nothing_left = self._deliveries.delete_all(endpoint_id, has_time) and no_requests
        marked = self._endpoints.removed_at(endpoint_id)
        if marked is None:
            # An endpoint that has left the settings.
            self._endpoints.mark_removed(endpoint_id, self._clock.now())
            return
        removed_at, etag = marked
        if nothing_left and not self._clock.now() - removed_at < MARK_STAYS_FOR:
            try:
                self._endpoints.delete_mark(endpoint_id, etag)
            except RowChanged:
                return  # it is back in the settings


# An ended delivery has three rows at most, which are deleted together.
_DELIVERIES_AT_ONCE = TRANSACTION_MAX_ROWS // 3


class Retention:
    """Removes expired deliveries, a transaction at a time."""

    def __init__(self, *, endpoints: EndpointStore, deliveries_table: Table) -> None:
        self._endpoints = endpoints
        self._table = deliveries_table

    def remove_expired(self, *, ended_before: datetime, has_time: Callable[[], bool]) -> int:
        """Remove delivered and dead deliveries whose last attempt was before `ended_before`; returns how many.

        Stops when `has_time()` is false; the next call removes the rest. Raises StorageError.
        """
        listing = self._endpoints.listing()
        endpoint_ids = [*(endpoint.id for endpoint in listing.endpoints), *listing.unreadable]
        return sum(self._remove_expired_of(each, ended_before, has_time) for each in endpoint_ids if has_time())

    def _remove_expired_of(self, endpoint_id: str, ended_before: datetime, has_time: Callable[[], bool]) -> int:
        # Older deliveries have higher keys, and no attempt is older than its delivery.
        rows = self._table.rows(
            "PartitionKey eq @partition and RowKey ge @first and RowKey lt 'log~~'",
            {"partition": endpoint_id, "first": log_key(ended_before, "")},
            columns=["PartitionKey", "RowKey", "status", "lastAttemptAt"],
        )
        expired = (row for row in rows if _is_expired(row, ended_before))
        removed = 0
        for group in batched(expired, _DELIVERIES_AT_ONCE, strict=False):
            if not has_time():
                break
            written = self._table.commit_each([_rows_of_removal(row) for row in group])
            removed += sum(
                isinstance(result, list) or self._remove_incomplete(row)
                for row, result in zip(group, written, strict=True)
            )
        return removed

    def _remove_incomplete(self, row: Row) -> bool:
        """Remove a delivery that lacks one of its rows; False if it was reopened or removed since it was read."""
        endpoint_id = row["PartitionKey"]
        others = [f"{kind}~{delivery_id_in(row['RowKey'])}" for kind in ("dead", "body")]
        there = [row_key for row_key in others if self._table.get(endpoint_id, row_key) is not None]
        changes = [Change(Write.DELETE, key(endpoint_id, row_key)) for row_key in there]
        try:
            self._table.commit([Change(Write.DELETE, key(endpoint_id, row["RowKey"]), etag_of(row)), *changes])
        except RowChanged:
            return False  # the next call looks at it again
        return True


def _is_expired(row: Row, ended_before: datetime) -> bool:
    """Whether the log row's delivery ended before that time. Without a readable last attempt its creation counts."""
    if row.get("status") == DeliveryStatus.PENDING or delivery_id_in(row["RowKey"]) is None:
        return False
    return (stored_moment(row.get("lastAttemptAt")) or created_at_in(row["RowKey"])) < ended_before


def _rows_of_removal(row: Row) -> list[Change]:
    """The changes that remove an ended delivery, unless it was reopened since it was read."""
    endpoint_id, id_of_delivery = row["PartitionKey"], delivery_id_in(row["RowKey"])
    changes = [
        Change(Write.DELETE, key(endpoint_id, row["RowKey"]), etag_of(row)),
        Change(Write.DELETE, key(endpoint_id, f"body~{id_of_delivery}")),
    ]
    if row.get("status") == DeliveryStatus.DEAD:
        changes.append(Change(Write.DELETE, key(endpoint_id, f"dead~{id_of_delivery}")))
    return changes
