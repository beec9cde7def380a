"""Converts requests and answers as Azure's host does, between HTTP and what a function sees."""

import re
from http.cookies import SimpleCookie

from aiohttp import web
from azure_functions_runtime.bindings.datumdef import Datum

from local.host import percent_encoding

_NO_BODY_STATUSES = (204, 205, 304)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[ -~]*")


class ResponseError(Exception):
    """Azure's web server cannot send this answer, so the caller gets 500. The message says why."""


async def request_datum(request: web.Request, route_parameters: dict[str, str]) -> Datum:
    """The trigger's value.

    The body is empty unless the request has a `Content-Length`, because Azure's host does not forward chunked bodies.
    A compressed body stays compressed.
    """
    path, _, query = request.raw_path.partition("?")
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        known = name.lower()
        headers[known] = f"{headers[known]},{value}" if known in headers else value
    url = f"{request.scheme}://{request.host}{path}" + (f"?{query}" if query else "")
    body = await request.read() if request.content_length else b""
    return Datum(
        type="http",
        value={
            "method": _string(request.method),
            "url": _string(url),
            "headers": {name: _string(value) for name, value in headers.items()},
            "params": {name: _string(value) for name, value in route_parameters.items()},
            "query": {name: _string(value) for name, value in query_parameters(query).items()},
            "body": Datum(value=body, type="bytes"),
        },
    )


def query_parameters(query: str) -> dict[str, str]:
    """Query parameters as Azure's host passes them: repeated ones joined with commas, empty ones left out."""
    joined: dict[str, str] = {}
    names: dict[str, str] = {}
    for name, value in query_pairs(query):
        known = names.setdefault(name.lower(), name)
        joined[known] = f"{joined[known]},{value}" if known in joined else value
    return {name: value for name, value in joined.items() if value}


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Each name and value of a query in order, decoded; bytes that are not UTF-8 stay encoded."""
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return [(_decoded(name), _decoded(value)) for name, _, value in pairs]


def to_response(returned: Datum | None) -> web.Response:
    """The answer that Azure's host makes of a function's result. Raises ResponseError if it cannot be sent."""
    if returned is None or returned.value is None:
        return web.Response(status=204)
    if returned.type != "http":
        return web.Response(text=str(returned.value))
    answer = returned.value
    status = int(answer["status_code"].value)
    body: bytes = answer["body"].value or b""
    headers = _headers({name: str(value.value) for name, value in answer["headers"].items()})
    if body and status in _NO_BODY_STATUSES:
        raise ResponseError(f"an answer with status {status} cannot have a body; this one has {len(body)} bytes")
    length = headers.pop("content-length", None)
    if length is not None and status != 304 and length != str(len(body)):
        raise ResponseError(f"its Content-Length is {length!r}, but its body has {len(body)} bytes")
    response = web.Response(status=status, body=body or None, headers=headers)
    cookies: list[SimpleCookie] = answer.get("cookies") or []
    for cookie in cookies:
        for morsel in cookie.values():
            response.headers.add("Set-Cookie", morsel.OutputString())
    return response


def _headers(given: dict[str, str]) -> dict[str, str]:
    """Keep the first value of each name; names ignore case."""
    headers: dict[str, str] = {}
    for name, value in given.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ResponseError(f"its header {name!r} has control or non-ASCII characters")
        headers.setdefault(name.lower(), value)
    return headers


def _decoded(text: str) -> str:
    return percent_encoding.decode(text.replace("+", " "))


def _string(value: str) -> Datum:
    return Datum(value=value, type="string")
