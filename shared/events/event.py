"""What can be announced, and the patterns by which an endpoint says what it wants to hear."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

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


class Announcer(Protocol):
    """Whoever tells other systems of events (`fan_out.py`), as those who make events see it."""

    def announce(self, events: Sequence[Event]) -> None:
        """See to it that every endpoint that wants one of the events gets it. Idempotent by event id.

        Returns once the deliveries are stored; the first attempts start at once, elsewhere. Raises StorageError.
        """
        ...


def pattern_faults(patterns: Iterable[str]) -> list[str]:
    """A fault for each pattern that can match no event: "job.*" and "*" work, "job.suceeded" would be silence."""
    return [f"{pattern!r} matches no event" for pattern in patterns if pattern not in _PATTERNS]


def wants(patterns: Iterable[str], event_type: str) -> bool:
    """Whether any of the patterns matches the event type."""
    group = event_type.partition(".")[0]
    return not {EVERY_EVENT, event_type, f"{group}.*"}.isdisjoint(patterns)
