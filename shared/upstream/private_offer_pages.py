"""The list of private offers, which upstream gives in pages of its own size, cut to the caller's limit.

Upstream documents no filter, so filters are applied here. A cursor names a page of upstream and a place in it.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.json_codec import InvalidJson, JsonObject, dumps, loads
from shared.upstream.answer import Answer
from shared.upstream.urls import ForeignLink, checked_relative, relative_to

CURSOR_MAX_CHARACTERS = 8192


class InvalidCursor(ValueError):
    """A cursor that no listing gave out."""


@dataclass(frozen=True)
class PrivateOfferPage:
    """Offers as they came, and where to go on; `next_cursor` is None at the end of the list."""

    offers: list[JsonObject]
    next_cursor: str | None


@dataclass(frozen=True)
class _Place:
    """A page of upstream (path and query below the base URL) and how many of its offers were gone through."""

    page: str
    offset: int


def collect(
    fetch: Callable[[str], Answer],
    *,
    base_url: str,
    first_page: str,
    cursor: str | None,
    limit: int,
    wanted: Mapping[str, str],
    has_time: Callable[[], bool],
) -> PrivateOfferPage:
    """Up to `limit` offers whose fields equal `wanted` without case, from `first_page` or from `cursor` on.

    Fewer, with a cursor, once `has_time` says no: of a long list a filter may pass over thousands. Raises
    InvalidCursor before any request; UpstreamError, also for next links that lead elsewhere or in a circle.
    """
    place = _decode(cursor) if cursor is not None else _Place(first_page, 0)
    seen = {place.page}
    found: list[JsonObject] = []
    while True:
        answer = fetch(place.page)
        offers, next_page = _read_page(answer, base_url)
        for position, offer in enumerate(offers[place.offset :], start=place.offset):
            if len(found) == limit:
                return PrivateOfferPage(found, _encode(_Place(place.page, position)))
            if _matches(offer, wanted):
                found.append(offer)
        if next_page is None:
            return PrivateOfferPage(found, None)
        if next_page in seen:
            raise answer.unreadable("its next links lead in a circle")
        seen.add(next_page)
        place = _Place(next_page, 0)
        if len(found) == limit or not has_time():
            return PrivateOfferPage(found, _encode(place))


def _read_page(answer: Answer, base_url: str) -> tuple[list[JsonObject], str | None]:
    page = answer.json_object
    offers = page.get("privateOffers")
    if not isinstance(offers, list) or not all(isinstance(offer, dict) for offer in offers):
        raise answer.unreadable("it holds no array privateOffers of objects")
    link = page.get("@nextLink")
    if not link:
        return offers, None
    if not isinstance(link, str):
        raise answer.unreadable("its next link is not a text")
    try:
        return offers, _of_the_list(relative_to(base_url, link))
    except ForeignLink as error:
        raise answer.unreadable("its next link leads elsewhere") from error


def _of_the_list(relative: str) -> str:
    """Refuse what is below the base URL but not of the list: a cursor must not ask for a job's status, say."""
    if not checked_relative(relative).casefold().startswith("private-offer"):
        raise ForeignLink("the link does not lead to the list of private offers")
    return relative


def _matches(offer: JsonObject, wanted: Mapping[str, str]) -> bool:
    return all(str(offer.get(name) or "").strip().casefold() == value.casefold() for name, value in wanted.items())


def _encode(place: _Place) -> str:
    return base64.urlsafe_b64encode(dumps([place.page, place.offset]).encode("ascii")).decode("ascii").rstrip("=")


def _decode(cursor: str) -> _Place:
    """Raises InvalidCursor. A cursor is the caller's to forge, so it is checked like any link."""
    if len(cursor) > CURSOR_MAX_CHARACTERS:
        raise InvalidCursor("the cursor is too long")
    try:
        content: Any = loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, InvalidJson, ValueError) as error:
        raise InvalidCursor("the cursor is not one that a listing gave") from error
    match content:
        case [str() as page, int() as offset] if offset >= 0 and not isinstance(offset, bool):
            try:
                return _Place(_of_the_list(page), offset)
            except ForeignLink as error:
                raise InvalidCursor("the cursor leads elsewhere than to the list of private offers") from error
        case _:
            raise InvalidCursor("the cursor is not one that a listing gave")
