"""A delivery: one event on its way to one endpoint, with every attempt at it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from shared.clock import retry_after_seconds


class DeliveryStatus(StrEnum):
    """`pending` until an attempt succeeds or the schedule ends. A `dead` delivery can be sent again on request."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True)
class Attempt:
    """One attempt. With an answer it has the status and the start of the body, without one an error in words."""

    at: datetime
    status: int | None
    latency_ms: int
    response: str | None = None
    error: str | None = None
    retry_after: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def says_gone(self) -> bool:
        """410: the endpoint never wants another webhook."""
        return self.status == 410


@dataclass(frozen=True)
class Payload:
    """The body that a delivery sends and its content type. Both are fixed when the event is stored."""

    body: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A delivery as it is listed. `log_key` is the key of its log row; keys sort newest first."""

    id: str
    endpoint_id: str
    event_id: str
    event_type: str
    # None if the event is not about a job, and for deliveries stored by earlier versions.
    job_id: str | None
    status: DeliveryStatus
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: list[Attempt]
    # All that were ever made; `attempts` holds only the first and the newest of very many.
    attempts_made: int
    log_key: str
    etag: str = field(compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class DueDelivery:
    """A pending delivery with everything an attempt needs, except the endpoint, which is read when it begins.

    `failures` counts the failed attempts of the current schedule, `attempts` all that were ever made. `etag` is the
    due row's: the process that wrote it holds the claim.
    """

    endpoint_id: str
    id: str
    log_key: str
    event_id: str
    event_type: str
    job_id: str | None
    failures: int
    attempts: int
    etag: str
    claimed_until: datetime
    # In memory for a first attempt; a retry reads it from storage.
    payload: Payload | None = None


def delivery_id(endpoint_id: str, event_id: str) -> str:
    """The same id for the same event and endpoint, so that an event announced twice is delivered once."""
    return f"dlv_{hashlib.sha256(f'{endpoint_id} {event_id}'.encode()).hexdigest()[:32]}"


# The wait before each attempt except the first, from the end of the one before: ten attempts in just over three days.
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
# Up to 10 % jitter, so that deliveries that failed together do not retry together.
JITTER_SHARE = 0.1


def next_attempt_at(
    attempts_made: int, now: datetime, *, retry_after: str | None, random: Callable[[], float]
) -> datetime | None:
    """When to try again after `attempts_made` failures, or None if the delivery is dead.

    `retry_after` is the answer's header, in seconds or as a date; it is obeyed if it is later, up to a day.
    `random` returns numbers from 0 to 1.
    """
    if attempts_made >= MAX_ATTEMPTS:
        return None
    planned = RETRY_DELAYS[attempts_made - 1] * (1 + JITTER_SHARE * random())
    return now + max(planned, timedelta(seconds=retry_after_seconds(retry_after, now) or 0))
