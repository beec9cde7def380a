"""The rows of a delivery in the deliveries table: writes their columns and reads them back.

A column holds 64 KiB and an entity 1 MiB, both in UTF-16. An attempt keeps up to 1,000 characters of text, and JSON
turns each into six at most: with fifty attempts the largest log row has about 600 KiB.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.clock import rfc3339
from shared.events.event import Event
from shared.json_codec import InvalidJson, loads
from shared.storage.errors import RecordBroken
from shared.storage.rows import stored_moment
from shared.storage.table import Change, Row, Write, etag_of
from shared.webhooks.delivery import Attempt, Delivery, DeliveryStatus, DueDelivery, delivery_id

# An attempt takes up to 15 s; the rest is for storage before and after it.
CLAIM_LASTS = timedelta(seconds=45)
# Of more attempts, the first and the newest are kept.
ATTEMPTS_KEPT = 50
# The service allows 64 KiB a binary column.
_PART_BYTES = 60 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS = 10**14 - 1
_LOG_KEY = re.compile(r"log~([0-9]{14})~(dlv_[0-9a-f]{32})", re.ASCII)


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


def new_due(endpoint_id: str, event: Event, body: bytes, now: datetime) -> DueDelivery:
    """The delivery of an event, claimed by the process that stores it."""
    id_of_delivery = delivery_id(endpoint_id, event.id)
    return DueDelivery(
        endpoint_id=endpoint_id,
        id=id_of_delivery,
        log_key=log_key(now, id_of_delivery),
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
    log = log_row(due, now, DeliveryStatus.DEAD if dead else DeliveryStatus.PENDING)
    last = key(due.endpoint_id, f"dead~{due.id}") if dead else due_row(due, now)
    return [Change(Write.INSERT, row) for row in (_body_row(due), log, last)]


def rows_of_refused(due: DueDelivery, now: datetime, reason: str, *, with_body: bool) -> list[Change]:
    """The rows of a new delivery that storage refused: dead, with the reason in place of an attempt's error."""
    body_row = _body_row(due) if with_body else key(due.endpoint_id, f"body~{due.id}") | {"logKey": due.log_key}
    attempt = Attempt(at=now, status=None, latency_ms=0, error=f"not sent: {reason}")
    log = log_row(due, now, DeliveryStatus.DEAD)
    log |= {"attempts": 1, _attempt_column(1): _attempt_text(attempt, 1)}
    return [Change(Write.INSERT, row) for row in (body_row, log, key(due.endpoint_id, f"dead~{due.id}"))]


def _body_row(due: DueDelivery) -> Row:
    body = due.body or b""
    parts = [body[start : start + _PART_BYTES] for start in range(0, len(body), _PART_BYTES)]
    row: Row = key(due.endpoint_id, f"body~{due.id}") | {"logKey": due.log_key, "parts": len(parts)}
    return row | {f"part{number}": part for number, part in enumerate(parts)}


def log_row(due: DueDelivery, created_at: datetime, status: DeliveryStatus) -> Row:
    """The log row of a delivery without an attempt."""
    return key(due.endpoint_id, due.log_key) | {
        "deliveryId": due.id,
        "eventId": due.event_id,
        "type": due.event_type,
        "status": status.value,
        "createdAt": created_at,
        "lastAttemptAt": created_at,
        "nextAttemptAt": created_at,
        "attempts": 0,
    }


def body_of(row: Row) -> bytes:
    """The body in a body row. Raises RecordBroken."""
    try:
        return b"".join(row[f"part{number}"] for number in range(row["parts"]))
    except (KeyError, TypeError) as error:
        raise RecordBroken("the stored body cannot be read") from error


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


