"""Describes the requests that the monitor sends to endpoints, one for each kind of event."""

from collections.abc import Mapping
from typing import Any

from openapi import texts
from openapi.schemas import REFERENCE, Schema, Schemas
from shared.events.event import EVENT_TYPES
from shared.jobs.job import JobRecord
from shared.polling.report import CycleFailure
from shared.webhooks.endpoint import FormatName
from shared.webhooks.formats.cloudevents import CLOUDEVENTS_TYPE

_SUMMARIES = {
    "job.succeeded": "A job succeeded",
    "job.failed": "A job failed",
    "job.cancelled": "A job was cancelled",
    "job.lost": "Upstream no longer knows a job",
    "job.expired": "A job was pending for too long and is no longer polled",
    "job.stalled": "A job has been pending for unusually long, and is still polled",
    "monitor.degraded": "Three poll cycles in a row could not do their work",
    "monitor.recovered": "The monitor can do its work again",
    "private_offer.created": "There is a private offer that was not there before",
    "private_offer.changed": "A private offer changed",
    "private_offer.accepted": "The partner or the customer accepted a private offer",
    "private_offer.expiring": "A private offer that nobody has accepted expires soon",
    "private_offer.expired": "A private offer expired without being accepted",
    "private_offer.ending": "An accepted private offer ends soon",
    "private_offer.ended": "An accepted private offer ended",
    "private_offer.deleted": "A private offer was deleted",
    "cpp_offer.status_changed": "The publishing status of a CPP offer, or of one of its steps, changed",
    "webhook.test": "Someone asked for a test",
}
_FORMATS = {
    "standard": "`standard` is described here.",
    "teams": "`teams` is a message for Microsoft Teams, with an adaptive card.",
    "slack": "`slack` is a message for Slack.",
    "cloudevents": "`cloudevents` is a CloudEvent 1.0 in structured JSON mode.",
}
_CLOUD_EVENT: Schema = {"schema": {"$ref": f"{REFERENCE}CloudEvent"}}
_DESCRIPTION = """\
Sent to each endpoint whose `events` include `{event}`, at least once: the same event may come twice, with the same \
`webhook-id`. The request is signed as [Standard Webhooks](https://www.standardwebhooks.com) 1.0 says, so any of its \
libraries can check it.

The body has the endpoint's `format`. {formats} The signature is the same in all of them."""
_HEADERS = {
    "webhook-id": "The event's id, the same in every attempt to send it to this endpoint.",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970.",
    "webhook-signature": "`v1,` and the HMAC-SHA256 of id, timestamp and body, in base64. While a secret is being "
    "rotated "
    "there are two, with a space between them.",
}
_RESPONSES = {
    "2XX": "The event was received. Any other answer is a failed attempt, and redirects are not followed. Answer "
    "within 15 "
    "seconds. Failed attempts are repeated, up to ten attempts over three days; `Retry-After` is obeyed.",
    "410": "The endpoint is gone. The monitor disables it.",
}


def describe_events(schemas: Schemas, examples: Mapping[str, Any]) -> dict[str, Schema]:
    """The `webhooks` of the document, by event. `examples` has bodies by event."""
    formats = " ".join(_FORMATS[name] for name in FormatName.__value__.__args__)
    bodies = {
        "job": _job_event,
        "monitor": _monitor_event,
        "private_offer": _private_offer_event,
        "cpp_offer": _cpp_offer_event,
        "webhook": _test_event,
    }
    _add_cloud_event(schemas)
    described = {}
    for event in EVENT_TYPES:
        body: Schema = {"schema": bodies[event.partition(".")[0]](schemas)}
        if event in examples:
            body["example"] = examples[event]
        described[event] = {
            "post": {
                "operationId": event.replace(".", "_"),
                "tags": [texts.EVENTS_TAG[0]],
                "summary": _SUMMARIES[event],
                "description": _DESCRIPTION.format(event=event, formats=formats),
                "security": [],
                "parameters": [
                    {
                        "name": name,
                        "in": "header",
                        "required": True,
                        "description": text,
                        "schema": {"type": "string"},
                    }
                    for name, text in _HEADERS.items()
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": body, CLOUDEVENTS_TYPE: _CLOUD_EVENT},
                },
                "responses": {status: {"description": text} for status, text in _RESPONSES.items()},
            }
        }
    return described


def _job_event(schemas: Schemas) -> Schema:
    return _event(schemas, "JobEvent", {"job": {**schemas.of(JobRecord), "description": "The job's record."}}, ())


