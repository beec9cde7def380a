"""Time: aware datetimes in UTC, from a clock that is passed in, so that a test can set it."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol


class Clock(Protocol):
    """A source of the current UTC time."""

    def now(self) -> datetime:
        """The current time, aware and in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`moment` as the API shows it: UTC, whole seconds, ending in Z (2026-11-20T09:00:01Z)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# A server that asks for longer does not mean it, and a garbled number must not stop anything for years.
RETRY_AFTER_MAX_SECONDS = 86_400.0
_SECONDS = re.compile(r"\d{1,20}(?:\.\d{1,20})?", re.ASCII)
_LONGEST_CHARACTERS = 100


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Seconds from `now` until a Retry-After header allows another request, from 0 to a day; None if unreadable."""
    text = (header or "").strip()
    if len(text) > _LONGEST_CHARACTERS:
        return None
    try:
        seconds = float(text) if _SECONDS.fullmatch(text) else _seconds_until(text, now)
    except Exception:  # noqa: BLE001 - the header may hold anything
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_SECONDS)


def _seconds_until(date: str, now: datetime) -> float:
    allowed_at = parsedate_to_datetime(date)
    # A date in "-0000" is parsed as one without a zone. HTTP dates are always UTC.
    return (allowed_at.replace(tzinfo=allowed_at.tzinfo or UTC) - now).total_seconds()
