"""What people read about a private offer."""

import json
from typing import Any

import pytest

from shared.events.event import Event
from shared.json_codec import RawJson
from tests.webhooks.formats.reading import card_texts, facts_of, mood_of, title_of
from tests.webhooks.samples import offer_event, private_offer


def test_a_message_shows_the_offer_its_parties_its_dates_and_its_price() -> None:
    assert card_texts(offer_event("private_offer.accepted", by="customer")) == [
        "Northwind has accepted 'Renewal 2027'",
        "Offer: Renewal 2027",
        "State: live, waiting for acceptance",
        "Customer: Northwind",
        "Accept by: 2026-12-31",
        "Starts: when it is accepted",
        "Ends: 2027-12-31",
        "Price: Field Service, Gold: 12.5 % discount",
        "Id: private-offer/aaaaaaaa-0000-4000-8000-000000000001",
    ]


def test_the_offer_is_read_from_upstreams_own_json() -> None:
    raw = RawJson(json.dumps(private_offer()).encode())
    assert card_texts(offer_event("private_offer.ended", offer=raw, daysLeft=0)) == card_texts(
        offer_event("private_offer.ended", daysLeft=0)
    )


@pytest.mark.parametrize(
    ("event_type", "data", "title", "mood"),
    [
        ("created", {}, "New private offer: 'Renewal 2027'", "emphasis"),
        ("deleted", {}, "'Renewal 2027' has been deleted", "emphasis"),
        ("accepted", {"by": "customer"}, "Northwind has accepted 'Renewal 2027'", "good"),
        ("accepted", {"by": "partner"}, "The partner has accepted 'Renewal 2027'", "good"),
        ("expiring", {"daysLeft": 6}, "'Renewal 2027' expires in 6 days: nobody has accepted it yet", "warning"),
        ("expiring", {"daysLeft": 1}, "'Renewal 2027' expires tomorrow: nobody has accepted it yet", "warning"),
        ("expiring", {"daysLeft": 0}, "'Renewal 2027' expires today: nobody has accepted it yet", "warning"),
        ("expired", {"daysLeft": 0}, "'Renewal 2027' has expired without being accepted", "attention"),
        ("ending", {"daysLeft": 30}, "'Renewal 2027' ends in 30 days", "warning"),
        ("ending", {"daysLeft": 1}, "'Renewal 2027' ends tomorrow", "warning"),
        ("ended", {"daysLeft": 0}, "'Renewal 2027' has ended", "emphasis"),
    ],
)
def test_the_title_says_what_happened(event_type: str, data: dict[str, Any], title: str, mood: str) -> None:
    told = offer_event(f"private_offer.{event_type}", **data)
    assert (title_of(told), mood_of(told)) == (title, mood)


@pytest.mark.parametrize(
    ("by", "offer", "who"),
    [
        ("customer", {"beneficiaries": [{"id": "x"}]}, "The customer"),
        ("customer", {"beneficiaries": [{"description": "A"}, {"description": "B"}]}, "The customer"),
        ("customer", {"beneficiaries": None}, "The customer"),
        ("partner", {"partners": [{"partnerName": "Adatum"}]}, "Adatum"),
        ("partner", {"partners": [{"partnerName": " "}]}, "The partner"),
        (None, {}, "Northwind"),
    ],
)
def test_who_accepted_is_named_if_it_is_known(by: str | None, offer: dict[str, Any], who: str) -> None:
    told = offer_event("private_offer.accepted", offer=private_offer(**offer), by=by)
    assert title_of(told) == f"{who} has accepted 'Renewal 2027'"


@pytest.mark.parametrize(
    ("changes", "offer", "title"),
    [
        (["/pricing/0/discountPercentage"], {}, "has changed: price"),
        (["/pricing/0/planName", "/pricing/1", "/end"], {}, "has changed: price and end date"),
        (["/start", "/variableStartDate", "/acceptBy"], {}, "has changed: start date and accept-by date"),
        (["/beneficiaries", "/partners/0/id"], {}, "has changed: customer and partner"),
        (["/beneficiaries"], {"privateOfferType": "CspPromotion"}, "has changed: resellers"),
        (
            ["/originatorPricing/0", "/markupPercentage", "/end"],
            {},
            "has changed: price for the partner, markup and end date",
        ),
        (["/state", "/subState"], {"state": "Live"}, "is now live"),
        (["/state"], {"state": "draft"}, "is now a draft"),
        (["/state", "/end"], {"state": "withdrawn"}, "has been withdrawn; also changed: end date"),
        (["/subState"], {"subState": "pendingPartnerAction"}, "is now waiting for the partner"),
        (["/subState"], {"subState": None}, "has changed"),
        (["/state"], {"state": "suspended"}, "is now suspended"),
        ([], {}, "has changed"),
        (["", "x", "/", "/novelty", 7], {}, "has changed"),
    ],
)
def test_a_change_is_told_in_words(changes: list[Any], offer: dict[str, Any], title: str) -> None:
    told = offer_event("private_offer.changed", offer=private_offer(**offer), changes=changes)
    assert title_of(told) == f"'Renewal 2027' {title}"


