"""The list of private offers: upstream's pages, filtered and cut to the caller's limit.

Upstream documents no filter, so filters are applied here. A cursor names a page of upstream and a place in it. Links
and cursors are checked to stay within the list, since a token follows them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from shared.cursor import InvalidCursor, make_cursor, read_cursor
from shared.json_codec import InvalidJson, elements, members, text_of
from shared.upstream.answers import Answer
from shared.upstream.errors import UpstreamUnreadable

if TYPE_CHECKING:
    from msgspec import Raw

# A listing that exceeds this ends, with a cursor: offers may be large, and all of them are in memory at once.
LISTING_MAX_BYTES = 8 * 1024 * 1024
_LINK_MAX_CHARACTERS = 4096
_PORTS = {"https": 443, "http": 80}


class ForeignLink(ValueError):
    """A link leads outside of the base URL. The message does not repeat it."""


@dataclass(frozen=True)
class UpstreamPage:
    """One page as upstream sent it: its items, each as its own JSON, and where the next page is.

    `next_place` is None at the end of the list, and if `fault` says why the next link cannot be followed.
    """

    items: "list[Raw]"
    next_place: "Place | None" = None
    fault: UpstreamUnreadable | None = None


@dataclass(frozen=True)
class PrivateOfferPage:
    """Offers as upstream's bytes, each a JSON object in UTF-8. `next_cursor` is None at the end of the list."""

    offers: list[bytes]
    next_cursor: str | None


@dataclass(frozen=True)
class Place:
    """A page of upstream (path and query below the base URL), and how many of its offers are done with.

    `number` counts the pages of the listing. `remembered` is the fingerprint of the latest page whose number is a
    power of two. Reaching that page again means a circle. A circle of any length is noticed, even across cursors.
    """

    page: str
    offset: int
    number: int
    remembered: str

    @classmethod
    def first(cls, page: str) -> "Place":
        return cls(page, 0, 1, _fingerprint(page))

    @classmethod
    def stored(cls, values: object) -> "Place":
        """The place in a list that `values` returned, which others may have written since. Raises ForeignLink."""
        match values:
            case [str() as page, int() as offset, int() as number, str() as remembered]:
                return cls(_of_the_list(page), offset, number, remembered)
            case _:
                raise ForeignLink("it is not a place in the list")

    @property
    def values(self) -> list[str | int]:
        """The place as a list of texts and numbers, to be stored."""
        return [self.page, self.offset, self.number, self.remembered]

    def next(self, page: str) -> "Place | None":
        """The start of the page after this one; None if that page closes a circle."""
        if _fingerprint(page) == self.remembered:
            return None
        number = self.number + 1
        is_power_of_two = number & (number - 1) == 0
        return Place(page, 0, number, _fingerprint(page) if is_power_of_two else self.remembered)


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
    """Up to `limit` offers whose fields equal `wanted` in any case, starting at `first_page` or at `cursor`.

    There are fewer, and a cursor, once they exceed LISTING_MAX_BYTES or `has_time` returns false: a filter may pass
    over thousands of offers. Raises InvalidCursor before any request. Raises UpstreamError, also for next links that
    lead elsewhere or in a circle.
    """
    filters = ["private-offers", *(f"{name}={value.casefold()}" for name, value in wanted.items())]
    place = Place.first(first_page) if cursor is None else _decode(cursor, filters)
    found: list[bytes] = []
    size_bytes = 0
    while True:
        answer = fetch(place.page)
        offers, next_page = _read_page(answer, base_url)
        for position, offer in enumerate(offers[place.offset :], start=place.offset):
            if len(found) == limit or size_bytes > LISTING_MAX_BYTES:
                return PrivateOfferPage(found, _encode(replace(place, offset=position), filters))
            if _matches(answer, offer, wanted):
                found.append(bytes(offer))
                size_bytes += len(found[-1])
        if next_page is None:
            return PrivateOfferPage(found, None)
        place = _following(answer, place, next_page)
        if len(found) == limit or size_bytes > LISTING_MAX_BYTES or not has_time():
            return PrivateOfferPage(found, _encode(place, filters))


