"""A request as the handlers see it, and the answers they give."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from shared.json_codec import dumps_bytes

JSON_TYPE = "application/json; charset=utf-8"
PROBLEM_TYPE = "application/problem+json; charset=utf-8"
# The answers are about the publisher's business: no cache in between may keep them.
COMMON_HEADERS = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class Request:
    """An HTTP request: `route` holds the path's parameters, decoded; header names are in lower case."""

    url: str
    route: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Response:
    """An HTTP answer. The common headers are added on the way out."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers that go out. One with a control or non-ASCII character is left out: the Functions host would
        turn the whole answer into a 500."""
        headers = COMMON_HEADERS | dict(self.headers)
        return {name: value for name, value in headers.items() if value.isascii() and value.isprintable()}


def all_parameters(url: str, query: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a query, with the empty ones, which the Functions host leaves out and the URL still has."""
    known = {name.casefold() for name in query}
    given = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return {**query, **{name: "" for name, value in given if not value and name.casefold() not in known}}


def json_response(value: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """`value` as JSON, its numbers with the digits they came with and every RawJson in it unchanged."""
    return Response(status, dumps_bytes(value), JSON_TYPE, headers or {})


def unchanged_json(body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """Upstream's JSON, byte for byte as it came."""
    return Response(HTTPStatus.OK, body, JSON_TYPE, headers or {})


NO_CONTENT = Response(HTTPStatus.NO_CONTENT)


_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether `If-None-Match` names the ETag (RFC 9110, 13.1.2): a list of entity tags or `*`, compared weakly."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in _ENTITY_TAG.findall(if_none_match)


def accepted(accept_encoding: str, stored: Iterable[str]) -> Iterator[str]:
    """Those of the `stored` encodings that `Accept-Encoding` accepts (RFC 9110, 12.5.3), in the order given."""
    weights: dict[str, float] = {}
    for choice in accept_encoding.lower().split(","):
        name, _, weight = choice.partition(";")
        weights[name.strip()] = _weight(weight)
    return (encoding for encoding in stored if weights.get(encoding, weights.get("*", 0)) > 0)


def _weight(text: str) -> float:
    """1 if none is given, 0 if it cannot be read."""
    try:
        return float(text.partition("=")[2] or "1")
    except ValueError:
        return 0
