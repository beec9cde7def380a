"""The body of Standard Webhooks: {"type", "timestamp", "data"}, without signed links and under 256 KiB."""

from typing import Any

from shared.clock import rfc3339
from shared.events.event import Event
from shared.json_codec import InvalidJson, JsonObject, RawJson, dumps, loads, members
from shared.redaction import without_signed_links

BODY_MAX_BYTES = 256 * 1024 - 1
# What is left of a private offer that does not fit: enough to know which one it is and to fetch the rest.
_KEPT_OF_AN_OFFER = ("id", "name", "state", "subState", "privateOfferType")
_ERRORS_MAX_BYTES = 64 * 1024
_TEXT_MAX_CHARACTERS = 2000
_SHORT_TEXT_MAX_CHARACTERS = 200


def standard_body(event: Event) -> bytes:
    """The event as it is stored and sent. What is too large is cut, and says so where it was cut."""
    data = without_signed_links(_with_read_offer(event.data))
    body = _body(event, data)
    if len(body) > BODY_MAX_BYTES:
        body = _body(event, _reduced(data, ("privateOffer", _reduced_offer)))
    if len(body) > BODY_MAX_BYTES:
        body = _body(event, _reduced(data, ("privateOffer", _reduced_offer), ("errors", _reduced_errors)))
    if len(body) > BODY_MAX_BYTES:
        # The texts of someone who has put the job straight into the table.
        shortened = {name: _with_short_texts(part) for name, part in loads(body)["data"].items()}
        body = _body(event, shortened)
    return body


def _with_read_offer(data: JsonObject) -> JsonObject:
    """`data` with its job's private offer as an object, so that signed links in it can be found.

    An offer whose bytes alone are larger than a body is never read whole, only what is kept of it.
    """
    job = data.get("job") or {}
    offer = job.get("privateOffer")
    if not isinstance(offer, RawJson):
        return data
    return {**data, "job": {**job, "privateOffer": _read_offer(offer.data)}}


def _read_offer(offer: bytes) -> JsonObject:
    try:
        read: JsonObject = loads(offer) if len(offer) <= BODY_MAX_BYTES else _reduced_unread(offer)
    except InvalidJson:
        return {"truncated": True}
    return read


def _reduced_unread(offer: bytes) -> JsonObject:
    return _reduced_offer({key: loads(bytes(raw)) for key, raw in members(offer, *_KEPT_OF_AN_OFFER).items()})


def _with_short_texts(part: Any) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(part, dict):
        return part
    return {
        name: value[:_SHORT_TEXT_MAX_CHARACTERS] if isinstance(value, str) else value for name, value in part.items()
    }


def _body(event: Event, data: JsonObject) -> bytes:
    text = dumps({"type": event.type, "timestamp": rfc3339(event.created_at), "data": data})
    return text.encode("ascii")


def _reduced(data: JsonObject, *reductions: tuple[str, Any]) -> JsonObject:
    """`data` with those fields of its job record made smaller."""
    job = dict(data.get("job") or {})
    for field, reduce in reductions:
        if job.get(field):
            job[field] = reduce(job[field])
    return {**data, "job": job}


def _reduced_offer(offer: JsonObject) -> JsonObject:
    kept = {key: _cut(offer[key]) for key in _KEPT_OF_AN_OFFER if key in offer}
    return {**kept, "truncated": True}


def _reduced_errors(errors: list[Any]) -> list[Any]:
    """The first errors, without their nested details, and a last one that counts the others."""
    kept: list[Any] = []
    size_bytes = 0
    for error in errors:
        short = _outermost(error)
        size_bytes += len(dumps(short))
        if size_bytes > _ERRORS_MAX_BYTES:
            break
        kept.append(short)
    note = "The errors were too long for a webhook; GET /api/jobs/{jobId} has them in full."
    if len(kept) < len(errors):
        note = f"{len(errors) - len(kept)} more errors were left out. {note}"
    return [*kept, {"code": "truncated", "message": note, "details": []}]


def _outermost(error: Any) -> JsonObject:  # noqa: ANN401 - any JSON value: upstream's errors are not all objects
    if not isinstance(error, dict):
        return {"message": _cut(error if isinstance(error, str) else dumps(error))}
    return {key: _cut(value) for key, value in error.items() if key in {"code", "message", "resourceId"}}


def _cut(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A text of bearable length, or a small value as it is; anything else as shortened text."""
    if isinstance(value, dict | list):
        value = dumps(value)
    return value[:_TEXT_MAX_CHARACTERS] if isinstance(value, str) else value
