"""The rows of a delivery in the deliveries table: writes their columns and reads them back."""

import logging
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.events.event import Event
from shared.log import log_event
from shared.storage.errors import RecordBroken
from shared.storage.rows import stored_moment
from shared.storage.table import Change, Row, Write, etag_of
from shared.webhooks import columns
from shared.webhooks.columns import attempt_column, attempts_in, emptied_columns
from shared.webhooks.delivery import Attempt, Delivery, DeliveryStatus, DueDelivery, Payload, delivery_id

# An attempt takes up to 15 s; the rest is for storage before and after it.
CLAIM_LASTS = timedelta(seconds=45)
# The service allows 64 KiB a binary column.
_PART_BYTES = 60 * 1024
# Earlier versions stored no content type: every format had this one.
_OLD_CONTENT_TYPE = "application/json"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS = 10**14 - 1
_LOG_KEY = re.compile(r"log~([0-9]{14})~(dlv_[0-9a-f]{32})", re.ASCII)
_log = logging.getLogger("offer_monitor.webhooks")


def key(endpoint_id: str, row_key: str) -> Row:
    return {"PartitionKey": endpoint_id, "RowKey": row_key}


def due_key(due: DueDelivery) -> Row:
    return key(due.endpoint_id, f"due~{due.id}")


def log_key(created_at: datetime, id_of_delivery: str) -> str:
    """The row key of a delivery's log row; with an empty id, the lowest key that a delivery of that time can have."""
    inverted_ms = _LATEST_MS - (created_at - _EPOCH) // timedelta(milliseconds=1)
    return f"log~{inverted_ms:014}~{id_of_delivery}"


def delivery_id_in(log_key: str) -> str | None:
    """The id of the delivery whose log row has this key, or None if it is not the key of a log row."""
    found = _LOG_KEY.fullmatch(log_key)
    return None if found is None else found[2]


def created_at_in(log_key: str) -> datetime:
    """When a log row's delivery was created, according to the row's key."""
    found = _LOG_KEY.fullmatch(log_key)
    return _EPOCH if found is None else _EPOCH + timedelta(milliseconds=_LATEST_MS - int(found[1]))


def new_due(endpoint_id: str, event: Event, payload: Payload, now: datetime) -> DueDelivery:
    """The delivery of an event, claimed by the process that stores it."""
    id_of_delivery = delivery_id(endpoint_id, event.id)
    job = event.data.get("job")
    job_id = job.get("jobId") if isinstance(job, dict) else None
    return DueDelivery(
        endpoint_id=endpoint_id,
        id=id_of_delivery,
        log_key=log_key(now, id_of_delivery),
        event_id=event.id,
        event_type=event.type,
        job_id=job_id if isinstance(job_id, str) else None,
        failures=0,
        attempts=0,
        etag="",
        claimed_until=now + CLAIM_LASTS,
        payload=payload,
    )


def rows_of_new(due: DueDelivery, now: datetime, *, dead: bool) -> list[Change]:
    """The rows of a new delivery; of a pending one the due row is the last."""
    log = log_row(due, now, DeliveryStatus.DEAD if dead else DeliveryStatus.PENDING)
    last = _dead_row(due) if dead else due_row(due, now)
    return [Change(Write.INSERT, row) for row in (_body_row(due), log, last)]


def rows_of_refused(due: DueDelivery, now: datetime, reason: str, *, with_body: bool) -> list[Change]:
    """The rows of a new delivery that storage refused: dead, with the reason in place of an attempt's error."""
    body_row = _body_row(due) if with_body else key(due.endpoint_id, f"body~{due.id}") | {"logKey": due.log_key}
    attempt = Attempt(at=now, status=None, latency_ms=0, error=f"not sent: {reason}")
    due = replace(due, attempts=1)
    log = log_row(due, now, DeliveryStatus.DEAD) | attempt_column(attempt, 1)
    return [Change(Write.INSERT, row) for row in (body_row, log, _dead_row(due))]


