"""Time as the monitor sees it: aware, UTC, and handed in, so that a test decides what time it is."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol


class Clock(Protocol):
    """Whoever can say what time it is."""

    def now(self) -> datetime:
        """The present moment, aware and in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`moment` as the API shows it: UTC, whole seconds, ending in Z (2026-11-20T09:00:01Z)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# No server means it when it says longer; a garbled number must not silence anything for years.
RETRY_AFTER_MAX_SECONDS = 86_400.0
_SECONDS = re.compile(r"\d{1,20}(?:\.\d{1,20})?", re.ASCII)
_LONGEST_CHARACTERS = 100


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Seconds from `now` until the header allows another request, from 0 to a day; None if it says nothing."""
    text = (header or "").strip()
    if len(text) > _LONGEST_CHARACTERS:
        return None
    try:
        seconds = float(text) if _SECONDS.fullmatch(text) else _seconds_until(text, now)
    except Exception:  # noqa: BLE001 - a stranger's header: whatever is wrong with it, it says nothing
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_SECONDS)


def _seconds_until(date: str, now: datetime) -> float:
    allowed_at = parsedate_to_datetime(date)
    # A date in "-0000" comes back without a zone; HTTP dates are UTC whatever they say.
    return (allowed_at.replace(tzinfo=allowed_at.tzinfo or UTC) - now).total_seconds()
