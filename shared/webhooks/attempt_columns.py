"""The columns of a log row that hold the attempts: `attempt01`, `attempt02`, ..., each a JSON object.

A column holds 64 KiB and an entity 1 MiB, both in UTF-16. An attempt keeps up to 1,000 characters of text, and JSON
turns each into six at most: with fifty attempts the largest log row has about 600 KiB.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from shared.clock import rfc3339
from shared.json_codec import InvalidJson, loads
from shared.storage.errors import RecordBroken
from shared.storage.table import Row
from shared.webhooks import columns
from shared.webhooks.delivery import Attempt

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
                status=None if facts["status"] is None else columns.count(facts, "status"),
                latency_ms=columns.count(facts, "latencyMs"),
                response=columns.text_or_none(facts, "response"),
                error=columns.text_or_none(facts, "error"),
            )
            yield columns.count({"number": place} | facts, "number"), attempt
        except (InvalidJson, RecordBroken, KeyError, TypeError, ValueError, AttributeError, OverflowError):
            continue  # someone has changed the column by hand; the other attempts still count
