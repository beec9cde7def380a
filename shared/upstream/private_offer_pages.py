"""The list of private offers, which upstream gives in pages of its own size, cut to the caller's limit.

Upstream documents no filter, so filters are applied here. A cursor names a page of upstream and a place in it.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from shared.json_codec import InvalidJson, dumps, elements, loads, members, text_of
from shared.upstream.answers import Answer
from shared.upstream.urls import ForeignLink, checked_relative, relative_to

if TYPE_CHECKING:
    from msgspec import Raw

CURSOR_MAX_CHARACTERS = 8192
# A listing ends, with a cursor, once it has more than this: offers may be large, and all of them are held at once.
LISTING_MAX_BYTES = 8 * 1024 * 1024
_LINK_MAX_CHARACTERS = 4096


class InvalidCursor(ValueError):
    """A cursor that no listing gave out."""


@dataclass(frozen=True)
class PrivateOfferPage:
    """Offers as the bytes that came, each one JSON object in UTF-8, and where to go on; `next_cursor` is None at the
    end of the list."""

    offers: list[bytes]
    next_cursor: str | None


@dataclass(frozen=True)
class _Place:
    """A page of upstream (path and query below the base URL) and how many of its offers were gone through.

    `number` counts the pages of the listing. `remembered` is the latest one whose number is a power of two. Meeting
    it again means a circle; one of any length is noticed, also by a listing that goes on by cursors.
    """

    page: str
    offset: int
    number: int
    remembered: str

    @classmethod
    def first(cls, page: str) -> "_Place":
        return cls(page, 0, 1, _fingerprint(page))

    def next(self, page: str) -> "_Place | None":
        """The beginning of the page after this one; None if the list has come full circle."""
        if _fingerprint(page) == self.remembered:
            return None
        number = self.number + 1
        is_power_of_two = number & (number - 1) == 0
        return _Place(page, 0, number, _fingerprint(page) if is_power_of_two else self.remembered)


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

    Fewer, with a cursor, once they exceed LISTING_MAX_BYTES or `has_time` says no: of a long list a filter may pass
    over thousands. Raises InvalidCursor before any request; UpstreamError, also for next links that lead elsewhere or
    in a circle.
    """
    place = _decode(cursor) if cursor is not None else _Place.first(first_page)
    found: list[bytes] = []
    size_bytes = 0
    while True:
        answer = fetch(place.page)
        offers, next_page = _read_page(answer, base_url)
        for position, offer in enumerate(offers[place.offset :], start=place.offset):
            if len(found) == limit or size_bytes > LISTING_MAX_BYTES:
                return PrivateOfferPage(found, _encode(replace(place, offset=position)))
            if _matches(answer, offer, wanted):
                found.append(bytes(offer))
                size_bytes += len(found[-1])
        if next_page is None:
            return PrivateOfferPage(found, None)
        following = place.next(next_page)
        if following is None:
            raise answer.unreadable("its next links lead in a circle")
        place = following
        if len(found) == limit or size_bytes > LISTING_MAX_BYTES or not has_time():
            return PrivateOfferPage(found, _encode(place))


def _read_page(answer: Answer, base_url: str) -> "tuple[list[Raw], str | None]":
    page = answer.members("privateOffers", "@nextLink")
    try:
        offers = elements(page.get("privateOffers", b""))
    except InvalidJson as error:
        raise answer.unreadable("it holds no array privateOffers that can be read") from error
    if not all(bytes(memoryview(offer)[:1]) == b"{" for offer in offers):
        raise answer.unreadable("its privateOffers are not all objects")
    link = page.get("@nextLink", b"null")
    if bytes(memoryview(link)[:5]) in {b"null", b'""', b"false"}:
        return offers, None
    return offers, _next_page(answer, text_of(link), base_url)


def _next_page(answer: Answer, link: str | None, base_url: str) -> str:
    if link is None:
        raise answer.unreadable("its next link is not a text")
    if len(link) > _LINK_MAX_CHARACTERS:
        raise answer.unreadable("its next link is too long")
    try:
        return _of_the_list(relative_to(base_url, link))
    except ForeignLink as error:
        raise answer.unreadable("its next link leads elsewhere") from error


def _of_the_list(relative: str) -> str:
    """Refuse what is below the base URL but not of the list: a cursor must not ask for a job's status, say."""
    if not checked_relative(relative).casefold().startswith("private-offer"):
        raise ForeignLink("the link does not lead to the list of private offers")
    return relative


def _matches(answer: Answer, offer: "Raw", wanted: Mapping[str, str]) -> bool:
    try:
        found = members(offer, *wanted)
    except InvalidJson as error:
        raise answer.unreadable("an offer in it cannot be read") from error
    told = {name: (text_of(found.get(name)) or "").strip().casefold() for name in wanted}
    return all(told[name] == value.casefold() for name, value in wanted.items())


def _fingerprint(page: str) -> str:
    return sha256(page.encode("utf-8")).hexdigest()[:16]


def _encode(place: _Place) -> str:
    content = dumps([place.page, place.offset, place.number, place.remembered])
    return base64.urlsafe_b64encode(content.encode("ascii")).decode("ascii").rstrip("=")


def _decode(cursor: str) -> _Place:
    """Raises InvalidCursor. A cursor is the caller's to forge, so it is checked like any link."""
    if len(cursor) > CURSOR_MAX_CHARACTERS:
        raise InvalidCursor("the cursor is too long")
    try:
        content: Any = loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except ValueError as error:  # binascii.Error and InvalidJson are
        raise InvalidCursor("the cursor is not one that a listing gave") from error
    match content:
        case [str() as page, int() as offset, int() as number, str() as remembered] if _counts(offset, number):
            try:
                return _Place(_of_the_list(page), offset, number, remembered)
            except ForeignLink as error:
                raise InvalidCursor("the cursor leads elsewhere than to the list of private offers") from error
        case _:
            raise InvalidCursor("the cursor is not one that a listing gave")


def _counts(*numbers: int) -> bool:
    return all(0 <= number < 2**31 and not isinstance(number, bool) for number in numbers)
