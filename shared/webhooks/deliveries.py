"""Where deliveries are kept. An endpoint's rows share a partition, so that what belongs together is written together:

- `log~<inverted time>~<id>`: the delivery with its attempts, newest first;
- `body~<id>`: the body to send; inserted first, it is what makes a second announcement of the event change nothing;
- `due~<id>`: there as long as the delivery is pending, so that a retry cycle reads what is outstanding, not history;
- `dead~<id>`: there as long as it is dead, so that dead ones can be counted.

An attempt needs the claim: the due row's `claimedUntil`, written under the row's ETag. A claim ends by itself, so a
killed holder blocks a delivery for seconds only.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from shared.storage.errors import RecordBroken, RowChanged
from shared.storage.group_commit import GroupCommit
from shared.storage.table import Change, Table, Write
from shared.webhooks.delivery import Attempt, Delivery, DeliveryStatus, DueDelivery
from shared.webhooks.delivery_rows import (
    CLAIM_LASTS,
    body_of,
    delivery_of,
    due_key,
    due_of,
    due_row,
    key,
    new_due,
    rows_after,
    rows_of_burial,
    rows_of_new,
)
from shared.webhooks.endpoints import Endpoint
from shared.webhooks.events import Event

# A claim with less than this left is renewed before it is used: an attempt takes 15 s, and storage its time.
CLAIM_NEEDS = timedelta(seconds=20)
# So many of an endpoint's outstanding deliveries are taken up at once; the others have their turn in the next cycle.
DUE_PER_CYCLE = 2000


class DeliveryStore:
    """Reads and conditionally writes deliveries. Thread-safe. Every method raises StorageError."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._writes = GroupCommit(table)

    def add(self, endpoint: Endpoint, events: Sequence[tuple[Event, bytes]], now: datetime) -> list[DueDelivery]:
        """Store the deliveries of these events (each with its body) that are not stored yet; returns them claimed.

        To an endpoint that is gone nothing is due: its deliveries are dead from the start, to be redelivered.
        """
        dues = [new_due(endpoint, event, body, now) for event, body in events]
        written = self._table.commit_groups([rows_of_new(due, now, dead=endpoint.gone) for due in dues])
        if endpoint.gone:
            return []
        return [replace(due, etag=etags[-1]) for due, etags in zip(dues, written, strict=True) if etags is not None]

    def due(self, endpoint: Endpoint, now: datetime, *, limit: int = DUE_PER_CYCLE) -> list[DueDelivery]:
        """Up to `limit` deliveries whose time has come and that nobody holds, the longest untouched first."""
        query = "PartitionKey eq @partition and RowKey ge 'due~' and RowKey lt 'due~~' and nextAttemptAt le @now"
        rows = self._table.rows(query, {"partition": endpoint.id, "now": now}, page_size=min(limit, 1000))
        unheld = (due for due in (due_of(endpoint, row) for row in rows) if due.claimed_until <= now)
        return sorted(islice(unheld, limit), key=lambda due: due.claimed_until)

    def claim(self, due: DueDelivery, now: datetime) -> DueDelivery:
        """Make sure that only the caller may attempt this delivery now. Raises RowChanged if someone else may."""
        if due.claimed_until - now >= CLAIM_NEEDS:
            return due
        until = now + CLAIM_LASTS
        claim = Change(Write.MERGE, due_key(due) | {"claimedUntil": until}, due.etag)
        [etag] = self._writes.commit(due.endpoint.id, [claim])
        return replace(due, etag=etag, claimed_until=until)

    def body(self, endpoint_id: str, id_of_delivery: str) -> bytes:
        """What the delivery sends, in the standard format."""
        row = self._table.get(endpoint_id, f"body~{id_of_delivery}")
        if row is None:
            raise RecordBroken(f"the body of {id_of_delivery} is missing")
        return body_of(row)

    def record(self, due: DueDelivery, attempt: Attempt, next_attempt_at: datetime | None) -> None:
        """Store an attempt under the claim. Raises RowChanged if the claim was lost meanwhile.

        With `next_attempt_at` the delivery goes on waiting; without it has ended, well or dead.
        """
        self._writes.commit(due.endpoint.id, rows_after(due, attempt, next_attempt_at))

    def bury(self, endpoint: Endpoint, now: datetime) -> int:
        """Let what an endpoint that is gone still had to get wait as dead; returns how many deliveries that were.

        Those that someone holds are left to the holder, or to the next call.
        """
        rows = self._table.rows(
            "PartitionKey eq @partition and RowKey ge 'due~' and RowKey lt 'due~~'", {"partition": endpoint.id}
        )
        unheld = (due for due in (due_of(endpoint, row) for row in rows) if due.claimed_until <= now)
        groups = [rows_of_burial(due) for due in islice(unheld, DUE_PER_CYCLE)]
        return sum(etags is not None for etags in self._table.commit_groups(groups))

    def reopen(self, endpoint: Endpoint, delivery: Delivery, now: datetime) -> DueDelivery:
        """Make a delivery due now and claim it; one that had ended begins its schedule anew.

        Raises RowChanged if someone else is sending or reopening it at this moment.
        """
        found = self._table.get(endpoint.id, f"due~{delivery.id}")
        if found is not None:
            due = due_of(endpoint, found)
            if due.claimed_until > now:
                raise RowChanged("the delivery is being sent")
            return self.claim(due, now)
        due = DueDelivery(
            endpoint=endpoint,
            id=delivery.id,
            log_key=delivery.log_key,
            event_id=delivery.event_id,
            event_type=delivery.event_type,
            failures=0,
            attempts=delivery.attempts_made,
            etag="",
            claimed_until=now + CLAIM_LASTS,
        )
        log = key(endpoint.id, delivery.log_key) | {"status": DeliveryStatus.PENDING.value, "nextAttemptAt": now}
        changes = [Change(Write.MERGE, log, delivery.etag), Change(Write.INSERT, due_row(due, now))]
        if delivery.status is DeliveryStatus.DEAD:
            changes.append(Change(Write.DELETE, key(endpoint.id, f"dead~{delivery.id}")))
        return replace(due, etag=self._table.commit(changes)[1])

    def get(self, endpoint_id: str, id_of_delivery: str) -> Delivery | None:
        """The delivery with its attempts."""
        body_row = self._table.get(endpoint_id, f"body~{id_of_delivery}")
        row = None if body_row is None else self._table.get(endpoint_id, body_row["logKey"])
        return None if row is None else delivery_of(row)

    def page(
        self, endpoint_id: str, *, status: DeliveryStatus | None, after_log_key: str, limit: int
    ) -> list[Delivery]:
        """Up to `limit` deliveries that follow `after_log_key` ("" for the newest), newest first."""
        query = "PartitionKey eq @partition and RowKey gt @after and RowKey lt 'log~~'"
        parameters = {"partition": endpoint_id, "after": after_log_key or "log~"}
        if status is not None:
            query += " and status eq @status"
            parameters["status"] = status.value
        rows = self._table.rows(query, parameters, page_size=min(limit, 1000))
        return [delivery_of(row) for row in islice(rows, limit)]

    def counts(self, endpoint_ids: Sequence[str]) -> tuple[int, int]:
        """How many deliveries of these endpoints wait for an attempt, and how many are dead."""
        waiting = dead = 0
        for endpoint_id in endpoint_ids:
            query = "PartitionKey eq @partition and RowKey ge 'dead~' and RowKey lt 'due~~'"
            for row in self._table.rows(query, {"partition": endpoint_id}):
                if row["RowKey"].startswith("due~"):
                    waiting += 1
                else:
                    dead += 1
        return waiting, dead

    def delete_all(self, endpoint_id: str) -> None:
        """Forget every delivery to the endpoint."""
        rows = self._table.rows("PartitionKey eq @partition", {"partition": endpoint_id})
        self._table.commit_groups([[Change(Write.DELETE, key(endpoint_id, row["RowKey"]))] for row in rows])
