"""Reads columns of rows that someone may have changed by hand. Each function raises RecordBroken."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from shared.clock import rfc3339
from shared.json_codec import InvalidJson, loads
from shared.storage.errors import RecordBroken
from shared.storage.rows import stored_moment
from shared.storage.table import Row
from shared.webhooks.delivery import Attempt

_LARGEST_COUNT = 2**31 - 1


def text(row: Row, column: str) -> str:
    value = text_or_none(row, column)
    if not value:
        raise RecordBroken(f"the column {column} is missing or not a text")
    return value


def text_or_none(row: Row, column: str) -> str | None:
    """A text; None if the column is missing."""
    value = row.get(column)
    if value is not None and not isinstance(value, str):
        raise RecordBroken(f"the column {column} is not a text")
    return value


def count(row: Row, column: str) -> int:
    value: Any = row.get(column)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST_COUNT:
        raise RecordBroken(f"the column {column} is missing or not a count")
    return value


def moment(row: Row, column: str) -> datetime:
    value = stored_moment(row.get(column))
    if value is None:
        raise RecordBroken(f"the column {column} is missing or not a time")
    return value


# Of more attempts, the first and the newest are kept.
ATTEMPTS_KEPT = 50


def attempt_column(attempt: Attempt, number: int) -> Row:
    """The column of the attempt with that number, counted from 1.

    The first has its own column, the others share the rest in turn.
    """
    place = number if number <= ATTEMPTS_KEPT else 2 + (number - 2) % (ATTEMPTS_KEPT - 1)
    facts = {
        "number": number,
        "at": rfc3339(attempt.at),
        "status": attempt.status,
        "latencyMs": attempt.latency_ms,
        "response": attempt.response,
        "error": attempt.error,
    }
    # Not in ASCII, where one character can take twelve.
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode("utf-8")
    return {_name(place): text}


def emptied_columns() -> Row:
    """All columns without their texts."""
    return {_name(place): "" for place in range(1, ATTEMPTS_KEPT + 1)}


def attempts_in(row: Row) -> list[Attempt]:
    """The readable attempts, the first one first."""
    return [attempt for _, attempt in sorted(_numbered(row), key=lambda numbered: numbered[0])]


def _name(place: int) -> str:
    return f"attempt{place:02}"


def _numbered(row: Row) -> Iterator[tuple[int, Attempt]]:
    for place in range(1, ATTEMPTS_KEPT + 1):
        try:
            facts = loads(row.get(_name(place)) or "null")
            if facts is None:
                continue
            attempt = Attempt(
                at=datetime.fromisoformat(facts["at"]).astimezone(UTC),
                status=None if facts["status"] is None else count(facts, "status"),
                latency_ms=count(facts, "latencyMs"),
                response=text_or_none(facts, "response"),
                error=text_or_none(facts, "error"),
            )
            yield count({"number": place} | facts, "number"), attempt
        except (InvalidJson, RecordBroken, KeyError, TypeError, ValueError, AttributeError, OverflowError):
            continue  # someone has changed the column by hand; the other attempts still count
