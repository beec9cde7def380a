"""When a delivery is tried again, after the schedule that Standard Webhooks recommends."""

from collections.abc import Callable
from datetime import datetime, timedelta

from shared.retry_after import retry_after_seconds

# Before each attempt but the first, counted from the end of the one before: ten attempts in a little over three days.
RETRY_DELAYS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MAX_ATTEMPTS = 1 + len(RETRY_DELAYS)
# A delay grows by up to so much, so that what failed together does not come back together.
JITTER_SHARE = 0.1


def next_attempt_at(
    attempts_made: int, now: datetime, *, retry_after: str | None, random: Callable[[], float]
) -> datetime | None:
    """When to try again after `attempts_made` failures, or None if the delivery is dead.

    `retry_after` is the answer's header, in seconds or as a date: obeyed where it is later, up to a day.
    `random` gives numbers from 0 to 1.
    """
    if attempts_made >= MAX_ATTEMPTS:
        return None
    planned = RETRY_DELAYS[attempts_made - 1] * (1 + JITTER_SHARE * random())
    return now + max(planned, timedelta(seconds=retry_after_seconds(retry_after, now) or 0))
