"""The body of Standard Webhooks, {"type", "timestamp", "data"}, and how data is made to fit into any body."""

from collections.abc import Callable
from typing import Any

from shared.clock import rfc3339
from shared.events.event import Event
from shared.json_codec import InvalidJson, JsonObject, RawJson, dumps, loads, members
from shared.redaction import without_signed_links

BODY_MAX_BYTES = 256 * 1024 - 1
# The members kept of a private offer that does not fit: enough to know which one it is and to fetch the rest.
_KEPT_OF_AN_OFFER = ("id", "name", "state", "subState", "privateOfferType")
_ERRORS_MAX_BYTES = 64 * 1024
_TEXT_MAX_CHARACTERS = 2000
_SHORT_TEXT_MAX_CHARACTERS = 200
_STATUS_MAX_BYTES = 32 * 1024
_STEPS_MAX = 50


def standard_body(event: Event) -> bytes:
    """The event as a Standard Webhook."""
    return fitting_body(
        event.data,
        lambda data: {"type": event.type, "timestamp": rfc3339(event.created_at), "data": data},
    )


def fitting_body(data: JsonObject, envelope: Callable[[JsonObject], JsonObject]) -> bytes:
    """The envelope around `data` as JSON, without signed links and under 256 KiB.

    If it is too large, private offers are reduced first, then lists of errors, then what an offer's event has
    besides, then long texts. A reduced offer, list of errors or status says so; a JSON Pointer becomes that of a
    value around it.
    """

    def body(data: JsonObject) -> bytes:
        return dumps(envelope(data)).encode("ascii")

    data = without_signed_links(_with_read_offers(data))
    whole = body(data)
    if len(whole) <= BODY_MAX_BYTES:
        return whole
    steps: list[Callable[[JsonObject], JsonObject]] = [
        lambda data: _reduced(data, "privateOffer", _reduced_offer),
        lambda data: _reduced(data, "errors", _reduced_errors),
        lambda data: _reduced(data, "changes", _reduced_pointers),
        lambda data: _reduced(_reduced(data, "from", _reduced_status), "to", _reduced_status),
        # The texts of someone who has put the job straight into the table.
        lambda data: {name: _with_short_texts(part) for name, part in data.items()},
    ]
    for step in steps:
        data = step(data)
        smaller = body(data)
        if len(smaller) <= BODY_MAX_BYTES:
            return smaller
    return body({"truncated": True})


def _with_read_offers(data: JsonObject) -> JsonObject:
    """`data` with private offers as objects, so that signed links in them can be found.

    An offer whose bytes alone are larger than a body is not read whole; only the members that name it are.
    """
    read = {name: _read_offer(part.data) if isinstance(part, RawJson) else part for name, part in data.items()}
    job = read.get("job")
    if isinstance(job, dict) and isinstance(job.get("privateOffer"), RawJson):
        read["job"] = {**job, "privateOffer": _read_offer(job["privateOffer"].data)}
    return read


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


def _reduced(data: JsonObject, name: str, reduce: Callable[[Any], Any]) -> JsonObject:
    """`data` with this member made smaller, in `data` itself and in its job record."""
    smaller = {**data, name: reduce(data[name])} if data.get(name) else data
    job = smaller.get("job")
    return {**smaller, "job": {**job, name: reduce(job[name])}} if job and job.get(name) else smaller


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


def _reduced_pointers(pointers: list[Any]) -> list[str]:
    """The JSON Pointers, too long ones cut after one of their parts, each of them once."""
    return list(dict.fromkeys(_cut_pointer(pointer) for pointer in pointers if isinstance(pointer, str)))


def _cut_pointer(pointer: str) -> str:
    if len(pointer) <= _SHORT_TEXT_MAX_CHARACTERS:
        return pointer
    return pointer[:_SHORT_TEXT_MAX_CHARACTERS].rpartition("/")[0]


def _reduced_status(status: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A publishing status; of a large one the first steps, with short texts."""
    if len(dumps(status)) <= _STATUS_MAX_BYTES:
        return status
    if not isinstance(status, dict) or not isinstance(status.get("steps"), dict):
        return {"truncated": True}
    steps = list(status["steps"].items())[:_STEPS_MAX]
    return {
        "status": _short(status.get("status")),
        "steps": {_short(step): _short(each) for step, each in steps},
        "truncated": True,
    }


def _short(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    shortened = _cut(value)
    return shortened[:_SHORT_TEXT_MAX_CHARACTERS] if isinstance(shortened, str) else shortened


def _outermost(error: Any) -> JsonObject:  # noqa: ANN401 - any JSON value: upstream's errors are not all objects
    if not isinstance(error, dict):
        return {"message": _cut(error if isinstance(error, str) else dumps(error))}
    return {key: _cut(value) for key, value in error.items() if key in {"code", "message", "resourceId"}}


def _cut(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A shortened text, or a small value as it is; anything else as shortened JSON."""
    if isinstance(value, dict | list):
        value = dumps(value)
    return value[:_TEXT_MAX_CHARACTERS] if isinstance(value, str) else value
