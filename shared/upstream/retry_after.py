"""The Retry-After header (RFC 9110, 10.2.3): seconds, or a date."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# No upstream means it when it says longer; a garbled number must not silence a job for years.
RETRY_AFTER_MAX_SECONDS = 86_400.0
_SECONDS = re.compile(r"\d{1,20}(?:\.\d{1,20})?", re.ASCII)


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Seconds from `now` until the header allows another request, from 0 to a day; None if it says nothing."""
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            allowed_at = parsedate_to_datetime(text)
        except ValueError:
            return None
        # A date in "-0000" comes back without a zone; HTTP dates are UTC whatever they say.
        seconds = (allowed_at.replace(tzinfo=allowed_at.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_SECONDS)
