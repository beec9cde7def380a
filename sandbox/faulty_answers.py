"""Faults that are proper HTTP answers: refusals, throttling, server errors, redirects."""

from datetime import timedelta
from email.utils import format_datetime
from uuid import uuid4

from aiohttp import web

from sandbox.answers import graph_error, ingestion_error, json_answer, portal_error
from sandbox.faulty_calls import FaultKind, FaultyCall


def _refused(call: FaultyCall, status: int, code: str, message: str) -> web.Response:
    """An error in the words of the API that was called."""
    if call.to_tokens:
        body: object = {"error": code, "error_description": message, "error_codes": [90033]}
    elif call.to_portal:
        body = portal_error(code[0].upper() + code[1:], message)
    else:
        body = ingestion_error(code, message)
    return json_answer(body, status=status)


async def expired_token(call: FaultyCall) -> web.StreamResponse:
    """401, the token has expired."""
    message = "Access token has expired or is not yet valid."
    if call.to_portal:
        return json_answer(portal_error("Unauthorized", message), status=401)
    return json_answer(graph_error("InvalidAuthenticationToken", message, call.now), status=401)


async def unauthorized_empty(call: FaultyCall) -> web.StreamResponse:
    """401 with an empty body (C15)."""
    return web.Response(status=401, headers={"Request-ID": str(uuid4()), "X-Azure-Ref": call.now.isoformat()})


async def role_missing(call: FaultyCall) -> web.StreamResponse:
    """403: the token is good, the app lacks its role in Partner Center."""
    return _refused(call, 403, "forbidden", "User does not have the required permissions")


async def not_found(call: FaultyCall) -> web.StreamResponse:
    """404."""
    return _refused(call, 404, "notFound", "The requested resource was not found.")


async def bad_request(call: FaultyCall) -> web.StreamResponse:
    """400."""
    return _refused(call, 400, "badRequest", "The request is invalid.")


async def too_many_requests(call: FaultyCall) -> web.StreamResponse:
    """429; `retry_after_seconds` (default 57), its form `retry_after_form`: `seconds`, `date` or `none`."""
    seconds = int(call.fault.number("retry_after_seconds", 57))
    message = f"Rate limit is exceeded. Try again in {seconds} seconds."
    answer = json_answer({"statusCode": 429, "message": message}, status=429)
    form = call.fault.text("retry_after_form", "seconds")
    if form == "seconds":
        answer.headers["Retry-After"] = str(seconds)
    elif form == "date":
        answer.headers["Retry-After"] = format_datetime(call.now + timedelta(seconds=seconds), usegmt=True)
    return answer


async def server_error(call: FaultyCall) -> web.StreamResponse:
    """5xx in the API's own envelope; `status` (default 503), `retry_after_seconds` (default: none)."""
    status = int(call.fault.number("status", 503))
    code = "serviceUnavailable" if status == 503 else "internalServerError"
    answer = _refused(call, status, code, "We cannot complete the request now, please try again later.")
    if "retry_after_seconds" in call.fault.parameters:
        answer.headers["Retry-After"] = str(int(call.fault.number("retry_after_seconds", 0)))
    return answer


async def any_answer(call: FaultyCall) -> web.StreamResponse:
    """Any `status` (default 500) with any text `body` (default: none) of any `content_type`."""
    return web.Response(
        status=int(call.fault.number("status", 500)),
        text=call.fault.text("body", ""),
        content_type=call.fault.text("content_type", "application/json"),
    )


async def redirect(call: FaultyCall) -> web.StreamResponse:
    """302 to a foreign host; `location` (default https://evil.example/)."""
    return web.Response(status=302, headers={"Location": call.fault.text("location", "https://evil.example/")})


async def token_refused(_call: FaultyCall) -> web.StreamResponse:
    """The token endpoint's answer to a wrong client secret."""
    message = (
        "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client "
        "secret value, not the client secret ID."
    )
    body = {"error": "invalid_client", "error_description": message, "error_codes": [7000215]}
    return json_answer(body, status=401)


KINDS: dict[str, FaultKind] = {
    "expired_token": expired_token,
    "unauthorized_empty": unauthorized_empty,
    "role_missing": role_missing,
    "not_found": not_found,
    "bad_request": bad_request,
    "too_many_requests": too_many_requests,
    "server_error": server_error,
    "any_answer": any_answer,
    "redirect": redirect,
    "token_refused": token_refused,
}
