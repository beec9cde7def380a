"""The schema of POST configure."""

import pytest

from sandbox.configure_schema import errors_of_body
from sandbox.private_offers import PRIVATE_OFFER_TYPES
from sandbox.sample_offers import configure_resources
from tests.sandbox.conftest import CONFIGURE_SCHEMA, Caller

SCHEMAS = "https://schema.mp.microsoft.com/schema"


def messages_for(private_offer_type: str, **fields: object) -> list[str]:
    """The messages about a valid offer with some fields changed; None removes a field."""
    *prices, full = configure_resources(private_offer_type, **fields)
    offer = {name: value for name, value in full.items() if value is not None}
    return [
        error["message"] for error in errors_of_body({"$schema": CONFIGURE_SCHEMA, "resources": [*prices, offer]})
    ]


@pytest.mark.parametrize("private_offer_type", [*PRIVATE_OFFER_TYPES, "multiPartyPromotionChannelPartner"])
def test_the_sample_offers_are_good(private_offer_type: str) -> None:
    resources = configure_resources(private_offer_type.replace("multiParty", "multiparty"))
    resources[-1]["privateOfferType"] = private_offer_type
    assert errors_of_body({"$schema": CONFIGURE_SCHEMA, "resources": resources}) == []


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
        ({"notificationContacts": ["a@b.example"] * 6}, "'notificationContacts' must contain at most 5"),
        ({"preparedBy": "nobody"}, "'preparedBy' must be an e-mail address."),
        ({"beneficiaries": [{"id": "1"}, {"id": "2"}]}, "'beneficiaries' must contain at most 1 for customer"),
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


PRICE = "price-and-availability-private-offer-plan"
PERCENTAGE = {"product": "product/1", "discountType": "percentage", "discountPercentage": 5}
ABSOLUTE = {"product": "product/1", "discountType": "absolute"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"state": "LIVE"}, "'state' must be one of"),
        ({"privateOfferType": "CUSTOMERPROMOTION"}, "'privateOfferType' must be one of"),
        ({"privateOfferType": None}, "'privateOfferType' must be one of"),
        ({"notes": "x" * 61}, "'notes' must be a string of at most 60 characters."),
        ({"notificationContacts": ["nobody"]}, "'notificationContacts' must contain at most 5 e-mail addresses."),
        ({"pricing": [{**PERCENTAGE, "markupPercentage": 1}]}, "pricing[0].markupPercentage is not allowed"),
        ({"pricing": [ABSOLUTE]}, "pricing[0].priceDetails is required for an absolute price."),
        (
            {"pricing": [{**ABSOLUTE, "priceDetails": {"resourceName": "other"}}]},
            "pricing[0].priceDetails names 'other', which is not a resource of this request.",
        ),
        ({"pricing": [{**ABSOLUTE, "priceDetails": "99"}]}, "pricing[0].priceDetails must name a resource"),
        ({"state": "draft", "variableStartDate": False}, "'start' is required unless"),
        ({"variableStartDate": "yes"}, "'variableStartDate' must be true or false."),
        ({"resourceName": "two words"}, "'resourceName' must be 1 to 50"),
        ({"beneficiaries": "Northwind"}, "'beneficiaries' must be a list."),
        (
            {"beneficiaries": [{"id": "1", "beneficiaryRecipients": [{"id": "2", "recipientType": "cspCustomer"}]}]},
            "'recipientType' of a beneficiary's recipient must be billingGroup.",
        ),
        (
            {"offerPricingType": "vmSoftwareReservations"}
            | {"pricing": [{**PERCENTAGE, "newPlanDetails": {"name": "n", "description": "d"}}]},
            "pricing[0].newPlanDetails is not allowed for vmSoftwareReservations.",
        ),
        (
            {"$schema": f"{SCHEMAS}/private-offer-mpo-originator/2023-07-15"},
            "'privateOfferType' must be multipartyPromotionOriginator in this schema.",
        ),
        ({"$schema": f"{SCHEMAS}/private-offer/ 2023-07-15"}, "Invalid resource: the schema"),
    ],
)
def test_a_resource_that_microsofts_schema_refuses_is_refused(fields: dict[str, object], message: str) -> None:
    messages = messages_for("customerPromotion", **fields)
    assert messages[0].startswith(message), messages


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"preparedBy": None}, "'preparedBy' is required from the selling partner."),
        ({"originatorPricing": [PERCENTAGE]}, "'markupPercentage' is required from the selling partner."),
        ({"markupPercentage": -1}, "'markupPercentage' must be a number of 0 or more."),
        ({"state": "deleted", "id": "private-offer/1"}, "'state' must not be deleted"),
        (
            {"termsAndConditionsDocs": [{}] * 3, "originatorTermsAndConditionsDocs": [{}] * 3},
            "'termsAndConditionsDocs'",
        ),
    ],
)
def test_the_selling_partner_must_give_what_the_documentation_demands(
    fields: dict[str, object], message: str
) -> None:
    messages = messages_for("multipartyPromotionChannelPartner", **fields)
    assert len(messages) == 1
    assert messages[0].startswith(message)


