"""What each fault does, by name: it replaces the answer, or spoils the one that the request would have got."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

from aiohttp import web

from local.sandbox.answers import graph_error, ingestion_error, json_answer, portal_error
from local.sandbox.faults import Fault

HTML_PAGE = (
    "<!DOCTYPE html><html><head><title>Service unavailable</title></head>"
    "<body><h2>Our services aren't available right now</h2>"
    "<p>We're working to restore all services.</p></body></html>"
)
HANG_SECONDS = 3600.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no wait: the peer sees a reset, not an end
HUGE_CHUNK = b" " * 65_536


@dataclass
class FaultyCall:
    """A request that a fault has hit. `answer` makes the answer that it would have got."""

    fault: Fault
    request: web.Request
    route: str
    now: datetime
    answer: Callable[[], Awaitable[web.Response]]

    @property
    def to_portal(self) -> bool:
        """Whether the request is for the Cloud Partner Portal API."""
        return self.route.startswith("cloud-partner-portal")

    @property
    def to_tokens(self) -> bool:
        """Whether the request is for the token endpoint."""
        return self.route.startswith("tokens")


type FaultKind = Callable[[FaultyCall], Awaitable[web.StreamResponse]]

FAULT_KINDS: dict[str, FaultKind] = {}


def fault_names() -> set[str]:
    """The names of all faults."""
    return set(FAULT_KINDS)


def _kind(function: FaultKind) -> FaultKind:
    name = getattr(function, "__name__", "")
    FAULT_KINDS[name] = function
    return function


def _refused(call: FaultyCall, status: int, code: str, message: str) -> web.Response:
    """An error in the words of the API that was called."""
    if call.to_tokens:
        body: object = {
            "error": code,
            "error_description": message,
            "error_codes": [90033],
            "correlation_id": str(uuid4()),
        }
    elif call.to_portal:
        body = portal_error(code[0].upper() + code[1:], message)
    else:
        body = ingestion_error(code, message)
    return json_answer(body, status=status)


@_kind
async def expired_token(call: FaultyCall) -> web.StreamResponse:
    """401, the token has expired."""
    message = "Access token has expired or is not yet valid."
    if call.to_portal:
        return json_answer(portal_error("Unauthorized", message), status=401)
    return json_answer(graph_error("InvalidAuthenticationToken", message, call.now), status=401)


@_kind
async def unauthorized_empty(call: FaultyCall) -> web.StreamResponse:
    """401 with an empty body."""
    return web.Response(status=401, headers={"Request-ID": str(uuid4()), "X-Azure-Ref": call.now.isoformat()})


@_kind
async def role_missing(call: FaultyCall) -> web.StreamResponse:
    """403: the token is good, the app lacks its role in Partner Center."""
    return _refused(call, 403, "forbidden", "User does not have the required permissions")


@_kind
async def not_found(call: FaultyCall) -> web.StreamResponse:
    """404."""
    return _refused(call, 404, "notFound", "The requested resource was not found.")


@_kind
async def bad_request(call: FaultyCall) -> web.StreamResponse:
    """400."""
    return _refused(call, 400, "badRequest", "The request is invalid.")


@_kind
async def too_many_requests(call: FaultyCall) -> web.StreamResponse:
    """429; `retry_after_seconds` (default 57), written as `seconds`, as a `date`, or not at all: `retry_after_form`."""
    seconds = int(call.fault.number("retry_after_seconds", 57))
    message = f"Rate limit is exceeded. Try again in {seconds} seconds."
    answer = json_answer({"statusCode": 429, "message": message}, status=429)
    form = call.fault.text("retry_after_form", "seconds")
    if form == "seconds":
        answer.headers["Retry-After"] = str(seconds)
    elif form == "date":
        answer.headers["Retry-After"] = format_datetime(call.now + timedelta(seconds=seconds), usegmt=True)
    return answer


@_kind
async def server_error(call: FaultyCall) -> web.StreamResponse:
    """5xx in the API's own envelope; `status` (default 503), `retry_after_seconds` (default: none)."""
    status = int(call.fault.number("status", 503))
    code = "serviceUnavailable" if status == 503 else "internalServerError"
    answer = _refused(call, status, code, "We cannot complete the request now, please try again later.")
    if "retry_after_seconds" in call.fault.parameters:
        answer.headers["Retry-After"] = str(int(call.fault.number("retry_after_seconds", 0)))
    return answer


@_kind
async def status_only(call: FaultyCall) -> web.StreamResponse:
    """Any `status` (default 500) with a `body` as it is given (default: none)."""
    return web.Response(
        status=int(call.fault.number("status", 500)),
        text=call.fault.text("body", ""),
        content_type=call.fault.text("content_type", "application/json"),
    )


@_kind
async def empty_body(call: FaultyCall) -> web.StreamResponse:
    """`status` (default 200) and nothing after the headers."""
    return web.Response(status=int(call.fault.number("status", 200)), content_type="application/json")


@_kind
async def html_body(call: FaultyCall) -> web.StreamResponse:
    """A gateway's HTML page; `status` (default 200)."""
    return web.Response(
        status=int(call.fault.number("status", 200)), text=HTML_PAGE, content_type="text/html", charset="utf-8"
    )


