"""Faults in the body of an answer: not JSON, not the expected JSON, too much of it, links that lead astray."""

import json

from aiohttp import web

from sandbox.answers import json_answer
from sandbox.faulty_calls import FaultKind, FaultyCall

HTML_PAGE = (
    "<!DOCTYPE html><html><head><title>Service unavailable</title></head>"
    "<body><h2>Our services aren't available right now</h2>"
    "<p>We're working to restore all services.</p></body></html>"
)
HUGE_CHUNK = b" " * 65_536
NESTING_DEPTH = 100_000


async def empty_body(call: FaultyCall) -> web.StreamResponse:
    """`status` (default 200) and nothing after the headers."""
    return web.Response(status=int(call.fault.number("status", 200)), content_type="application/json")


async def html_body(call: FaultyCall) -> web.StreamResponse:
    """A gateway's HTML page; `status` (default 200)."""
    return web.Response(
        status=int(call.fault.number("status", 200)), text=HTML_PAGE, content_type="text/html", charset="utf-8"
    )


async def invalid_json(_call: FaultyCall) -> web.StreamResponse:
    """200, said to be JSON, ending in the middle of a string."""
    return web.Response(text='{"$schema": "https://schema.mp.micro', content_type="application/json")


async def json_string(call: FaultyCall) -> web.StreamResponse:
    """An error whose body is a JSON string, as the migrated CPP backend writes it; `status` (default 404)."""
    status = int(call.fault.number("status", 404))
    return json_answer(f"Microsoft.Ingestion.Api.Common.Exceptions.Http{status}Exception: failed", status=status)


async def wrong_shape(call: FaultyCall) -> web.StreamResponse:
    """200 with valid JSON of a shape that nobody expects; `body` (default: a list of numbers)."""
    return json_answer(call.fault.parameters.get("body", [1, 2, 3]))


async def deep_nesting(_call: FaultyCall) -> web.StreamResponse:
    """200 with valid JSON, nested deeper than a recursive parser can go."""
    return web.Response(text="[" * NESTING_DEPTH + "]" * NESTING_DEPTH, content_type="application/json")


async def wrong_encoding(_call: FaultyCall) -> web.StreamResponse:
    """200, said to be UTF-8, with bytes that are not."""
    return web.Response(body=b'{"name": "Stra\xdfe"}', headers={"Content-Type": "application/json; charset=utf-8"})


async def byte_order_mark(call: FaultyCall) -> web.StreamResponse:
    """The usual answer behind a UTF-8 byte order mark."""
    return _rewritten(b"\xef\xbb\xbf" + await call.usual_body())


async def surplus_whitespace(call: FaultyCall) -> web.StreamResponse:
    """The usual answer between blank lines."""
    return _rewritten(b"\r\n\r\n   " + await call.usual_body() + b"   \r\n\r\n")


async def huge_body(call: FaultyCall) -> web.StreamResponse:
    """200 and `megabytes` (default 256) of valid JSON, most of it white space."""
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
    """A list page whose `@nextLink` leads to another host; `location` (default https://evil.example/next)."""
    return await _with_next_link(call, call.fault.text("location", "https://evil.example/next"))


async def circular_next_link(call: FaultyCall) -> web.StreamResponse:
    """A list page whose `@nextLink` leads to itself."""
    return await _with_next_link(call, f"https://{call.request.host}{call.request.path_qs}")


async def _with_next_link(call: FaultyCall, link: str) -> web.Response:
    body = json.loads(await call.usual_body())
    return json_answer({**body, "@nextLink": link})


def _rewritten(body: bytes) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": "application/json; charset=utf-8"})


KINDS: dict[str, FaultKind] = {
    "empty_body": empty_body,
    "html_body": html_body,
    "invalid_json": invalid_json,
    "json_string": json_string,
    "wrong_shape": wrong_shape,
    "deep_nesting": deep_nesting,
    "wrong_encoding": wrong_encoding,
    "byte_order_mark": byte_order_mark,
    "surplus_whitespace": surplus_whitespace,
    "huge_body": huge_body,
    "foreign_next_link": foreign_next_link,
    "circular_next_link": circular_next_link,
}