@pytest.mark.parametrize(
    ("envelope", "message"),
    [
        ({"$schema": f"{SCHEMAS}/configure/1999-01-01"}, "'$schema' must name a version of the configure schema."),
        (
            {"$schema": f"{SCHEMAS}/private-offer/2022-07-01"},
            "'$schema' must name a version of the configure schema.",
        ),
        ({"$schema": "https://schema.example/schema/configure/2022-07-01"}, "'$schema' must name"),
        ({"colour": "red"}, "'colour' is not allowed."),
    ],
)
def test_an_envelope_that_microsofts_schema_refuses_is_refused(envelope: dict[str, object], message: str) -> None:
    body = {"$schema": CONFIGURE_SCHEMA, "resources": configure_resources("cspPromotion"), **envelope}
    messages = [error["message"] for error in errors_of_body(body)]
    assert len(messages) == 1
    assert messages[0].startswith(message)


def test_a_price_without_a_product_is_refused() -> None:
    price = {"$schema": f"{SCHEMAS}/{PRICE}/2023-07-15", "resourceName": "mine", "plan": "plan/1"}
    body = {"$schema": CONFIGURE_SCHEMA, "resources": [price, *configure_resources("cspPromotion")]}
    assert [error["message"] for error in errors_of_body(body)] == [
        "'product' must be a durable id (product/...) or a reference."
    ]


@pytest.mark.parametrize("resource_type", ["product", "submission", "plan-listing", "resource-tree"])
def test_a_resource_that_is_not_simulated_is_501(ingestion: Caller, resource_type: str) -> None:
    answer = ingestion.configure({"$schema": f"{SCHEMAS}/{resource_type}/2022-03-01-preview3", "id": "x/1"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (501, "notImplemented")
    assert f"does not simulate resources of the type {resource_type}" in error["message"]


def test_two_private_offers_in_one_request_are_501(ingestion: Caller) -> None:
    offer = configure_resources("cspPromotion")[0]
    answer = ingestion.configure(offer, offer)
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "notImplemented")


def test_an_unknown_schema_is_an_invalid_resource(ingestion: Caller) -> None:
    answer = ingestion.configure({"$schema": f"{SCHEMAS}/unicorn/2022-07-01"})
    assert (answer.status_code, answer.json()["error"]["details"][0]["code"]) == (400, "invalidResource")


def test_a_csp_offer_with_an_acceptance_date_is_refused() -> None:
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
    answer = ingestion.configure(*configure_resources("customerPromotion", resourceName="mine", name="", end=None))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "badRequest")
    assert error["message"] == "Invalid configuration: schema validation failed"
    assert [detail["code"] for detail in error["details"]] == ["schemaValidationError"] * 2
    assert error["details"][0]["resourceId"] == {"resourceName": "mine"}


def test_a_body_that_is_not_json_is_400(ingestion: Caller) -> None:
    answer = ingestion.session.post(f"{ingestion.base_url}/configure?$version=2022-07-01", data="{", timeout=5)
    assert answer.status_code == 400
