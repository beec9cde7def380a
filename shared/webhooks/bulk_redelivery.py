"""Sends all dead deliveries of an endpoint again, at the pace of retries.

A request is stored before it is worked off, in the partition `redelivery` of the deliveries table. Each delivery
becomes due again in a transaction that deletes its `dead~` row: it succeeds once, whichever process tries, and the
delivery is not found again. If a call runs out of time or is killed, the retry cycles go on until a pass over the
dead deliveries is complete.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from shared.clock import Clock
from shared.storage.errors import RecordBroken, RowChanged
from shared.storage.rows import stored_moment
from shared.storage.table import TRANSACTION_MAX_ROWS, Change, Row, Table, Write, etag_of
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.delivery import DeliveryStatus, DueDelivery
from shared.webhooks.delivery_rows import created_at_in, dead_of, due_again, key, rows_of_reopening

# Not the id of any endpoint: those begin with wh_ or settings.
_REQUESTS_PARTITION = "redelivery"
# A delivery that becomes due again changes three rows.
_REOPENED_AT_ONCE = TRANSACTION_MAX_ROWS // 3


@dataclass(frozen=True)
class RedeliveryRequest:
    """Which dead deliveries are wanted: of this event type, created at `since` or later; None wants any."""

    event_type: str | None = None
    since: datetime | None = None

    def wants(self, dead: DueDelivery) -> bool:
        return (self.event_type is None or dead.event_type == self.event_type) and (
            self.since is None or created_at_in(dead.log_key) >= self.since
        )


class BulkRedelivery:
    """Makes dead deliveries due again. Thread-safe. Raises StorageError."""

    def __init__(self, table: Table, deliveries: DeliveryStore, clock: Clock) -> None:
        self._table = table
        self._deliveries = deliveries
        self._clock = clock

    def start(
        self,
        endpoint_id: str,
        request: RedeliveryRequest,
        *,
        has_time: Callable[[], bool],
        may_count: Callable[[], bool],
    ) -> int:
        """Store the request and work it off while `has_time()`; returns how many deliveries it schedules.

        Those left to the retry cycles are counted too, while `may_count()`.
        """
        row = _request_row(endpoint_id, request)
        [etag] = self._table.commit([Change(Write.UPSERT, row)])
        scheduled = 0
        dead = self._dead(endpoint_id, request)
        for group in batched(dead, _REOPENED_AT_ONCE, strict=False):
            scheduled += self._reopen(group)
            if not has_time():
                for _ in dead:
                    scheduled += 1
                    if not may_count():
                        break
                return scheduled
        self._delete_request(row["RowKey"], etag)
        return scheduled

    def requested(self) -> dict[str, list[Row]]:
        """The requests that are not done yet, by endpoint id; one query."""
        found: dict[str, list[Row]] = {}
        for row in self._table.rows("PartitionKey eq @partition", {"partition": _REQUESTS_PARTITION}):
            found.setdefault(row["RowKey"].rpartition("~")[0], []).append(row)
        return found

    def resume(self, endpoint_id: str, requests: list[Row], has_time: Callable[[], bool]) -> None:
        """Go on with requests of an endpoint while `has_time()`."""
        for row in requests:
            event_type = row.get("type")
            request = RedeliveryRequest(
                event_type=event_type if isinstance(event_type, str) else None,
                since=stored_moment(row.get("since")),
            )
            for group in batched(self._dead(endpoint_id, request), _REOPENED_AT_ONCE, strict=False):
                self._reopen(group)
                if not has_time():
                    return
            self._delete_request(row["RowKey"], etag_of(row))

    def cancel(self, requests: list[Row]) -> None:
        """Drop these requests of an endpoint that the monitor disabled, unless they were made again since."""
        for row in requests:
            self._delete_request(row["RowKey"], etag_of(row))

    def cancel_all(self, endpoint_id: str, has_time: Callable[[], bool]) -> bool:
        """Drop every request of a removed endpoint while there is time; returns whether there was none."""
        rows = self._table.rows(
            "PartitionKey eq @partition and RowKey ge @first and RowKey lt @last",
            {"partition": _REQUESTS_PARTITION, "first": f"{endpoint_id}~", "last": f"{endpoint_id}~~"},
            columns=["RowKey"],
        )
        none_found = True
        for row in rows:
            none_found = False
            if not has_time():
                break
            self._table.delete(_REQUESTS_PARTITION, row["RowKey"])
        return none_found

    def _dead(self, endpoint_id: str, request: RedeliveryRequest) -> Iterator[DueDelivery]:
        rows = self._table.rows(
            "PartitionKey eq @partition and RowKey ge 'dead~' and RowKey lt 'dead~~'", {"partition": endpoint_id}
        )
        for row in rows:
            try:
                dead: DueDelivery | None = dead_of(row)
            except RecordBroken:
                dead = self._looked_up(row)
            if dead is not None and request.wants(dead):
                yield dead

    def _looked_up(self, row: Row) -> DueDelivery | None:
        """The delivery of a dead row that does not describe it, as earlier versions wrote them."""
        delivery = self._deliveries.get(row["PartitionKey"], row["RowKey"].removeprefix("dead~"))
        if delivery is None or delivery.status is not DeliveryStatus.DEAD:
            return None
        return due_again(delivery, self._clock.now(), etag=etag_of(row))

    def _reopen(self, group: tuple[DueDelivery, ...]) -> int:
        now = self._clock.now()
        written = self._table.commit_each([rows_of_reopening(dead, now) for dead in group])
        return sum(isinstance(result, list) for result in written)

    def _delete_request(self, row_key: str, etag: str) -> None:
        try:
            self._table.delete(_REQUESTS_PARTITION, row_key, etag)
        except RowChanged:
            return  # it was made again since: the next cycle makes another pass


def _request_row(endpoint_id: str, request: RedeliveryRequest) -> Row:
    since = None if request.since is None else request.since.isoformat()
    digest = hashlib.sha256(json.dumps([request.event_type, since]).encode()).hexdigest()[:16]
    return key(_REQUESTS_PARTITION, f"{endpoint_id}~{digest}") | {"type": request.event_type, "since": request.since}
