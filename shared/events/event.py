"""The events, and the patterns with which an endpoint chooses some of them."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.json_codec import JsonObject

EVENT_TYPES = (
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.lost",
    "job.expired",
    "job.stalled",
    "monitor.degraded",
    "monitor.recovered",
    "webhook.test",
)
TEST_EVENT_TYPE = "webhook.test"
EVERY_EVENT = "*"
_PATTERNS = frozenset(EVENT_TYPES) | {f"{name.partition('.')[0]}.*" for name in EVENT_TYPES} | {EVERY_EVENT}


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. `id` is the same however often the event is announced, and holds no full stop.

    `data` is what the webhook's body carries: {"job": record} or {"monitor": {...}}.
    """

    id: str
    type: str
    created_at: datetime
    data: JsonObject


def new_event_id() -> str:
    """The id that an event keeps: the `webhook-id` of its deliveries is derived from it."""
    return f"evt_{uuid.uuid4().hex}"


def pattern_faults(patterns: Iterable[str]) -> list[str]:
    """A fault for each pattern that can match no event: "job.*" and "*" work, "job.suceeded" would be silence."""
    return [f"{pattern!r} matches no event" for pattern in patterns if pattern not in _PATTERNS]


def wants(patterns: Iterable[str], event_type: str) -> bool:
    """Whether any of the patterns matches the event type."""
    group = event_type.partition(".")[0]
    return not {EVERY_EVENT, event_type, f"{group}.*"}.isdisjoint(patterns)
