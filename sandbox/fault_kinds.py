"""Every fault: complete HTTP answers, faulty bodies and, from faulty_connections, faulty connections."""

import json
from datetime import timedelta
from email.utils import format_datetime
from uuid import uuid4

from aiohttp import web

from sandbox import faulty_connections
from sandbox.answers import graph_error, ingestion_error, json_answer, portal_error
from sandbox.faults import FaultKind, FaultyCall

HTML_PAGE = (
    "<!DOCTYPE html><html><head><title>Service unavailable</title></head>"
    "<body><h2>Our services aren't available right now</h2>"
    "<p>We're working to restore all services.</p></body></html>"
)
HUGE_CHUNK = b" " * 65_536
NESTING_DEPTH = 100_000


def _refused(call: FaultyCall, status: int, code: str, message: str) -> web.Response:
    """An error answer in the form of the API that was called."""
    if call.to_tokens:
        body: object = {"error": code, "error_description": message, "error_codes": [90033]}
    elif call.to_portal:
        body = portal_error(code[0].upper() + code[1:], message)
    else:
        body = ingestion_error(code, message)
    return json_answer(body, status=status)


async def expired_token(call: FaultyCall) -> web.StreamResponse:
    """401: the token has expired."""
    message = "Access token has expired or is not yet valid."
    if call.to_portal:
        return json_answer(portal_error("Unauthorized", message), status=401)
    return json_answer(graph_error("InvalidAuthenticationToken", message, call.now), status=401)


async def unauthorized_empty(call: FaultyCall) -> web.StreamResponse:
    """401 with an empty body (docs/upstream.md, quirk 15)."""
    return web.Response(status=401, headers={"Request-ID": str(uuid4()), "X-Azure-Ref": call.now.isoformat()})


async def role_missing(call: FaultyCall) -> web.StreamResponse:
    """403: the token is valid, but the app lacks its role in Partner Center."""
    return _refused(call, 403, "forbidden", "User does not have the required permissions")


async def not_found(call: FaultyCall) -> web.StreamResponse:
    """404."""
    return _refused(call, 404, "notFound", "The requested resource was not found.")


async def bad_request(call: FaultyCall) -> web.StreamResponse:
    """400."""
    return _refused(call, 400, "badRequest", "The request is invalid.")


async def too_many_requests(call: FaultyCall) -> web.StreamResponse:
    """429 with `retry_after_seconds` (default 57); `retry_after_form` is `seconds`, `date` or `none`."""
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
    """5xx in the API's own envelope, with `status` (default 503) and `retry_after_seconds` (default: none)."""
    status = int(call.fault.number("status", 503))
    code = "serviceUnavailable" if status == 503 else "internalServerError"
    answer = _refused(call, status, code, "We cannot complete the request now, please try again later.")
    if "retry_after_seconds" in call.fault.parameters:
        answer.headers["Retry-After"] = str(int(call.fault.number("retry_after_seconds", 0)))
    return answer


async def any_answer(call: FaultyCall) -> web.StreamResponse:
    """Any `status` (default 500) with any `body` (default: none) of any `content_type`.

    A string is sent as it is, anything else as JSON.
    """
    body = call.fault.parameters.get("body", "")
    return web.Response(
        status=int(call.fault.number("status", 500)),
        text=body if isinstance(body, str) else json.dumps(body),
        content_type=call.fault.text("content_type", "application/json"),
    )


async def redirect(call: FaultyCall) -> web.StreamResponse:
    """302 to another host, `location` (default https://evil.example/)."""
    return web.Response(status=302, headers={"Location": call.fault.text("location", "https://evil.example/")})


async def token_refused(_call: FaultyCall) -> web.StreamResponse:
    """The token endpoint's answer to a wrong client secret."""
    message = (
        "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client "
        "secret value, not the client secret ID."
    )
    body = {"error": "invalid_client", "error_description": message, "error_codes": [7000215]}
    return json_answer(body, status=401)


async def empty_body(call: FaultyCall) -> web.StreamResponse:
    """`status` (default 200) and no body."""
    return web.Response(status=int(call.fault.number("status", 200)), content_type="application/json")