def log_row(due: DueDelivery, created_at: datetime, status: DeliveryStatus) -> Row:
    """The log row of a delivery, without its attempts."""
    return key(due.endpoint_id, due.log_key) | {
        "deliveryId": due.id,
        "eventId": due.event_id,
        "type": due.event_type,
        "jobId": due.job_id,
        "status": status.value,
        "createdAt": created_at,
        "lastAttemptAt": created_at,
        "nextAttemptAt": created_at,
        "attempts": due.attempts,
    }


def payload_of(row: Row) -> Payload:
    """The payload in a body row. Raises RecordBroken."""
    try:
        body = b"".join(row[f"part{number}"] for number in range(row["parts"]))
    except (KeyError, TypeError) as error:
        raise RecordBroken("the stored body cannot be read") from error
    return Payload(body, columns.text_or_none(row, "contentType") or _OLD_CONTENT_TYPE)


def due_row(due: DueDelivery, next_attempt_at: datetime) -> Row:
    return due_key(due) | {
        "logKey": due.log_key,
        "eventId": due.event_id,
        "type": due.event_type,
        "jobId": due.job_id,
        "failures": due.failures,
        "attempts": due.attempts,
        "nextAttemptAt": next_attempt_at,
        "claimedUntil": due.claimed_until,
    }


def due_of(row: Row) -> DueDelivery:
    """The delivery in a due row. Raises RecordBroken if a column is missing or has an impossible value."""
    columns.moment(row, "nextAttemptAt")
    failures, claimed_until = columns.count(row, "failures"), columns.moment(row, "claimedUntil")
    return _due(row, "due~", failures, claimed_until)


def dead_of(row: Row) -> DueDelivery:
    """The delivery in a dead row, as it becomes due again. Raises RecordBroken, also for rows of earlier versions."""
    return _due(row, "dead~", failures=0, claimed_until=_EPOCH)


def due_again(delivery: Delivery, claimed_until: datetime, *, etag: str = "") -> DueDelivery:
    """A listed delivery, as it becomes due again."""
    return DueDelivery(
        endpoint_id=delivery.endpoint_id,
        id=delivery.id,
        log_key=delivery.log_key,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        job_id=delivery.job_id,
        failures=0,
        attempts=delivery.attempts_made,
        etag=etag,
        claimed_until=claimed_until,
    )


def rows_after(
    due: DueDelivery, attempt: Attempt, next_attempt_at: datetime | None, *, without_texts: bool = False
) -> list[Change]:
    """The changes that store an attempt: the delivery is pending until `next_attempt_at`, or has ended.

    With `without_texts` the log row loses the texts of this attempt and all earlier ones.
    """
    made = due.attempts + 1
    log: Row = key(due.endpoint_id, due.log_key) | {"attempts": made, "lastAttemptAt": attempt.at}
    if without_texts:
        log |= emptied_columns()
        error = "storage refused the text of the error" if attempt.error else None
        attempt = replace(attempt, response=None, error=error)
    log |= attempt_column(attempt, made)
    if next_attempt_at is not None:
        log["nextAttemptAt"] = next_attempt_at
        waiting = replace(due, failures=due.failures + 1, attempts=made, claimed_until=attempt.at)
        return [Change(Write.MERGE, log), Change(Write.MERGE, due_row(waiting, next_attempt_at), due.etag)]
    ended = DeliveryStatus.DELIVERED if attempt.succeeded else DeliveryStatus.DEAD
    return _rows_of_end(replace(due, attempts=made), log, ended)


def rows_of_death(due: DueDelivery) -> list[Change]:
    """The changes that end a delivery as dead without another attempt."""
    return _rows_of_end(due, key(due.endpoint_id, due.log_key), DeliveryStatus.DEAD)


