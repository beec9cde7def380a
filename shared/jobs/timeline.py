"""What happened to a job and when: events in one text column of its row, a JSON array, the oldest first.

The column is extended where a poll's result is stored, and where a caller changes the job. `registered` is not in it:
the row has a column that says when that was. Other systems write rows too, so what cannot be read is passed over.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NotRequired, TypedDict, cast

from shared.clock import rfc3339
from shared.jobs.errors import JobUnknown
from shared.jobs.job import LONGEST_TIMELINE_CHARACTERS, Job
from shared.json_codec import InvalidJson, JsonObject, dumps, loads

LONGEST_VALUE_CHARACTERS = 120
# More are not shown. The column holds about as many.
MOST_EVENTS = 200
# What each type of event has in the column, beside `at` and `type`.
_MEMBERS: dict[str, tuple[str, ...]] = {
    "statusChanged": ("from", "to"),
    "changed": ("members",),
    "pollFailing": ("reason",),
    "pollRecovered": (),
    "stalled": ("eventId",),
    "finished": ("state", "eventId"),
}
_MAY_BE_NULL = {"from"}
_HIDDEN = {"eventId"}

# `from` and `to` are upstream's `jobStatus`; `from` is null before the first answer. `members` are those of the job
# that a caller changed. `reason` says why a poll failed; failures that follow it, for any reason, are not events.
# `state` is how the job finished. A delivery of one of these events to `webhookId` is as it is now: `at` is its last
# attempt, or when it was stored.
TimelineEvent = TypedDict(
    "TimelineEvent",
    {
        "at": str,
        "type": Literal[
            "registered",
            "statusChanged",
            "changed",
            "pollFailing",
            "pollRecovered",
            "stalled",
            "finished",
            "delivery",
        ],
        "from": NotRequired[str | None],
        "to": NotRequired[str],
        "members": NotRequired[list[str]],
        "reason": NotRequired[str],
        "state": NotRequired[str],
        "webhookId": NotRequired[str],
        "deliveryId": NotRequired[str],
        "status": NotRequired[Literal["pending", "delivered", "dead"]],
    },
)


class TimelineList(TypedDict):
    """A job's events, the oldest first."""

    events: list[TimelineEvent]


class Timelines:
    """Reads what happened to jobs."""

    def __init__(
        self,
        find_job: Callable[[str], Job | None],
        deliveries_of: Callable[[Sequence[str]], Iterable[TimelineEvent]],
    ) -> None:
        """`deliveries_of` finds the deliveries of events, by their ids."""
        self._find_job = find_job
        self._deliveries_of = deliveries_of

    def read(self, job_id: str) -> list[TimelineEvent]:
        """The job's events, the oldest first; of too many the first and the newest.

        Raises JobUnknown and StorageError.
        """
        job = self._find_job(job_id)
        if job is None:
            raise JobUnknown(job_id)
        stored = _events_in(job.timeline)
        # Of each type one event: a hostile column may have many.
        event_ids = {event["type"]: event["eventId"] for event in stored if "eventId" in event}
        shown = [_shown(event) for event in stored]
        # A job that finished when version 1 ran has no timeline.
        if job.finished_at is not None and "finished" not in event_ids:
            shown.append(TimelineEvent(at=rfc3339(job.finished_at), type="finished", state=job.state))
        shown += self._deliveries_of(list(event_ids.values()))
        shown.sort(key=lambda event: event["at"])
        return [TimelineEvent(at=rfc3339(job.registered_at), type="registered"), *shown[1 - MOST_EVENTS :]]


def after_poll(before: Job, after: Job, now: datetime, event_id: str) -> str:
    """The job's timeline after a poll. `event_id` is that of the event which the poll's result makes, if any."""
    at = rfc3339(after.finished_at or now)
    events: list[JsonObject] = []
    status, status_before = after.job_status, before.job_status
    if status and status.casefold() != (status_before or "").casefold():
        events.append({"at": at, "type": "statusChanged", "from": _cut(status_before), "to": _cut(status)})
    if after.last_poll_error is not None and before.last_poll_error is None:
        events.append({"at": at, "type": "pollFailing", "reason": _cut(after.last_poll_error)})
    if after.last_poll_error is None and before.last_poll_error is not None:
        events.append({"at": at, "type": "pollRecovered"})
    if after.stalled and not before.stalled and after.pending:
        events.append({"at": at, "type": "stalled", "eventId": event_id})
    if not after.pending:
        events.append({"at": at, "type": "finished", "state": after.state.value, "eventId": event_id})
    return _extended(before.timeline, events)


def after_change(before: Job, after: Job, now: datetime) -> str:
    """The job's timeline after a caller changed members of it."""
    pairs = {
        "operation": (before.operation, after.operation),
        "label": (before.label, after.label),
        "externalId": (before.external_id, after.external_id),
    }
    members = [name for name, (old, new) in pairs.items() if old != new]
    events: list[JsonObject] = [{"at": rfc3339(now), "type": "changed", "members": members}] if members else []
    return _extended(before.timeline, events)


def _extended(column: str, events: Sequence[JsonObject]) -> str:
    """The column with more events; the oldest go if there are too many."""
    if not events:
        return column
    texts = [dumps(event) for event in [*_events_in(column), *events][-MOST_EVENTS:]]
    # Each takes a comma or a bracket more, and the array one bracket.
    left = LONGEST_TIMELINE_CHARACTERS - 1
    kept = 0
    for text in reversed(texts):
        left -= len(text) + 1
        if left < 0:
            break
        kept += 1
    return f"[{','.join(texts[len(texts) - kept :])}]"


def _events_in(column: str) -> list[JsonObject]:
    """The events in the column that can be read, with no more than they should have."""
    try:
        events = loads(column or "[]")
    except InvalidJson:
        return []
    found = (_event(event) for event in events) if isinstance(events, list) else ()
    return [event for event in found if event is not None][-MOST_EVENTS:]


def _event(event: Any) -> JsonObject | None:  # noqa: ANN401 - whatever is in the column
    try:
        kind, at = event["type"], datetime.fromisoformat(event["at"]).astimezone(UTC)
        members = {name: _value(name, event[name]) for name in _MEMBERS[kind]}
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return {"at": rfc3339(at), "type": kind, **members}


def _value(name: str, value: object) -> str | list[str] | None:
    if value is None and name in _MAY_BE_NULL:
        return None
    if name == "members" and isinstance(value, list):
        return [_text(each) for each in value[:MOST_EVENTS]]
    text = _text(value)
    if name == "eventId" and not (text.isascii() and text.replace("_", "").isalnum()):
        raise ValueError("it is not the id of an event")
    return text


def _text(value: object) -> str:
    """The start of a text. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is not a text")
    return value[:LONGEST_VALUE_CHARACTERS]


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:LONGEST_VALUE_CHARACTERS]


def _shown(event: JsonObject) -> TimelineEvent:
    return cast("TimelineEvent", {name: value for name, value in event.items() if name not in _HIDDEN})
