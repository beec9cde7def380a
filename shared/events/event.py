"""Events, and the patterns with which an endpoint chooses among them."""

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
    "private_offer.created",
    "private_offer.changed",
    "private_offer.accepted",
    "private_offer.expiring",
    "private_offer.expired",
    "private_offer.ending",
    "private_offer.ended",
    "private_offer.deleted",
    "cpp_offer.status_changed",
    "webhook.test",
)
TEST_EVENT_TYPE = "webhook.test"
EVERY_EVENT = "*"
_PATTERNS = frozenset(EVENT_TYPES) | {f"{name.partition('.')[0]}.*" for name in EVENT_TYPES} | {EVERY_EVENT}


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened.

    `id` stays the same each time the event is announced, and has no full stop in it. `data` is the data of the
    webhook body: {"job": record}, {"monitor": {...}}, {"webhook": {...}},
    {"privateOffer": offer, "changes"?: [JSON Pointer], "by"?: "partner" or "customer", "daysLeft"?: days} or
    {"cppOffer": {"publisherId", "offerId"}, "from": status, "to": status}, where a status is
    {"status", "steps": {id: status}}. A private offer may be a RawJson.
    """

    id: str
    type: str
    created_at: datetime
    data: JsonObject


def new_event_id() -> str:
    """A new event id. The `webhook-id` of each delivery is derived from it."""
    return f"evt_{uuid.uuid4().hex}"


def pattern_faults(patterns: Iterable[str]) -> list[str]:
    """A message for each pattern that matches no event. "job.*" and "*" do; "job.suceeded" does not."""
    return [f"{pattern!r} matches no event" for pattern in patterns if pattern not in _PATTERNS]


def wants(patterns: Iterable[str], event_type: str) -> bool:
    """Whether one of the patterns matches the event type."""
    group = event_type.partition(".")[0]
    return not {EVERY_EVENT, event_type, f"{group}.*"}.isdisjoint(patterns)