def rows_of_reopening(dead: DueDelivery, now: datetime) -> list[Change]:
    """The changes that make a dead delivery due now. They fail if it no longer is: the ETag is its dead row's."""
    log = key(dead.endpoint_id, dead.log_key) | {"status": DeliveryStatus.PENDING.value, "nextAttemptAt": now}
    return [
        Change(Write.DELETE, key(dead.endpoint_id, f"dead~{dead.id}"), dead.etag),
        Change(Write.INSERT, due_row(replace(dead, claimed_until=now), now)),
        Change(Write.MERGE, log),
    ]


def delivery_of(row: Row) -> Delivery:
    """The delivery in a log row. Raises RecordBroken if a column is missing or has an impossible value."""
    try:
        status = DeliveryStatus(row.get("status", ""))
    except ValueError as error:
        raise RecordBroken("the column status is missing or unknown") from error
    if delivery_id_in(row["RowKey"]) != columns.text(row, "deliveryId"):
        raise RecordBroken("the column deliveryId is not of this row")
    return Delivery(
        id=columns.text(row, "deliveryId"),
        endpoint_id=row["PartitionKey"],
        event_id=columns.text(row, "eventId"),
        event_type=columns.text(row, "type"),
        job_id=columns.text_or_none(row, "jobId"),
        status=status,
        created_at=columns.moment(row, "createdAt"),
        next_attempt_at=stored_moment(row.get("nextAttemptAt")) if status is DeliveryStatus.PENDING else None,
        attempts=attempts_in(row),
        attempts_made=columns.count(row, "attempts"),
        log_key=row["RowKey"],
        etag=etag_of(row),
    )


def readable_delivery(row: Row) -> Delivery | None:
    """The delivery in a log row; one that cannot be read is logged and None."""
    try:
        return delivery_of(row)
    except RecordBroken as error:
        facts = {"webhookId": row["PartitionKey"], "rowKey": row["RowKey"], "reason": str(error)}
        log_event(_log, "delivery_unreadable", level=logging.ERROR, **facts)
        return None


def _due(row: Row, prefix: str, failures: int, claimed_until: datetime) -> DueDelivery:
    id_of_delivery = row["RowKey"].removeprefix(prefix)
    if delivery_id_in(columns.text(row, "logKey")) != id_of_delivery:
        raise RecordBroken("the column logKey is not of this delivery")
    return DueDelivery(
        endpoint_id=row["PartitionKey"],
        id=id_of_delivery,
        log_key=row["logKey"],
        event_id=columns.text(row, "eventId"),
        event_type=columns.text(row, "type"),
        job_id=columns.text_or_none(row, "jobId"),
        failures=failures,
        attempts=columns.count(row, "attempts"),
        etag=etag_of(row),
        claimed_until=claimed_until,
    )


def _body_row(due: DueDelivery) -> Row:
    payload = due.payload or Payload(b"", _OLD_CONTENT_TYPE)
    body = payload.body
    parts = [body[start : start + _PART_BYTES] for start in range(0, len(body), _PART_BYTES)]
    row: Row = {"logKey": due.log_key, "contentType": payload.content_type, "parts": len(parts)}
    row |= {f"part{number}": part for number, part in enumerate(parts)}
    return key(due.endpoint_id, f"body~{due.id}") | row


def _dead_row(due: DueDelivery) -> Row:
    return key(due.endpoint_id, f"dead~{due.id}") | {
        "logKey": due.log_key,
        "eventId": due.event_id,
        "type": due.event_type,
        "jobId": due.job_id,
        "attempts": due.attempts,
    }


def _rows_of_end(due: DueDelivery, log: Row, status: DeliveryStatus) -> list[Change]:
    changes = [Change(Write.MERGE, log | {"status": status.value}), Change(Write.DELETE, due_key(due), due.etag)]
    if status is DeliveryStatus.DEAD:
        changes.append(Change(Write.UPSERT, _dead_row(due)))
    return changes
