"""Private offers over HTTP: unchanged, conditional, listed page by page."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.server import Sandbox
from shared.http.messages import matches
from tests.http.api import Api

OFFER_ROUTE = "product-ingestion.private-offer"
ODD_BODY = (
    b'{ "id":"private-offer/1","eTag" : "\\"7d02-1\\"", "big":9223372036854775807, "two":2.0,"tenth":0.10,'
    b' "text":"\\u00e9\\ud83d\\ude00\\/", "url":"https://blob.example/t?sig=abc", "unheardOf":{"a":[null]}}\n'
)


def _serve(sandbox: Sandbox, body: bytes | str, **parameters: Any) -> None:  # noqa: ANN401 - the sandbox's own
    text = body.decode() if isinstance(body, bytes) else body
    sandbox.state.fault("any_answer", route=OFFER_ROUTE, status=200, body=text, **parameters)


def test_an_offer_comes_as_upstream_sent_it_byte_for_byte(api: Api, fresh_sandbox: Sandbox) -> None:
    _serve(fresh_sandbox, ODD_BODY)
    answer = api.private_offer("1")
    assert (answer.status, answer.body) == (200, ODD_BODY)
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["ETag"] == '"7d02-1"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_byte_order_mark_and_white_space_do_no_harm(api: Api, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    for fault in ("byte_order_mark", "surplus_whitespace"):
        fresh_sandbox.state.fault(fault, route=OFFER_ROUTE, count=1)
        assert api.private_offer(offer_id).status == 200


@pytest.mark.parametrize(
    "if_none_match",
    ['"7d02-1"', 'W/"7d02-1"', '"x", "7d02-1"', 'W/"x" , W/"7d02-1"', '"x","7d02-1","y"', "*", " * "],
)
def test_an_entity_tag_that_matches_is_answered_304_without_a_body(
    api: Api, fresh_sandbox: Sandbox, if_none_match: str
) -> None:
    _serve(fresh_sandbox, ODD_BODY)
    answer = api.private_offer("1", if_none_match=if_none_match)
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["ETag"] == '"7d02-1"'
    assert answer.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("if_none_match", ['"x"', "7d02-1", '"7d02-1', "", '"7D02-1"', 'w/"7d02"', '"*"', "garbage"])
def test_an_entity_tag_that_does_not_match_gets_the_offer(
    api: Api, fresh_sandbox: Sandbox, if_none_match: str
) -> None:
    _serve(fresh_sandbox, ODD_BODY)
    assert api.private_offer("1", if_none_match=if_none_match).status == 200


@pytest.mark.parametrize(
    ("tag", "etag"),
    [
        ('"eTag": "plain"', '"plain"'),
        ('"eTag": "W/\\"weak\\""', 'W/"weak"'),
        ('"_etag": "old"', '"old"'),
        ('"eTag": "a\\r\\nSet-Cookie: x=1"', None),
        ('"eTag": 5', None),
        ('"eTag": null', None),
        ('"eTag": ""', None),
    ],
)
def test_only_what_can_be_an_entity_tag_becomes_one(
    api: Api, fresh_sandbox: Sandbox, tag: str, etag: str | None
) -> None:
    _serve(fresh_sandbox, '{"id": "private-offer/1", ' + tag + "}")
    answer = api.private_offer("1", if_none_match="*" if etag is None else '"other"')
    assert (answer.status, answer.headers.get("ETag")) == (200, etag)


def test_a_weak_tag_of_upstream_matches_its_strong_form() -> None:
    assert matches('"1"', 'W/"1"')
    assert matches('"a,b"', '"a,b"')
    assert not matches(None, '"1"')


def test_an_offer_that_is_not_there_is_404(api: Api) -> None:
    assert api.private_offer("456e-a345-c457-1234").status == 404


@pytest.mark.parametrize("form", ["{}", "private-offer/{}", "private-offer%2F{}", "private-offer%2f{}"])
def test_an_id_is_accepted_as_upstream_gives_it(api: Api, fresh_sandbox: Sandbox, form: str) -> None:
    offer_id = form.format(fresh_sandbox.state.add_private_offer())
    assert api.private_offer(offer_id).status == 200
    assert api.offer_details(privateOfferId=offer_id).status == 200


@pytest.mark.parametrize("name", ["query", "Query", "QUERY"])
def test_the_name_of_upstreams_list_is_not_an_id(api: Api, fresh_sandbox: Sandbox, name: str) -> None:
    assert api.private_offer(name).status == 400
    assert api.offer_details(privateOfferId=f"private-offer/{name}").status == 400
    assert fresh_sandbox.state.requests() == []


def test_the_list_follows_all_pages_up_to_the_limit_and_goes_on_where_it_ended(
    api: Api, fresh_sandbox: Sandbox
) -> None:
    ids = {f"private-offer/{fresh_sandbox.state.add_private_offer()}" for _ in range(7)}
    whole = api.private_offers()
    assert ({offer["id"] for offer in whole.json["privateOffers"]}, whole.json["nextCursor"]) == (ids, None)
    for limit in range(1, 9):
        found: list[str] = []
        page = api.private_offers(limit=str(limit))
        while True:
            assert len(page.json["privateOffers"]) <= limit
            found += [offer["id"] for offer in page.json["privateOffers"]]
            if (cursor := page.json["nextCursor"]) is None:
                break
            page = api.private_offers(limit=str(limit), cursor=cursor)
        assert found == [offer["id"] for offer in whole.json["privateOffers"]], limit


def test_the_list_is_filtered_by_state_substate_and_type_in_any_case(api: Api, fresh_sandbox: Sandbox) -> None:
    draft = fresh_sandbox.state.add_private_offer(state="draft")
    fresh_sandbox.state.add_private_offer(subState="expired", privateOfferType="cspPromotion")

    def ids(**query: str) -> list[str]:
        return [
            offer["id"].removeprefix("private-offer/") for offer in api.private_offers(**query).json["privateOffers"]
        ]

    assert ids(state="DRAFT") == [draft]
    assert len(ids(state="live", subState="Expired", privateOfferType="csppromotion")) == 1
    assert ids(state="withdrawn") == []


def test_the_offers_of_the_list_come_as_upstream_sent_them_byte_for_byte(api: Api, fresh_sandbox: Sandbox) -> None:
    body = '{"privateOffers": [{"id": "private-offer/1", "a": 2.0, "b": 9223372036854775807}]}'
    fresh_sandbox.state.fault("any_answer", route="product-ingestion.private-offers", status=200, body=body)
    assert b'[{"id": "private-offer/1", "a": 2.0, "b": 9223372036854775807}]' in api.private_offers().body


@pytest.mark.parametrize("fault", ["foreign_next_link", "circular_next_link"])
def test_a_next_link_that_leads_astray_ends_the_list_with_an_error(
    api: Api, fresh_sandbox: Sandbox, fault: str
) -> None:
    for _ in range(3):
        fresh_sandbox.state.add_private_offer()
    fresh_sandbox.state.fault(fault, route="product-ingestion.private-offers")
    assert api.private_offers().status == 502


@settings(max_examples=100, deadline=None)
@given(st.text() | st.lists(st.sampled_from(['"', "W/", "*", ",", " ", "x", '"x"'])).map("".join))
def test_any_if_none_match_is_read_without_an_error(if_none_match: str) -> None:
    assert matches(if_none_match, '"7d02-1"') in {True, False}