def _monitor_event(schemas: Schemas) -> Schema:
    monitor: dict[str, Schema] = {
        "reason": {
            "anyOf": [schemas.of(CycleFailure), {"type": "null"}],
            "description": "Why the last poll cycle could not do its work; null if it could.",
        },
        "detail": {"type": ["string", "null"], "description": "The same in a sentence."},
        "failedCyclesInARow": {"type": "integer", "description": "How many poll cycles in a row have failed."},
        "lastTickAt": {"type": "string", "format": "date-time", "description": "When the last poll cycle began."},
    }
    data = {"monitor": _object(monitor, tuple(monitor), "The state of the monitor.")}
    return _event(schemas, "MonitorEvent", data, tuple(data))


def _private_offer_event(schemas: Schemas) -> Schema:
    data: dict[str, Schema] = {
        "privateOffer": {
            "type": "object",
            "description": "Upstream's private offer, without signed links. One that is too large for a request is "
            "reduced to `id`, `name`, `state`, `subState` and `privateOfferType` with `truncated`.",
        },
        "changes": {
            "type": "array",
            "items": {"type": "string"},
            "maxItems": 100,
            "description": "Of `private_offer.changed`: JSON Pointers into the offer.",
        },
        "by": {
            "type": "string",
            "enum": ["partner", "customer"],
            "description": "Of `private_offer.accepted`: who accepted.",
        },
        "daysLeft": {
            "type": "integer",
            "description": "Of `expiring`, `expired`, `ending` and `ended`: calendar days in UTC until the date; 0 "
            "once it has passed.",
        },
    }
    return _event(schemas, "PrivateOfferEvent", data, ())


def _cpp_offer_event(schemas: Schemas) -> Schema:
    text: Schema = {"type": "string"}
    offer: dict[str, Schema] = {
        "publisherId": {**text, "description": "The publisher's id."},
        "offerId": {**text, "description": "The offer's id."},
    }
    status: dict[str, Schema] = {
        "status": {**text, "description": "The publishing status, as upstream says it."},
        "steps": {
            "type": "object",
            "additionalProperties": text,
            "description": "The status of each step, by the step's id.",
        },
    }
    data = {
        "cppOffer": _object(offer, tuple(offer), "The offer."),
        "from": _object(status, tuple(status), "The status before."),
        "to": _object(status, tuple(status), "The status now."),
    }
    return _event(schemas, "CppOfferEvent", data, ())


def _test_event(schemas: Schemas) -> Schema:
    webhook: dict[str, Schema] = {
        "id": {"type": "string", "description": "The endpoint's id."},
        "description": {"type": ["string", "null"], "description": "The endpoint's description."},
    }
    data = {"webhook": _object(webhook, tuple(webhook), "The endpoint.")}
    return _event(schemas, "WebhookTestEvent", data, tuple(data))


def _add_cloud_event(schemas: Schemas) -> None:
    text: Schema = {"type": "string"}
    members: dict[str, Schema] = {
        "specversion": {**text, "const": "1.0", "description": "The version of CloudEvents."},
        "id": {**text, "description": "The same as `webhook-id`."},
        "type": {**text, "enum": list(EVENT_TYPES), "description": "The event."},
        "source": {**text, "format": "uri-reference", "description": "The app's address, or `/offer-monitor`."},
        "time": {**text, "format": "date-time", "description": "When it happened."},
        "datacontenttype": {**text, "const": "application/json", "description": "The type of `data`."},
        "subject": {**text, "description": "The id of the job or offer, if the event is about one."},
        "data": {"type": "object", "description": "The same as in the format `standard`."},
    }
    required = tuple(name for name in members if name != "subject")
    schemas.add("CloudEvent", _object(members, required, texts.SCHEMAS["CloudEvent"]))


def _event(schemas: Schemas, name: str, data: dict[str, Schema], required: tuple[str, ...]) -> Schema:
    group = {
        "JobEvent": "job.",
        "MonitorEvent": "monitor.",
        "PrivateOfferEvent": "private_offer.",
        "CppOfferEvent": "cpp_offer.",
        "WebhookTestEvent": "webhook.",
    }[name]
    members: dict[str, Schema] = {
        "type": {
            "type": "string",
            "enum": [event for event in EVENT_TYPES if event.startswith(group)],
            "description": "The event.",
        },
        "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
        "data": _object(data, required, "What the event is about."),
    }
    return schemas.add(name, _object(members, tuple(members), texts.SCHEMAS[name]))


def _object(members: dict[str, Schema], required: tuple[str, ...], description: str) -> Schema:
    described: Schema = {"description": description, "type": "object", "properties": members}
    return {**described, "required": list(required)} if required else described
