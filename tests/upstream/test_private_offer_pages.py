"""The pages of upstream's list of private offers. docs/upstream.md has the quirks."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from shared.cursor import InvalidCursor, make_cursor
from shared.json_codec import dumps, loads
from shared.upstream.answers import Answer
from shared.upstream.errors import UpstreamUnreadable
from shared.upstream.private_offer_pages import LISTING_MAX_BYTES, ForeignLink, PrivateOfferPage, collect, relative_to
from tests.json_texts import json_bytes

BASE = "https://graph.example/rp/product-ingestion"
FIRST = "private-offer/query?$version=2023-07-15"


class Pages:
    """Answers with the page for each relative URL, and records the requests."""

    def __init__(self, pages: Mapping[str, object]) -> None:
        self._pages = pages
        self.asked: list[str] = []
        self.has_time = True

    def __call__(self, relative: str) -> Answer:
        self.asked.append(relative)
        body = dumps(self._pages[relative]).encode()
        return Answer("Product Ingestion", 200, CaseInsensitiveDict(), body, None)

    def collect(self, limit: int = 100, *, cursor: str | None = None, **wanted: str) -> PrivateOfferPage:
        return collect(
            self,
            base_url=BASE,
            first_page=FIRST,
            cursor=cursor,
            limit=limit,
            wanted=wanted,
            has_time=lambda: self.has_time,
        )


def offers(*names: str, next_link: object = None) -> dict[str, object]:
    page: dict[str, object] = {"privateOffers": [{"name": name, "state": "live"} for name in names]}
    return page if next_link is None else page | {"@nextLink": next_link}


def names(page: PrivateOfferPage) -> list[str]:
    return [loads(offer)["name"] for offer in page.offers]


def forged(place: Sequence[str | int]) -> str:
    """A cursor of the listing without filters, with a place of the test's own making."""
    return make_cursor(place, filters=["private-offers"])


def test_every_limit_gives_every_offer_once() -> None:
    pages = Pages(
        {
            FIRST: offers("a", "b", next_link=f"{BASE}/private-offer?p=2"),
            "private-offer?p=2": offers(next_link=f"{BASE}/private-offer?p=3"),
            "private-offer?p=3": offers("c", "d", "e"),
        }
    )
    for limit in range(1, 7):
        found, cursor = [], None
        for _ in range(6):
            page = pages.collect(limit, cursor=cursor)
            found += names(page)
            cursor = page.next_cursor
            if cursor is None:
                break

        assert found == ["a", "b", "c", "d", "e"]


def test_a_limit_that_ends_with_the_list_leaves_no_cursor() -> None:
    assert Pages({FIRST: offers("a", "b")}).collect(2).next_cursor is None


def test_no_page_is_requested_beyond_the_limit() -> None:
    pages = Pages({FIRST: offers("a", "b", next_link=f"{BASE}/private-offer?p=2")})

    assert names(pages.collect(2)) == ["a", "b"]
    assert pages.asked == [FIRST]


def test_a_listing_whose_time_is_over_continues_with_its_cursor() -> None:
    pages = Pages(
        {
            FIRST: offers("a", next_link=f"{BASE}/private-offer?p=2"),
            "private-offer?p=2": offers("b", next_link=f"{BASE}/private-offer?p=3"),
            "private-offer?p=3": offers("c"),
        }
    )
    pages.has_time = False
    first = pages.collect()
    pages.has_time = True

    assert names(first) == ["a"]
    assert names(pages.collect(cursor=first.next_cursor)) == ["b", "c"]


def test_offers_that_do_not_match_are_passed_over() -> None:
    page = Pages({FIRST: {"privateOffers": [{"state": None}, {}, {"state": "Draft "}]}}).collect(state="draft")

    assert page.offers == [b'{"state":"Draft "}']


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/rp/product-ingestion/private-offer?p=2",
        f"{BASE}/configure/11111111-2222-4333-8444-555555555555/status",
        "opaque_uri",
        7,
    ],
)
def test_a_next_link_that_leads_elsewhere_is_not_followed(link: object) -> None:
    pages = Pages({FIRST: offers("a", next_link=link)})

    with pytest.raises(UpstreamUnreadable, match="next link"):
        pages.collect()

    assert pages.asked == [FIRST]


def test_next_links_in_a_circle_end_with_an_error() -> None:
    pages = Pages(
        {
            FIRST: offers("a", next_link=f"{BASE}/private-offer?p=2"),
            "private-offer?p=2": offers("b", next_link=f"{BASE}/{FIRST}"),
        }
    )

    with pytest.raises(UpstreamUnreadable, match="circle"):
        pages.collect()


def test_a_circle_is_noticed_by_a_listing_that_continues_with_cursors() -> None:
    """However long the way into the circle and the circle itself are."""
    for way_in in range(4):
        for around in range(1, 5):
            last = way_in + around
            links = {page: page + 1 for page in range(last)} | {last: way_in}
            pages = Pages(
                {FIRST: offers("a", next_link=f"{BASE}/private-offer?p=0")}
                | {
                    f"private-offer?p={page}": offers("a", next_link=f"{BASE}/private-offer?p={links[page]}")
                    for page in links
                }
            )
            cursor = pages.collect(1).next_cursor
            with pytest.raises(UpstreamUnreadable, match="circle"):  # noqa: PT012 - some page of the loop
                for _ in range(6 * last + 6):
                    cursor = pages.collect(1, cursor=cursor).next_cursor


