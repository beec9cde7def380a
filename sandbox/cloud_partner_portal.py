"""The Cloud Partner Portal API over HTTP, under /api: every documented GET, and 501 for every change."""

import re

from aiohttp import web

from sandbox.answers import JsonObject, Refusal, json_answer, portal_error
from sandbox.cpp_offers import CppOffer
from sandbox.state import STATE, SandboxState
from sandbox.tokens import PORTAL_AUDIENCE

PREFIX = "/api"
ETAG = "W/\"datetime'2026-06-07T06%3A15%3A40.4771399Z'\""
VERSIONS = ("2016-08-01-preview", "2017-10-31")
FILTER_PATTERN = re.compile(r"\s*offerTypeId\s+eq\s+'([^']*)'\s*")
OFFER_TYPES = ("microsoft-azure-virtualmachines", "microsoft-azure-corevm", "microsoft-azure-managed-services")


def routes() -> list[web.RouteDef]:
    """The routes. Faults and the request log use their names."""
    name, offers = "cloud-partner-portal", f"{PREFIX}/publishers/{{publisher_id}}/offers"
    offer = f"{offers}/{{offer_id}}"
    return [
        web.get(f"{PREFIX}/publishers", get_publishers, name=f"{name}.publishers", allow_head=False),
        web.get(f"{PREFIX}/offerTypes", get_offer_types, name=f"{name}.offer-types", allow_head=False),
        web.get(offers, get_offers, name=f"{name}.offers", allow_head=False),
        web.get(offer, get_offer, name=f"{name}.offer", allow_head=False),
        web.get(f"{offer}/versions/{{version}}", get_version, name=f"{name}.offer-version", allow_head=False),
        web.get(f"{offer}/slot/{{slot}}", get_slot, name=f"{name}.offer-slot", allow_head=False),
        web.get(f"{offer}/status", get_status, name=f"{name}.offer-status", allow_head=False),
        web.get(f"{offer}/submissions/", get_submissions, name=f"{name}.submissions", allow_head=False),
        web.get(f"{offer}/submissions", get_submissions, name=f"{name}.submissions.bare", allow_head=False),
        web.get(f"{offer}/operations/{{operation_id}}", get_operation, name=f"{name}.operation", allow_head=False),
        web.get(f"{PREFIX}/operations/{{name}}", get_old_operation, name=f"{name}.operation.old", allow_head=False),
        web.put(offer, refuse_change, name=f"{name}.change.put"),
        web.post(f"{offer}/{{action:publish|golive|cancel}}", refuse_change, name=f"{name}.change.action"),
    ]


async def get_publishers(request: web.Request) -> web.Response:
    """The publishers of the account."""
    state = _checked_state(request)
    with state.lock:
        return _answer(state, [{"id": name, "displayName": name.title()} for name in state.cpp_offers.publishers()])


async def get_offer_types(request: web.Request) -> web.Response:
    """The offer types."""
    return _answer(_checked_state(request), [{"id": name} for name in OFFER_TYPES])


async def get_offers(request: web.Request) -> web.Response:
    """A bare list with short definitions; `$filter=offerTypeId eq '...'` works."""
    state = _checked_state(request)
    with state.lock:
        rows = [state.cpp_offers.summary(offer) for offer in _offers_of(state, request).values()]
    if (text := request.query.get("$filter")) is not None:
        match = FILTER_PATTERN.fullmatch(text)
        if match is None:
            raise Refusal(400, portal_error("BadRequest", f"The filter '{text}' is not valid."))
        rows = [row for row in rows if row["offerTypeId"] == match.group(1)]
    return _answer(state, rows)


async def get_offer(request: web.Request) -> web.Response:
    """The draft."""
    state = _checked_state(request)
    with state.lock:
        return _answer(state, _offer_of(state, request).draft)


async def get_version(request: web.Request) -> web.Response:
    """One version, by its number (1, 2, ...) or by the large number in the offer's `version`."""
    state = _checked_state(request)
    text = request.match_info["version"]
    if not text.isdecimal():
        raise Refusal(400, portal_error("BadRequest", f"The version '{text}' is not valid."))
    with state.lock:
        versions = _offer_of(state, request).versions
        shown = versions.get(int(text)) or next((v for v in versions.values() if v["version"] == int(text)), None)
    if shown is None:
        raise _backend_not_found()
    return _answer(state, shown)


