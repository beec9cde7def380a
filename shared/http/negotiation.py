"""What a client asks for in its headers: an encoding that it accepts, an answer only if it has changed."""

import re
from collections.abc import Iterable, Iterator

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
