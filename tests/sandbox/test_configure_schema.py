"""The schema of POST configure."""

import pytest

from sandbox.configure_schema import errors_of_body
from sandbox.private_offers import PRIVATE_OFFER_TYPES
from sandbox.sample_offers import private_offer_of
from tests.sandbox.conftest import CONFIGURE_SCHEMA, Caller


def messages_for(private_offer_type: str, **fields: object) -> list[str]:
    """What the schema says about a good offer with some fields changed; None takes a field out."""
    offer = {k: v for k, v in private_offer_of(private_offer_type, **fields).items() if v is not None}
    return [error["message"] for error in errors_of_body({"$schema": CONFIGURE_SCHEMA, "resources": [offer]})]


@pytest.mark.parametrize("private_offer_type", [*PRIVATE_OFFER_TYPES, "multiPartyPromotionChannelPartner"])
def test_the_sample_offers_are_good(private_offer_type: str) -> None:
    offer = private_offer_of(PRIVATE_OFFER_TYPES[-1] if "multiParty" in private_offer_type else private_offer_type)
    offer["privateOfferType"] = private_offer_type
    assert errors_of_body({"$schema": CONFIGURE_SCHEMA, "resources": [offer]}) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "50% off"}, "'name' is required"),
        ({"name": None}, "'name' is required"),
        ({"privateOfferType": "gift"}, "'privateOfferType' must be one of"),
        ({"state": "sleeping"}, "'state' must be one of"),
        ({"state": "withdrawn"}, "'id' is required when 'state' is 'withdrawn'."),
        ({"id": "PRIVATE-OFFER/1"}, "'id' must be a durable id"),
        ({"offerPricingType": None}, "'offerPricingType' must be one of"),
        ({"end": None}, "'end' is required"),
        ({"end": "31.12.2027"}, "'end' must be a date"),
        ({"acceptBy": None}, "'acceptBy' is required"),
        ({"start": "2027-01-01"}, "'start' must be absent"),
        ({"variableStartDate": False}, "'start' is required unless"),
        ({"notificationContacts": ["a@b.example"] * 6}, "'notificationContacts' holds at most 5"),
        ({"preparedBy": "nobody"}, "'preparedBy' must be an e-mail address."),
        ({"beneficiaries": [{"id": "1"}, {"id": "2"}]}, "'beneficiaries' holds at most 1 for customerPromotion."),
        ({"beneficiaries": []}, "'beneficiaries' is required"),
        ({"pricing": []}, "'pricing' is required"),
        ({"pricing": [{"product": "x"}]}, "pricing[0].product must be a durable id"),
        (
            {"pricing": [{"product": "product/1", "discountType": "percentage", "discountPercentage": 101}]},
            "pricing[0].discountPercentage must be a number from 0.01 to 100.",
        ),
        (
            {"$schema": "https://schema.mp.microsoft.com/schema/private-offer/2019-01-01"},
            "Invalid resource: the schema",
        ),
    ],
)
def test_a_fault_of_an_offer_is_named(fields: dict[str, object], message: str) -> None:
    messages = messages_for("customerPromotion", **fields)
    assert len(messages) == 1
    assert messages[0].startswith(message)


def test_a_csp_offer_must_not_say_until_when_it_can_be_accepted() -> None:
    assert messages_for("cspPromotion", acceptBy="2027-01-01") == ["'acceptBy' is not allowed for cspPromotion."]


def test_a_multiparty_offer_needs_a_partner() -> None:
    messages = messages_for("multipartyPromotionOriginator", partners=[])
    assert messages == ["'partners' must name one partner for a multiparty private offer."]


@pytest.mark.parametrize(
    "body", [None, [], {}, {"resources": []}, {"resources": [{}]}, {"$schema": "x", "resources": [1]}]
)
def test_a_body_of_the_wrong_shape_is_refused(body: object) -> None:
    assert errors_of_body(body)


def test_every_fault_is_named_in_one_answer_of_400(ingestion: Caller) -> None:
    answer = ingestion.configure(private_offer_of("customerPromotion", resourceName="mine", name="", end=None))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "badRequest")
    assert error["message"] == "Invalid configuration: schema validation failed"
    assert [detail["code"] for detail in error["details"]] == ["schemaValidationError"] * 2
    assert error["details"][0]["resourceId"] == {"resourceName": "mine"}


def test_a_body_that_is_not_json_is_400(ingestion: Caller) -> None:
    answer = ingestion.session.post(f"{ingestion.base_url}/configure?$version=2022-07-01", data="{", timeout=5)
    assert answer.status_code == 400