@_kind
async def invalid_json(_call: FaultyCall) -> web.StreamResponse:
    """200, said to be JSON, ending in the middle of a string."""
    return web.Response(text='{"$schema": "https://schema.mp.micro', content_type="application/json")


@_kind
async def json_string(call: FaultyCall) -> web.StreamResponse:
    """An error whose body is a JSON string, as the migrated CPP backend writes it; `status` (default 404)."""
    status = int(call.fault.number("status", 404))
    return json_answer(f"Microsoft.Ingestion.Api.Common.Exceptions.Http{status}Exception: failed", status=status)


@_kind
async def wrong_shape(call: FaultyCall) -> web.StreamResponse:
    """200 with valid JSON of a shape that nobody expects; `body` (default: a list of numbers)."""
    return json_answer(call.fault.parameters.get("body", [1, 2, 3]))


@_kind
async def redirect(call: FaultyCall) -> web.StreamResponse:
    """302 to a foreign host; `location` (default https://evil.example/)."""
    return web.Response(status=302, headers={"Location": call.fault.text("location", "https://evil.example/")})


@_kind
async def delay(call: FaultyCall) -> web.StreamResponse:
    """The usual answer, `seconds` (default 5) late."""
    await _wait(call.request, call.fault.number("seconds", 5.0))
    return await call.answer()


@_kind
async def hang(call: FaultyCall) -> web.StreamResponse:
    """No answer at all for `seconds` (default an hour), then a reset."""
    await _wait(call.request, call.fault.number("seconds", HANG_SECONDS))
    return _hang_up(call.request)


@_kind
async def reset(call: FaultyCall) -> web.StreamResponse:
    """The connection is reset instead of an answer."""
    return _hang_up(call.request)


@_kind
async def cut_body(call: FaultyCall) -> web.StreamResponse:
    """The usual answer, cut in the middle: Content-Length promises all of it, then the connection is closed."""
    body = await _body_of(call)
    answer = await _begin(call, content_length=len(body))
    await answer.write(body[: len(body) // 2])
    return _hang_up(call.request, after=answer, reset_connection=False)


@_kind
async def slow_body(call: FaultyCall) -> web.StreamResponse:
    """The usual answer, `bytes_per_second` (default 10): never idle long enough for a read timeout."""
    body = await _body_of(call)
    pause = 1 / call.fault.number("bytes_per_second", 10.0)
    answer = await _begin(call, content_length=len(body))
    for byte in body:
        await answer.write(bytes([byte]))
        await asyncio.sleep(pause)
    await answer.write_eof()
    return answer


@_kind
async def slow_headers(call: FaultyCall) -> web.StreamResponse:
    """The usual answer, but its header lines drip at `bytes_per_second` (default 10)."""
    body = await _body_of(call)
    pause = 1 / call.fault.number("bytes_per_second", 10.0)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    for byte in head.encode():
        if not _connected(call.request):
            break
        _write_raw(call.request, bytes([byte]))
        await asyncio.sleep(pause)
    _write_raw(call.request, body)
    return _hang_up(call.request, reset_connection=False)


@_kind
async def huge_body(call: FaultyCall) -> web.StreamResponse:
    """200 and `megabytes` (default 256) of valid JSON, most of it white space."""
    length = int(call.fault.number("megabytes", 256)) * 1_048_576
    answer = await _begin(call, content_length=length)
    await answer.write(b"{")
    for start in range(2, length, len(HUGE_CHUNK)):
        await answer.write(HUGE_CHUNK[: length - start])
    await answer.write(b"}")
    await answer.write_eof()
    return answer


@_kind
async def surplus_whitespace(call: FaultyCall) -> web.StreamResponse:
    """The usual answer between blank lines."""
    answer = await call.answer()
    answer.text = f"\r\n\r\n   {answer.text}   \r\n\r\n"
    return answer


@_kind
async def token_refused(_call: FaultyCall) -> web.StreamResponse:
    """The token endpoint's answer to a wrong client secret."""
    message = (
        "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client "
        "secret value, not the client secret ID."
    )
    body = {"error": "invalid_client", "error_description": message, "error_codes": [7000215]}
    return json_answer(body, status=401)


async def _wait(request: web.Request, seconds: float) -> None:
    """Waits, but not for a caller who has gone."""
    end = asyncio.get_running_loop().time() + seconds
    while _connected(request) and (left := end - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(min(0.25, left))


def _connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


async def _body_of(call: FaultyCall) -> bytes:
    answer = await call.answer()
    return (answer.text or "").encode()


async def _begin(call: FaultyCall, *, content_length: int) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    answer.content_length = content_length
    await answer.prepare(call.request)
    return answer


def _write_raw(request: web.Request, data: bytes) -> None:
    if request.transport is not None and isinstance(request.transport, asyncio.Transport):
        request.transport.write(data)


def _hang_up(
    request: web.Request, *, after: web.StreamResponse | None = None, reset_connection: bool = True
) -> web.StreamResponse:
    """Ends the connection. What is returned is for aiohttp, nobody receives it."""
    transport = request.transport
    if transport is not None and reset_connection:
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.abort()
    elif transport is not None:
        transport.close()
    return after or web.Response()
