"""Removes endpoints with all that is stored about their deliveries.

A removed endpoint is only marked at first: from then on nothing is sent to it. What it had is deleted by later runs,
as much as there is time for, so a run that is killed half-way leaves nothing out of reach. The mark stays for an
hour, since an announcement that was under way may still store deliveries.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import batched

from shared.clock import Clock
from shared.storage.errors import RowChanged
from shared.storage.rows import stored_moment
from shared.storage.table import TRANSACTION_MAX_ROWS, Change, Row, Table, Write, etag_of
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.delivery_rows import created_at_in, delivery_id_in, key, log_key
from shared.webhooks.endpoints import EndpointStore

# Longer than any announcement takes: a function is stopped after five minutes.
MARK_STAYS_FOR = timedelta(hours=1)


class Removal:
    """Marks endpoints as removed, and deletes what those have."""

    def __init__(self, *, endpoints: EndpointStore, deliveries: DeliveryStore, clock: Clock) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._clock = clock

    def mark(self, endpoint_id: str) -> bool:
        """Remove the endpoint; False if there is none. Raises StorageError."""
        return self._endpoints.mark_removed(endpoint_id, self._clock.now())

    def clean(self, endpoint_id: str, has_time: Callable[[], bool]) -> None:
        """Delete what a removed endpoint has while there is time, and its mark in the end. Raises StorageError."""
        nothing_left = self._deliveries.delete_all(endpoint_id, has_time)
        marked = self._endpoints.removed_at(endpoint_id)
        if marked is None:
            # An endpoint that has left the settings.
            self._endpoints.mark_removed(endpoint_id, self._clock.now())
            return
        removed_at, etag = marked
        if nothing_left and not self._clock.now() - removed_at < MARK_STAYS_FOR:
            try:
                self._endpoints.forget(endpoint_id, etag)
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

        It goes on while `has_time()`; what it did not get to is removed by the next call. Raises StorageError.
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
        for few in batched(expired, _DELIVERIES_AT_ONCE, strict=False):
            if not has_time():
                break
            written = self._table.commit_each([_rows_of_removal(row) for row in few])
            removed += sum(
                isinstance(result, list) or self._remove_in_parts(row)
                for row, result in zip(few, written, strict=True)
            )
        return removed

    def _remove_in_parts(self, row: Row) -> bool:
        """Remove a delivery of which a row is missing already; False if it was reopened or removed meanwhile.

        The log row is the last: while it is there, the next call finds what is left.
        """
        current = self._table.get(row["PartitionKey"], row["RowKey"])
        if current is None or etag_of(current) != etag_of(row):
            return False
        for kind in ("dead", "body"):
            self._table.delete(row["PartitionKey"], f"{kind}~{delivery_id_in(row['RowKey'])}")
        self._table.delete(row["PartitionKey"], row["RowKey"], etag_of(row))
        return True


def _is_expired(row: Row, ended_before: datetime) -> bool:
    """Whether a log row is of a delivery that ended before; one that does not say so goes by its own age."""
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
