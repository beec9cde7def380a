"""The table that keeps deliveries. An endpoint's rows share a partition, so that a delivery's rows change together:

- `log~<inverted time>~<id>`: the delivery with its attempts, newest first;
- `body~<id>`: the body to send. Because it exists, announcing the event again changes nothing;
- `due~<id>`: exists while the delivery is pending, so that a retry cycle reads no history;
- `dead~<id>`: exists while it is dead, so that dead deliveries can be counted and sent again.

An attempt needs the claim: the due row's `claimedUntil`, written under the row's ETag. A claim expires, so a process
that is killed blocks its deliveries only for seconds.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import batched, islice

from shared.events.event import Event
from shared.log import log_event
from shared.storage.errors import ChangeRefused, RecordBroken, RowChanged, StorageError
from shared.storage.table import TRANSACTION_MAX_ROWS, Change, Committed, Row, Table, Write, etag_of
from shared.storage.transactions import Gathered
from shared.webhooks.delivery import Attempt, Delivery, DeliveryStatus, DueDelivery, Payload
from shared.webhooks.delivery_rows import (
    CLAIM_LASTS,
    created_at_in,
    due_again,
    due_key,
    due_of,
    due_row,
    key,
    log_row,
    new_due,
    payload_of,
    readable_delivery,
    rows_after,
    rows_of_death,
    rows_of_new,
    rows_of_refused,
)

# How much of a claim must be left when an attempt begins: the attempt takes 15 s, and storage some more.
CLAIM_NEEDS = timedelta(seconds=20)
# No attempt is planned further ahead. A row that says so was changed by hand, and counts as due.
LATEST_NEXT_ATTEMPT = timedelta(days=3)
# A claim further ahead is none: the clock has been set back since, or the row was changed by hand.
LONGEST_CLAIM = 2 * CLAIM_LASTS
# A delivery that ends changes three rows in one transaction.
_ENDED_AT_ONCE = TRANSACTION_MAX_ROWS // 3
_log = logging.getLogger("offer_monitor.webhooks")


@dataclass(frozen=True)
class Counted:
    """How many deliveries are waiting and dead, and the keys of due rows that cannot be read."""

    waiting: int
    dead: int
    unreadable: list[str]


class DeliveryStore:
    """Reads and conditionally writes deliveries. Thread-safe. Every method raises StorageError."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._written_together = Gathered[list[Change], Committed](lambda _, groups: table.commit_each(groups))

    def add(
        self, endpoint_id: str, events: Sequence[tuple[Event, Payload]], now: datetime, *, dead: bool
    ) -> list[DueDelivery]:
        """Store the deliveries of these events (each with its payload) that are not stored yet; returns them claimed.

        With `dead` none is due: they are dead from the start, to be redelivered.
        """
        dues = [new_due(endpoint_id, event, payload, now) for event, payload in events]
        written = self._table.commit_each([rows_of_new(due, now, dead=dead) for due in dues])
        for due, result in zip(dues, written, strict=True):
            if isinstance(result, ChangeRefused):
                log_event(_log, "delivery_not_stored", level=logging.WARNING, deliveryId=due.id, error=str(result))
                self._add_refused(due, now, str(result))
        if dead:
            return []
        return [
            replace(due, etag=result[-1])
            for due, result in zip(dues, written, strict=True)
            if isinstance(result, list)
        ]

    def _add_refused(self, due: DueDelivery, now: datetime, reason: str) -> None:
        """Store a delivery that storage refused as dead. Raises ChangeRefused: then its event is announced again."""
        rows = rows_of_refused(due, now, reason, with_body=True)
        [result] = self._table.commit_each([rows])
        if isinstance(result, ChangeRefused):
            rows = rows_of_refused(due, now, reason, with_body=False)
            [result] = self._table.commit_each([rows])
        if isinstance(result, ChangeRefused):
            raise result

    def due(self, endpoint_id: str, now: datetime) -> Iterator[DueDelivery]:
        """The deliveries that are due and not claimed. Skips rows that cannot be read.

        A row that was last written at a moment still to come is due, too: the clock has been set back since, and how
        much of the wait is over cannot be told.
        """
        query = "PartitionKey eq @partition and RowKey ge 'due~' and RowKey lt 'due~~'"
        query += " and (nextAttemptAt le @now or nextAttemptAt gt @latest or claimedUntil gt @longest)"
        parameters = {
            "partition": endpoint_id,
            "now": now,
            "latest": now + LATEST_NEXT_ATTEMPT,
            "longest": now + LONGEST_CLAIM,
        }
        for row in self._table.rows(query, parameters):
            due = _readable_due(row)
            if due is not None and not _is_claimed(due, now):
                yield due

    def claim(self, due: DueDelivery, now: datetime) -> DueDelivery:
        """Reserve the delivery for the caller's attempt. Raises RowChanged if another process has claimed it."""
        if _is_claimed(due, now) and due.claimed_until - now >= CLAIM_NEEDS:
            return due
        until = now + CLAIM_LASTS
        [etag] = self._commit([Change(Write.MERGE, due_key(due) | {"claimedUntil": until}, due.etag)])
        return replace(due, etag=etag, claimed_until=until)

    def payload(self, due: DueDelivery | Delivery) -> Payload:
        """What the delivery sends. Raises RecordBroken if it cannot be read."""
        if isinstance(due, DueDelivery) and due.payload is not None:
            return due.payload
        row = self._table.get(due.endpoint_id, f"body~{due.id}")
        if row is None:
            raise RecordBroken("the stored body is missing")
        return payload_of(row)

    def record(self, due: DueDelivery, attempt: Attempt, next_attempt_at: datetime | None) -> None:
        """Store an attempt under the claim. Raises RowChanged if the claim was lost since.

        With `next_attempt_at` the delivery stays pending; without it, it has ended: delivered or dead.
        """
        try:
            self._commit(rows_after(due, attempt, next_attempt_at))
        except ChangeRefused:
            self._record_without_texts(rows_after(due, attempt, next_attempt_at, without_texts=True))
        except RowChanged:
            if not self._restore_log_row(due):
                raise
            self._table.commit(rows_after(due, attempt, next_attempt_at))

    def _commit(self, changes: list[Change]) -> list[str]:
        """Write all these changes or none, in one request with other threads' changes.

        Raises RowChanged and ChangeRefused.
        """
        result = self._written_together(changes[0].row["PartitionKey"], changes)
        if isinstance(result, StorageError):
            raise result
        return result

    def _record_without_texts(self, changes: list[Change]) -> None:
        """Record an attempt whose texts storage refused. Texts are bounded, so someone has put more into the log row.

        If the log row takes nothing at all, the attempt still counts.
        """
        try:
            self._table.commit(changes)
        except ChangeRefused:
            self._table.commit(changes[1:])

    def mark_pending_dead(self, endpoint_id: str, now: datetime, has_time: Callable[[], bool]) -> int:
        """Mark a disabled endpoint's pending deliveries as dead; returns how many there were.

        A claimed delivery is left to the process that holds the claim, or to the next call.
        """
        rows = self._table.rows(
            "PartitionKey eq @partition and RowKey ge 'due~' and RowKey lt 'due~~'", {"partition": endpoint_id}
        )
        unclaimed = (due for due in map(_readable_due, rows) if due is not None and not _is_claimed(due, now))
        marked = 0
        for group in batched(unclaimed, _ENDED_AT_ONCE, strict=False):
            written = self._table.commit_each([rows_of_death(due) for due in group])
            marked += sum(isinstance(result, list) for result in written)
            for due, result in zip(group, written, strict=True):
                if isinstance(result, RowChanged):
                    self._restore_log_row(due)  # if only the log row was missing, the next call succeeds
            if not has_time():
                break
        return marked

    def reopen(self, delivery: Delivery, now: datetime) -> DueDelivery:
        """Make a delivery due now and claim it; a delivery that has ended starts its schedule again.

        Raises RowChanged if another process is sending or reopening it at this moment.
        """
        found = self._table.get(delivery.endpoint_id, f"due~{delivery.id}")
        readable = None if found is None else _readable_due(found)
        if readable is not None:
            if _is_claimed(readable, now):
                raise RowChanged("the delivery is being sent")
            return self.claim(readable, now)
        due = due_again(delivery, now + CLAIM_LASTS)
        log = key(due.endpoint_id, delivery.log_key) | {
            "status": DeliveryStatus.PENDING.value,
            "nextAttemptAt": now,
        }
        # A due row that cannot be read is overwritten.
        write = Change(Write.INSERT, due_row(due, now))
        if found is not None:
            write = Change(Write.MERGE, due_row(due, now), etag_of(found))
        changes = [Change(Write.MERGE, log, delivery.etag), write]
        if self._table.get(due.endpoint_id, f"dead~{delivery.id}") is not None:
            changes.append(Change(Write.DELETE, key(due.endpoint_id, f"dead~{delivery.id}")))
        return replace(due, etag=self._table.commit(changes)[1])

    def get(self, endpoint_id: str, id_of_delivery: str) -> Delivery | None:
        """The delivery with its attempts; None if it does not exist or cannot be read."""
        body_row = self._table.get(endpoint_id, f"body~{id_of_delivery}")
        row_key = None if body_row is None else body_row.get("logKey")
        row = self._table.get(endpoint_id, row_key) if isinstance(row_key, str) else None
        return None if row is None else readable_delivery(row)

    def count(self, endpoint_id: str, *, rows_at_most: int) -> Counted:
        """Count an endpoint's pending and dead deliveries, reading up to `rows_at_most` rows."""
        waiting = dead = 0
        unreadable = []
        query = "PartitionKey eq @partition and RowKey ge 'dead~' and RowKey lt 'due~~'"
        for row in islice(self._table.rows(query, {"partition": endpoint_id}), rows_at_most):
            if row["RowKey"].startswith("dead~"):
                dead += 1
            elif _readable_due(row) is None:
                unreadable.append(row["RowKey"])
            else:
                waiting += 1
        return Counted(waiting, dead, unreadable)

    def delete_all(self, endpoint_id: str, has_time: Callable[[], bool]) -> bool:
        """Delete the endpoint's rows by their keys, a transaction at a time while there is time.

        Returns whether there was nothing to delete.
        """
        rows = self._table.rows("PartitionKey eq @partition", {"partition": endpoint_id}, columns=["RowKey"])
        nothing_found = True
        for group in batched(rows, TRANSACTION_MAX_ROWS, strict=False):
            nothing_found = False
            if not has_time():
                break
            self._table.commit_each([[Change(Write.DELETE, key(endpoint_id, row["RowKey"]))] for row in group])
        return nothing_found

    def _restore_log_row(self, due: DueDelivery) -> bool:
        """Write a log row that someone has deleted: without it nothing can be recorded.

        False if the due row has changed since it was read: then another process has the delivery.
        """
        row = self._table.get(due.endpoint_id, f"due~{due.id}")
        if row is None or etag_of(row) != due.etag:
            return False
        self._table.insert(log_row(due, created_at_in(due.log_key), DeliveryStatus.PENDING))
        return True


def _is_claimed(due: DueDelivery, now: datetime) -> bool:
    """Whether a process may be sending it."""
    return now < due.claimed_until <= now + LONGEST_CLAIM


def _readable_due(row: Row) -> DueDelivery | None:
    try:
        return due_of(row)
    except RecordBroken:
        return None
