"""Identifiers from callers, checked before they are used in an upstream path or a table query."""

import re

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
# Microsoft's own sample id `456e-a345-c457-1234` is not a GUID, so a private-offer id need not be one.
_PRIVATE_OFFER_ID = re.compile(r"[A-Za-z0-9-]{1,100}", re.ASCII)
_CPP_ID = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
# A percent-encoded slash in a path reaches the app as it is.
_PRIVATE_OFFER_PREFIX = re.compile(r"private-offer(?:/|%2F)", re.ASCII | re.IGNORECASE)
# `private-offer/query` is upstream's list of them.
_NAME_OF_THE_LIST = "query"


class InvalidIdentifier(ValueError):
    """An identifier is malformed. The message says what it should be and does not repeat it."""

    def __init__(self, name: str, should_be: str) -> None:
        super().__init__(f"{name} should be {should_be}")
        self.name = name
        self.should_be = should_be


def job_id(text: str) -> str:
    """A job id, in lower case. Upstream issues GUIDs and accepts them in any case."""
    lowered = text.lower()
    if not _GUID.fullmatch(lowered):
        raise InvalidIdentifier("jobId", "a GUID such as b3f49dff-381f-480d-a10e-17f4ce49b65f")
    return lowered


def private_offer_id(text: str) -> str:
    """A private-offer id without the prefix; upstream's own form, `private-offer/<id>`, is accepted too."""
    prefix = _PRIVATE_OFFER_PREFIX.match(text)
    bare = text[prefix.end() :] if prefix else text
    if not _PRIVATE_OFFER_ID.fullmatch(bare) or bare.lower() == _NAME_OF_THE_LIST:
        should_be = "at most 100 letters, digits and hyphens, with or without private-offer/ in front"
        raise InvalidIdentifier("privateOfferId", should_be)
    return bare


def publisher_id(text: str) -> str:
    """A CPP publisher id."""
    return _cpp_id("publisherId", text)


def offer_id(text: str) -> str:
    """A CPP offer id. The documentation calls it a GUID, but real ones are names such as `example-vm`."""
    return _cpp_id("offerId", text)


def _cpp_id(name: str, text: str) -> str:
    if not _CPP_ID.fullmatch(text) or set(text) == {"."}:
        raise InvalidIdentifier(name, "at most 100 letters, digits, hyphens, underscores and dots, not only dots")
    return text
