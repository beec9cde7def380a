"""CloudEvents 1.0 in structured JSON mode (https://cloudevents.io), as Event Grid, Logic Apps and Knative take it."""

from typing import Any

from shared.clock import rfc3339
from shared.events.event import Event
from shared.json_codec import InvalidJson, JsonObject, RawJson, members, text_of
from shared.webhooks.formats.standard import fitting_body

CLOUDEVENTS_TYPE = "application/cloudevents+json"
# A source must be a URI reference. This one is for an installation that does not know its own URL.
DEFAULT_SOURCE = "/offer-monitor"
_SUBJECT_MAX_CHARACTERS = 300


def cloudevents_body(event: Event, public_url: str | None) -> bytes:
    """The event in its CloudEvents envelope: `id` is the webhook-id, `data` the same as in the standard format."""
    attributes = {
        "specversion": "1.0",
        "id": event.id,
        "type": event.type,
        "source": public_url or DEFAULT_SOURCE,
        "time": rfc3339(event.created_at),
        "datacontenttype": "application/json",
    }
    subject = _subject(event.data)
    if subject:
        attributes["subject"] = subject[:_SUBJECT_MAX_CHARACTERS]
    return fitting_body(event.data, lambda data: {**attributes, "data": data})


def _subject(data: JsonObject) -> str | None:
    """The job's id, the private offer's durable id, or `publisherId/offerId`; None if the event is about neither."""
    for name, member in (("job", "jobId"), ("privateOffer", "id")):
        if subject := _text_member(data.get(name), member):
            return subject
    ids = [_text_member(data.get("cppOffer"), member) for member in ("publisherId", "offerId")]
    return f"{ids[0]}/{ids[1]}" if all(ids) else None


def _text_member(value: Any, name: str) -> str | None:  # noqa: ANN401 - any JSON value
    if isinstance(value, RawJson):
        try:
            return text_of(members(value.data, name).get(name))
        except InvalidJson:
            return None
    member = value.get(name) if isinstance(value, dict) else None
    return member if isinstance(member, str) else None