async def get_slot(request: web.Request) -> web.Response:
    """One slot, in any case; 404 if the offer never reached it."""
    state = _checked_state(request)
    slot = request.match_info["slot"].lower()
    if slot not in ("draft", "preview", "production"):
        raise Refusal(400, portal_error("BadRequest", f"The slot '{slot}' is not valid."))
    with state.lock:
        shown = _offer_of(state, request).slots.get(slot)
    if shown is None:
        raise _backend_not_found()
    return _answer(state, shown)


async def get_status(request: web.Request) -> web.Response:
    """The publishing status with its steps."""
    state = _checked_state(request)
    with state.lock:
        return _answer(state, _offer_of(state, request).publishing_status)


async def get_submissions(request: web.Request) -> web.Response:
    """A bare list of operations, filtered by `status` or `submissionState`."""
    state = _checked_state(request)
    with state.lock:
        rows = _offer_of(state, request).operations
    wanted = request.query.get("status") or request.query.get("submissionState")
    return _answer(state, [row for row in rows if wanted in (None, row["submissionState"])])


async def get_operation(request: web.Request) -> web.Response:
    """One operation, as a plain object."""
    state = _checked_state(request)
    with state.lock:
        offer = _offer_of(state, request)
    if not any(row["id"] == request.match_info["operation_id"] for row in offer.operations):
        raise _failed()
    return _answer(state, _operation_body(offer))


async def get_old_operation(request: web.Request) -> web.Response:
    """The operation URL of an offer that was not migrated: `{publisher}${offer}$2$preview`.

    docs/upstream.md, quirk 28, has the evidence.
    """
    state = _checked_state(request)
    publisher_id, _, rest = request.match_info["name"].partition("$")
    with state.lock:
        offer = (state.cpp_offers.offers_of(publisher_id) or {}).get(rest.partition("$")[0].lower())
    if offer is None or not offer.operations:
        raise _failed()
    return _answer(state, _operation_body(offer))


async def refuse_change(request: web.Request) -> web.Response:
    """501 for the documented calls that change or publish an offer."""
    _checked_state(request)
    raise Refusal(501, portal_error("NotImplemented", "The sandbox does not simulate changes of CPP offers."))


def _operation_body(offer: CppOffer) -> JsonObject:
    row = offer.operations[0]
    return {
        **offer.publishing_status,
        "publishingVersion": row["publishingVersion"],
        "offerVersion": row["offerVersion"],
        "cancellationRequestState": "canCancel",
    }


def _failed() -> Refusal:
    """The answer that a user reported for a wrong operation id (quirk 28)."""
    message = "We cannot complete the request now, please try again later."
    return Refusal(500, portal_error("InternalServerError", message))


def _answer(state: SandboxState, body: object) -> web.Response:
    """A chunked answer, like the real one. The migrated service sends no ETag; a setting adds one (quirk 27)."""
    answer = json_answer(body, headers={"ETag": ETAG} if state.settings.cpp_etag else {})
    answer.enable_chunked_encoding()
    return answer


def _checked_state(request: web.Request) -> SandboxState:
    """The state, after checking the token and api-version. Raises Refusal."""
    state = request.app[STATE]
    with state.lock:
        fault = state.tokens.fault_of(request.headers.get("Authorization"), PORTAL_AUDIENCE)
    if fault is not None:
        raise Refusal(401, portal_error("Unauthorized", fault))
    if request.query.get("api-version") not in VERSIONS:
        allowed = ", ".join(VERSIONS)
        raise Refusal(400, portal_error("InvalidAPIVersion", f"Invalid api version. Allowed values are [{allowed}]"))
    return state


def _offers_of(state: SandboxState, request: web.Request) -> dict[str, CppOffer]:
    offers = state.cpp_offers.offers_of(request.match_info["publisher_id"])
    if offers is None:
        raise Refusal(
            403,
            portal_error("Forbidden", "User does not have the required permissions"),
        )
    return offers


def _offer_of(state: SandboxState, request: web.Request) -> CppOffer:
    offer_id = request.match_info["offer_id"]
    offer = _offers_of(state, request).get(offer_id.lower())
    if offer is None:
        raise Refusal(
            404,
            portal_error("ResourceNotFound", f"The offer '{offer_id}' was not found."),
        )
    return offer


def _backend_not_found() -> Refusal:
    """The migrated backend's 404: a JSON string instead of an envelope (quirk 16)."""
    return Refusal(
        404,
        "Microsoft.Ingestion.Api.Common.Exceptions.Http404Exception: the requested resource was not found",
    )
