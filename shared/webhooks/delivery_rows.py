"""How a delivery stands in the deliveries table: the columns of its rows, and back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.clock import rfc3339
from shared.json_codec import dumps, loads
from shared.storage.moments import stored_moment
from shared.storage.table import Change, Row, Write, etag_of
from shared.webhooks.delivery import Attempt, Delivery, DeliveryStatus, DueDelivery, delivery_id
from shared.webhooks.endpoints import Endpoint
from shared.webhooks.events import Event

# An attempt takes 15 s at most; the rest is for storage before and after it.
CLAIM_LASTS = timedelta(seconds=45)
# Attempts kept of one delivery: ten of a schedule, and those of several redeliveries.
ATTEMPTS_KEPT = 50
# The service allows 64 KiB a binary column.
_PART_BYTES = 60 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS = 10**14 - 1
_NEVER = _EPOCH


def key(endpoint_id: str, row_key: str) -> Row:
    return {"PartitionKey": endpoint_id, "RowKey": row_key}


def due_key(due: DueDelivery) -> Row:
    return key(due.endpoint.id, f"due~{due.id}")


def new_due(endpoint: Endpoint, event: Event, body: bytes, now: datetime) -> DueDelivery:
    """The delivery of an event, claimed by whoever stores it."""
    id_of_delivery = delivery_id(endpoint.id, event.id)
    inverted_ms = _LATEST_MS - (now - _EPOCH) // timedelta(milliseconds=1)
    return DueDelivery(
        endpoint=endpoint,
        id=id_of_delivery,
        log_key=f"log~{inverted_ms:014}~{id_of_delivery}",
        event_id=event.id,
        event_type=event.type,
        failures=0,
        attempts=0,
        etag="",
        claimed_until=now + CLAIM_LASTS,
        body=body,
    )


def rows_of_new(due: DueDelivery, now: datetime, *, dead: bool) -> list[Change]:
    """The rows of a new delivery; of a pending one the due row is the last."""
    body = due.body or b""
    parts = [body[start : start + _PART_BYTES] for start in range(0, len(body), _PART_BYTES)]
    body_row: Row = key(due.endpoint.id, f"body~{due.id}") | {"logKey": due.log_key, "parts": len(parts)}
    body_row |= {f"part{number}": part for number, part in enumerate(parts)}
    log_row = key(due.endpoint.id, due.log_key) | {
        "deliveryId": due.id,
        "eventId": due.event_id,
        "type": due.event_type,
        "status": DeliveryStatus.DEAD.value if dead else DeliveryStatus.PENDING.value,
        "createdAt": now,
        "nextAttemptAt": now,
        "attempts": 0,
    }
    last = key(due.endpoint.id, f"dead~{due.id}") if dead else due_row(due, now)
    return [Change(Write.INSERT, row) for row in (body_row, log_row, last)]


def body_of(row: Row) -> bytes:
    return b"".join(row[f"part{number}"] for number in range(row["parts"]))


def due_row(due: DueDelivery, next_attempt_at: datetime) -> Row:
    return due_key(due) | {
        "logKey": due.log_key,
        "eventId": due.event_id,
        "type": due.event_type,
        "failures": due.failures,
        "attempts": due.attempts,
        "nextAttemptAt": next_attempt_at,
        "claimedUntil": due.claimed_until,
    }


def due_of(endpoint: Endpoint, row: Row) -> DueDelivery:
    return DueDelivery(
        endpoint=endpoint,
        id=row["RowKey"].removeprefix("due~"),
        log_key=row["logKey"],
        event_id=row["eventId"],
        event_type=row["type"],
        failures=row["failures"],
        attempts=row["attempts"],
        etag=etag_of(row),
        claimed_until=stored_moment(row["claimedUntil"]) or _NEVER,
    )


def rows_after(due: DueDelivery, attempt: Attempt, next_attempt_at: datetime | None) -> list[Change]:
    """The changes that store an attempt: the delivery goes on waiting until `next_attempt_at`, or has ended."""
    made = due.attempts + 1
    log: Row = key(due.endpoint.id, due.log_key) | {
        "attempts": made,
        f"attempt{min(made, ATTEMPTS_KEPT):02}": _attempt_column(attempt),
    }
    if next_attempt_at is not None:
        log["nextAttemptAt"] = next_attempt_at
        waiting = replace(due, failures=due.failures + 1, attempts=made, claimed_until=attempt.at)
        return [Change(Write.MERGE, log), Change(Write.MERGE, due_row(waiting, next_attempt_at), due.etag)]
    ended = DeliveryStatus.DELIVERED if attempt.succeeded else DeliveryStatus.DEAD
    return _rows_of_end(due, log, ended)


def rows_of_burial(due: DueDelivery) -> list[Change]:
    """The changes that end a delivery as dead without another attempt."""
    return _rows_of_end(due, key(due.endpoint.id, due.log_key), DeliveryStatus.DEAD)


def delivery_of(row: Row) -> Delivery:
    status = DeliveryStatus(row["status"])
    columns = (row.get(f"attempt{number:02}") for number in range(1, ATTEMPTS_KEPT + 1))
    return Delivery(
        id=row["deliveryId"],
        endpoint_id=row["PartitionKey"],
        event_id=row["eventId"],
        event_type=row["type"],
        status=status,
        created_at=stored_moment(row["createdAt"]) or _NEVER,
        next_attempt_at=stored_moment(row["nextAttemptAt"]) if status is DeliveryStatus.PENDING else None,
        attempts=[_attempt(column) for column in columns if column is not None],
        attempts_made=row["attempts"],
        log_key=row["RowKey"],
        etag=etag_of(row),
    )


def _rows_of_end(due: DueDelivery, log: Row, status: DeliveryStatus) -> list[Change]:
    changes = [Change(Write.MERGE, log | {"status": status.value}), Change(Write.DELETE, due_key(due), due.etag)]
    if status is DeliveryStatus.DEAD:
        changes.append(Change(Write.UPSERT, key(due.endpoint.id, f"dead~{due.id}")))
    return changes


def _attempt_column(attempt: Attempt) -> str:
    return dumps(
        {
            "at": rfc3339(attempt.at),
            "status": attempt.status,
            "latencyMs": attempt.latency_ms,
            "response": attempt.response,
            "error": attempt.error,
        }
    )


def _attempt(column: str) -> Attempt:
    facts = loads(column)
    return Attempt(
        at=datetime.fromisoformat(facts["at"]),
        status=facts["status"],
        latency_ms=facts["latencyMs"],
        response=facts["response"],
        error=facts["error"],
    )