async def html_body(call: FaultyCall) -> web.StreamResponse:
    """A gateway's HTML page; `status` (default 200)."""
    return web.Response(
        status=int(call.fault.number("status", 200)), text=HTML_PAGE, content_type="text/html", charset="utf-8"
    )


async def invalid_json(_call: FaultyCall) -> web.StreamResponse:
    """200 with JSON that ends in the middle of a string."""
    return web.Response(text='{"$schema": "https://schema.mp.micro', content_type="application/json")


async def json_string(call: FaultyCall) -> web.StreamResponse:
    """An error with a JSON string as its body, like the migrated CPP backend's; `status` (default 404)."""
    status = int(call.fault.number("status", 404))
    return json_answer(f"Microsoft.Ingestion.Api.Common.Exceptions.Http{status}Exception: failed", status=status)


async def wrong_shape(call: FaultyCall) -> web.StreamResponse:
    """200 with valid JSON of an unexpected shape; `body` (default: a list of numbers)."""
    return json_answer(call.fault.parameters.get("body", [1, 2, 3]))


async def deep_nesting(_call: FaultyCall) -> web.StreamResponse:
    """200 with valid JSON that is nested too deep for a recursive parser."""
    return web.Response(text="[" * NESTING_DEPTH + "]" * NESTING_DEPTH, content_type="application/json")


async def wrong_encoding(_call: FaultyCall) -> web.StreamResponse:
    """200 with a body that is declared as UTF-8 but is not."""
    return web.Response(body=b'{"name": "Stra\xdfe"}', headers={"Content-Type": "application/json; charset=utf-8"})


async def byte_order_mark(call: FaultyCall) -> web.StreamResponse:
    """The usual answer after a UTF-8 byte order mark."""
    return _rewritten(b"\xef\xbb\xbf" + await call.usual_body())


async def surplus_whitespace(call: FaultyCall) -> web.StreamResponse:
    """The usual answer between blank lines."""
    return _rewritten(b"\r\n\r\n   " + await call.usual_body() + b"   \r\n\r\n")


async def huge_body(call: FaultyCall) -> web.StreamResponse:
    """200 with `megabytes` (default 256) of valid JSON, most of it white space."""
    length = int(call.fault.number("megabytes", 256)) * 1_048_576
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    answer.content_length = length
    await answer.prepare(call.request)
    await answer.write(b"{")
    for start in range(2, length, len(HUGE_CHUNK)):
        await answer.write(HUGE_CHUNK[: length - start])
    await answer.write(b"}")
    await answer.write_eof()
    return answer


async def foreign_next_link(call: FaultyCall) -> web.StreamResponse:
    """A list page whose `@nextLink` leads to another host, `location` (default https://evil.example/next)."""
    return await _with_next_link(call, call.fault.text("location", "https://evil.example/next"))


async def circular_next_link(call: FaultyCall) -> web.StreamResponse:
    """A list page whose `@nextLink` is its own address."""
    return await _with_next_link(call, f"https://{call.request.host}{call.request.path_qs}")


async def _with_next_link(call: FaultyCall, link: str) -> web.Response:
    body = json.loads(await call.usual_body())
    if not isinstance(body, dict):
        return json_answer(body)  # the portal's lists are bare arrays, which have no place for a link
    return json_answer({**body, "@nextLink": link})


def _rewritten(body: bytes) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": "application/json; charset=utf-8"})


_ANSWERS: tuple[FaultKind, ...] = (
    expired_token,
    unauthorized_empty,
    role_missing,
    not_found,
    bad_request,
    too_many_requests,
    server_error,
    any_answer,
    redirect,
    token_refused,
    empty_body,
    html_body,
    invalid_json,
    json_string,
    wrong_shape,
    deep_nesting,
    wrong_encoding,
    byte_order_mark,
    surplus_whitespace,
    huge_body,
    foreign_next_link,
    circular_next_link,
)
FAULT_KINDS: dict[str, FaultKind] = {
    kind.__name__: kind for kind in (*_ANSWERS, *faulty_connections.CONNECTION_FAULTS)
}
FAULT_NAMES = frozenset(FAULT_KINDS)