def due_of(row: Row) -> DueDelivery:
    """The delivery in a due row. Raises RecordBroken if a column is missing or has an impossible value."""
    _moment(row, "nextAttemptAt")
    id_of_delivery = row["RowKey"].removeprefix("due~")
    if delivery_id_in(_text(row, "logKey")) != id_of_delivery:
        raise RecordBroken("the column logKey is not of this delivery")
    return DueDelivery(
        endpoint_id=row["PartitionKey"],
        id=id_of_delivery,
        log_key=row["logKey"],
        event_id=_text(row, "eventId"),
        event_type=_text(row, "type"),
        failures=_count(row, "failures"),
        attempts=_count(row, "attempts"),
        etag=etag_of(row),
        claimed_until=_moment(row, "claimedUntil"),
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
        log |= {_attempt_column(number): "" for number in range(1, ATTEMPTS_KEPT + 1)}
        attempt = replace(
            attempt, response=None, error="storage refused the text of the error" if attempt.error else None
        )
    log[_attempt_column(made)] = _attempt_text(attempt, made)
    if next_attempt_at is not None:
        log["nextAttemptAt"] = next_attempt_at
        waiting = replace(due, failures=due.failures + 1, attempts=made, claimed_until=attempt.at)
        return [Change(Write.MERGE, log), Change(Write.MERGE, due_row(waiting, next_attempt_at), due.etag)]
    ended = DeliveryStatus.DELIVERED if attempt.succeeded else DeliveryStatus.DEAD
    return _rows_of_end(due, log, ended)


def rows_of_death(due: DueDelivery) -> list[Change]:
    """The changes that end a delivery as dead without another attempt."""
    return _rows_of_end(due, key(due.endpoint_id, due.log_key), DeliveryStatus.DEAD)


def delivery_of(row: Row) -> Delivery:
    """The delivery in a log row. Raises RecordBroken if a column is missing or has an impossible value."""
    try:
        status = DeliveryStatus(row.get("status", ""))
    except ValueError as error:
        raise RecordBroken("the column status is missing or unknown") from error
    if delivery_id_in(row["RowKey"]) != _text(row, "deliveryId"):
        raise RecordBroken("the column deliveryId is not of this row")
    return Delivery(
        id=_text(row, "deliveryId"),
        endpoint_id=row["PartitionKey"],
        event_id=_text(row, "eventId"),
        event_type=_text(row, "type"),
        status=status,
        created_at=_moment(row, "createdAt"),
        next_attempt_at=stored_moment(row.get("nextAttemptAt")) if status is DeliveryStatus.PENDING else None,
        attempts=[attempt for _, attempt in sorted(_attempts(row), key=lambda numbered: numbered[0])],
        attempts_made=_count(row, "attempts"),
        log_key=row["RowKey"],
        etag=etag_of(row),
    )


def _rows_of_end(due: DueDelivery, log: Row, status: DeliveryStatus) -> list[Change]:
    changes = [Change(Write.MERGE, log | {"status": status.value}), Change(Write.DELETE, due_key(due), due.etag)]
    if status is DeliveryStatus.DEAD:
        changes.append(Change(Write.UPSERT, key(due.endpoint_id, f"dead~{due.id}")))
    return changes


def _attempt_column(number: int) -> str:
    """The column for the attempt of that number: the first has its own, the others share the rest in turn."""
    place = number if number <= ATTEMPTS_KEPT else 2 + (number - 2) % (ATTEMPTS_KEPT - 1)
    return f"attempt{place:02}"


def _attempt_text(attempt: Attempt, number: int) -> str:
    facts = {
        "number": number,
        "at": rfc3339(attempt.at),
        "status": attempt.status,
        "latencyMs": attempt.latency_ms,
        "response": attempt.response,
        "error": attempt.error,
    }
    # Not in ASCII, where one character can take twelve.
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode("utf-8")


def _attempts(row: Row) -> Iterator[tuple[int, Attempt]]:
    """The readable attempts, with their numbers."""
    for place in range(1, ATTEMPTS_KEPT + 1):
        try:
            facts = loads(row.get(f"attempt{place:02}") or "null")
            if facts is None:
                continue
            attempt = Attempt(
                at=datetime.fromisoformat(facts["at"]).astimezone(UTC),
                status=None if facts["status"] is None else _count(facts, "status"),
                latency_ms=_count(facts, "latencyMs"),
                response=_text_or_none(facts, "response"),
                error=_text_or_none(facts, "error"),
            )
            yield _count({"number": place} | facts, "number"), attempt
        except (InvalidJson, RecordBroken, KeyError, TypeError, ValueError, AttributeError, OverflowError):
            continue  # someone has changed the column by hand; the other attempts still count


def _text(row: Row, column: str) -> str:
    value = row.get(column)
    if not isinstance(value, str) or not value:
        raise RecordBroken(f"the column {column} is missing or not a text")
    return value


def _text_or_none(row: Row, column: str) -> str | None:
    value = row[column]
    if value is not None and not isinstance(value, str):
        raise RecordBroken(f"the column {column} is not a text")
    return value


def _count(row: Row, column: str) -> int:
    value: Any = row.get(column)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise RecordBroken(f"the column {column} is missing or not a count")
    return value


def _moment(row: Row, column: str) -> datetime:
    value = stored_moment(row.get(column))
    if value is None:
        raise RecordBroken(f"the column {column} is missing or not a time")
    return value