def prices(told: Event) -> list[str]:
    return [line.removeprefix("Price: ") for line in card_texts(told) if line.startswith("Price: ")]


def test_a_changed_price_is_shown_without_those_that_stayed() -> None:
    pricing = [
        {"productName": "Gateway", "planName": "Reserved", "discountType": "Absolute"},
        {"productName": "Field Service", "newPlanDetails": {"name": "Custom"}, "discountPercentage": 2.0},
        "no price",
        {"productName": "Without any"},
    ]
    offer = private_offer(pricing=pricing)
    changed = offer_event("private_offer.changed", offer=offer, changes=["/pricing/1/discountPercentage"])
    assert prices(changed) == ["Field Service, Custom: 2 % discount"]
    assert prices(offer_event("private_offer.created", offer=offer)) == [
        "Gateway, Reserved: absolute price",
        "Field Service, Custom: 2 % discount",
    ]


def test_of_many_prices_the_first_are_shown() -> None:
    many = private_offer(pricing=[{"discountPercentage": number} for number in range(10, 20)])
    assert prices(offer_event("private_offer.created", offer=many))[-2:] == ["14 % discount", "… and 5 more"]


def test_of_many_resellers_the_first_are_named() -> None:
    beneficiaries = [{"description": f"Reseller {number}"} for number in range(150)]
    offer = private_offer(privateOfferType="cspPromotion", beneficiaries=beneficiaries)
    assert facts_of(offer_event("private_offer.ended", offer=offer))["Resellers"] == (
        "Reseller 0, Reseller 1, Reseller 2 and 147 more"
    )


@pytest.mark.parametrize(
    ("event_type", "offer", "data", "to_do"),
    [
        ("expiring", {}, {}, "Remind the customer, or choose a later accept-by date."),
        (
            "expiring",
            {"subState": "pendingPartnerAction"},
            {},
            "Remind the partner, or choose a later accept-by date.",
        ),
        ("expired", {}, {}, "It can no longer be accepted."),
        ("ending", {}, {}, "If the agreement is to go on, prepare the renewal."),
        ("accepted", {}, {"by": "partner"}, "It now waits for the customer."),
    ],
)
def test_a_message_says_what_to_do(event_type: str, offer: dict[str, Any], data: dict[str, Any], to_do: str) -> None:
    told = offer_event(f"private_offer.{event_type}", offer=private_offer(**offer), **data)
    assert card_texts(told)[-1].startswith(to_do)


def test_once_the_partner_has_accepted_only_the_customer_is_missing() -> None:
    offer = private_offer(partners=[{"partnerName": "Adatum"}], subState="PendingAcceptance")
    assert title_of(offer_event("private_offer.expiring", offer=offer, daysLeft=2)).endswith(
        "expires in 2 days: the customer has not accepted it yet"
    )


@pytest.mark.parametrize(
    ("event_type", "title"),
    [
        ("created", "There is a new private offer"),
        ("accepted", "The partner has accepted a private offer"),
        ("changed", "A private offer has changed"),
        ("expiring", "A private offer expires soon: nobody has accepted it yet"),
    ],
)
def test_an_offer_without_a_name_has_a_sentence_too(event_type: str, title: str) -> None:
    told = offer_event(f"private_offer.{event_type}", offer={"name": None}, by="partner")
    assert title_of(told) == title


STRANGE: list[Any] = [None, 7, "text", [], [None], {}, {"a": {}}, [[{}]], {"description": ["x"]}, "0001-01-01"]
MEMBERS = (
    "name state subState privateOfferType start end acceptBy variableStartDate pricing beneficiaries partners id"
)


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("event_type", ["created", "changed", "accepted", "expiring", "deleted"])
def test_an_offer_of_any_shape_is_told(event_type: str, strange: Any) -> None:  # noqa: ANN401 - a JSON value
    name = f"private_offer.{event_type}"
    for offer in (strange, dict.fromkeys(MEMBERS.split(), strange)):
        assert title_of(offer_event(name, offer=offer, changes=strange, by=strange, daysLeft=strange))