def test_a_cursor_belongs_to_its_filters_in_any_case() -> None:
    pages = Pages({FIRST: {"privateOffers": [{"name": name, "state": "live"} for name in ("a", "b")]}})
    cursor = pages.collect(1, state="live").next_cursor

    assert names(pages.collect(state="Live", cursor=cursor)) == ["b"]
    for others in ({}, {"state": "draft"}, {"subState": "live"}):
        with pytest.raises(InvalidCursor, match="other filters"):
            pages.collect(100, cursor=cursor, **others)


def test_a_listing_of_large_offers_continues_with_its_cursor() -> None:
    large = "x" * (LISTING_MAX_BYTES // 2)
    pages = Pages({FIRST: offers(large, large, large, "last")})
    first = pages.collect()

    assert len(first.offers) == 2
    assert names(pages.collect(cursor=first.next_cursor)) == [large, "last"]


def test_an_offer_keeps_every_byte() -> None:
    offer = b'{ "two" : 2.0,"t":"\\u00e9" }'
    page = collect(
        lambda _: Answer("Product Ingestion", 200, {}, b'{"privateOffers":[ ' + offer + b" ]}", None),
        base_url=BASE,
        first_page=FIRST,
        cursor=None,
        limit=1,
        wanted={},
        has_time=lambda: True,
    )

    assert page.offers == [offer]


@settings(max_examples=100, deadline=None)
@given(json_bytes(names=("privateOffers", "@nextLink", "state"), texts=("live", f"{BASE}/private-offer?p=2")))
def test_any_page_is_read_or_unreadable(body: bytes) -> None:
    def fetch(relative: str) -> Answer:
        return Answer("Product Ingestion", 200, {}, body if relative == FIRST else b'{"privateOffers":[]}', None)

    with suppress(UpstreamUnreadable):
        page = collect(
            fetch,
            base_url=BASE,
            first_page=FIRST,
            cursor=None,
            limit=3,
            wanted={"state": "live"},
            has_time=lambda: True,
        )
        assert all(isinstance(loads(offer), dict) for offer in page.offers)


@settings(max_examples=100, deadline=None)
@given(st.text() | st.lists(st.integers() | st.text(), max_size=5).map(forged))
def test_any_cursor_is_accepted_or_invalid(cursor: str) -> None:
    with suppress(InvalidCursor):
        Pages(defaultdict(offers)).collect(cursor=cursor)


@pytest.mark.parametrize("link", [None, "", "@odata.nextLink"])
def test_a_page_without_a_next_link_is_the_last(link: str | None) -> None:
    """Quirk 11: `@nextLink` counts, `@odata.nextLink` is another API's."""
    page = offers("a") | ({"@odata.nextLink": f"{BASE}/private-offer?p=2"} if link else {"@nextLink": link})

    assert Pages({FIRST: page}).collect().next_cursor is None


@pytest.mark.parametrize("body", [{"value": []}, {"privateOffers": {}}, {"privateOffers": [1]}, []])
def test_another_envelope_is_unreadable(body: object) -> None:
    """Quirk 11: this list's key is privateOffers; `value` belongs to others."""
    with pytest.raises(UpstreamUnreadable):
        Pages({FIRST: body}).collect()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "not base64!",
        forged([]),
        forged(["private-offer?p=2"]),
        forged(["private-offer?p=2", -1, 1, ""]),
        forged([7, 0, 1, ""]),
        forged(["https://evil.example/", 0, 1, ""]),
        forged(["//evil.example/private-offer", 0, 1, ""]),
        forged(["private-offer/../configure/1/status", 0, 1, ""]),
        forged(["private-offer/%2e%2e/configure/1/status", 0, 1, ""]),
        forged(["private-offer\\..\\configure", 0, 1, ""]),
        forged(["configure/1/status?$version=2022-07-01", 0, 1, ""]),
        forged(["private-offer?p=2\r\nX-Injected: 1", 0, 1, ""]),
        forged(["private-offer?p=" + "a" * 10_000, 0, 1, ""]),
    ],
)
def test_a_forged_cursor_is_refused_before_any_request(cursor: str) -> None:
    pages = Pages({})

    with pytest.raises(InvalidCursor):
        pages.collect(cursor=cursor)

    assert pages.asked == []


@pytest.mark.parametrize("origin", ["https://graph.example", "https://GRAPH.example:443"])
def test_a_link_below_the_base_url_is_kept_unchanged(origin: str) -> None:
    rest = "private-offer?%24version=2023-07-15&continuationToken=a%2Bb=="

    assert relative_to(BASE, f"{origin}/rp/product-ingestion/{rest}") == rest


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/rp/product-ingestion/private-offer",
        "http://graph.example/rp/product-ingestion/private-offer",
        "https://graph.example:8443/rp/product-ingestion/private-offer",
        "https://graph.example:port/rp/product-ingestion/private-offer",
        "https://graph.example@evil.example/rp/product-ingestion/private-offer",
        "https://user@graph.example/rp/product-ingestion/private-offer",
        "https://graph.example.evil.example/rp/product-ingestion/private-offer",
        "https://graph.example/rp/product-ingestion-evil/private-offer",
        "https://graph.example/v1.0/users",
        "https://graph.example/rp/product-ingestion/../../v1.0/users",
        "https://graph.example/rp/product-ingestion/%2e%2e/%2E%2E/v1.0/users",
        "https://graph.example/rp/product-ingestion/a\\..\\b",
        "https://graph.example/rp/product-ingestion//private-offer",
        "//graph.example/rp/product-ingestion/private-offer",
        "/rp/product-ingestion/private-offer",
        "https://[graph.example/rp/product-ingestion/private-offer",
        "opaque_uri",
        "",
    ],
)
def test_a_link_that_leads_elsewhere_is_foreign(link: str) -> None:
    with pytest.raises(ForeignLink):
        relative_to(BASE, link)