def read_page(answer: Answer, place: Place, base_url: str) -> UpstreamPage:
    """The page at `place`, whose items may be of any kind. Its items can be read even if its next link is bad.

    Raises UpstreamUnreadable if there is no list in it.
    """
    page = answer.members("privateOffers", "@nextLink")
    items = _items_in(answer, page)
    try:
        next_page = _next_page_in(answer, page, base_url)
        return UpstreamPage(items, None if next_page is None else _following(answer, place, next_page))
    except UpstreamUnreadable as fault:
        return UpstreamPage(items, fault=fault)


def _read_page(answer: Answer, base_url: str) -> "tuple[list[Raw], str | None]":
    page = answer.members("privateOffers", "@nextLink")
    offers = _items_in(answer, page)
    if not all(bytes(memoryview(offer)[:1]) == b"{" for offer in offers):
        raise answer.unreadable("its privateOffers are not all objects")
    return offers, _next_page_in(answer, page, base_url)


def _items_in(answer: Answer, page: "dict[str, Raw]") -> "list[Raw]":
    try:
        return elements(page.get("privateOffers", b""))
    except InvalidJson as error:
        raise answer.unreadable("its privateOffers are not a readable array") from error


def _next_page_in(answer: Answer, page: "dict[str, Raw]", base_url: str) -> str | None:
    link = page.get("@nextLink", b"null")
    if bytes(memoryview(link)[:5]) in {b"null", b'""', b"false"}:
        return None
    return _next_page(answer, text_of(link), base_url)


def _following(answer: Answer, place: Place, next_page: str) -> Place:
    following = place.next(next_page)
    if following is None:
        raise answer.unreadable("its next links lead in a circle")
    return following


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
    """Refuse a URL outside of the list: a cursor must not request the status of a job, for example."""
    if not checked_relative(relative).casefold().startswith("private-offer"):
        raise ForeignLink("the link does not lead to the list of private offers")
    return relative


def _matches(answer: Answer, offer: "Raw", wanted: Mapping[str, str]) -> bool:
    try:
        found = members(offer, *wanted)
    except InvalidJson as error:
        raise answer.unreadable("an offer in it cannot be read") from error
    found_texts = {name: (text_of(found.get(name)) or "").strip().casefold() for name in wanted}
    return all(found_texts[name] == value.casefold() for name, value in wanted.items())


def _fingerprint(page: str) -> str:
    return sha256(page.encode("utf-8")).hexdigest()[:16]


def _encode(place: Place, filters: Sequence[str]) -> str:
    return make_cursor(place.values, filters=filters)


def _decode(cursor: str, filters: Sequence[str]) -> Place:
    """Raises InvalidCursor. A cursor may be forged, so the page in it is checked like any link."""
    try:
        return Place.stored(read_cursor(cursor, filters=filters, longest_text=_LINK_MAX_CHARACTERS))
    except ForeignLink as error:
        raise InvalidCursor from error


def relative_to(base_url: str, link: str) -> str:
    """The path and query of the absolute `link` below `base_url`, unchanged. Raises ForeignLink."""
    base = urlsplit(base_url)
    try:
        target = urlsplit(link.strip())
        same_origin = _origin(target) == _origin(base)
    except ValueError as error:
        raise ForeignLink("the link is not a URL") from error
    base_path = base.path.rstrip("/") + "/"
    if not same_origin or target.username is not None or not target.path.startswith(base_path):
        raise ForeignLink("the link leads to another host or path than the API's")
    return checked_relative(target.path.removeprefix(base_path) + (f"?{target.query}" if target.query else ""))


def checked_relative(relative: str) -> str:
    """Return `relative` if it stays below a base URL in front of it. Raises ForeignLink."""
    path = unquote(relative.partition("?")[0])
    segments = path.split("/")
    plain = relative.isascii() and relative.isprintable() and not set(relative) & set(" \\#")
    if not plain or any(not segment.strip(".") for segment in segments) or "\\" in path:
        raise ForeignLink("the link's path is not plain")
    return relative


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    """Raises ValueError for an invalid port."""
    return url.scheme, url.hostname, url.port or _PORTS.get(url.scheme)
