"""Every kind of private-offer request that Microsoft has documented is accepted, in the form of its time.

June 2022: preview schemas on the older host, no `$version`. July 2022: version 2022-07-01. 2023: version 2023-07-15.
"""

import pytest

from sandbox.answers import JsonObject
from sandbox.sample_offers import BILLING_ACCOUNT, GOLD_PLAN, SAAS_PRODUCT
from sandbox.server import Sandbox
from tests.clock import FakeClock
from tests.sandbox.conftest import TIMEOUT_SECONDS, Caller

OLD_HOST = "https://product-ingestion.azureedge.net/schema"
HOST = "https://schema.mp.microsoft.com/schema"
JUNE_2022 = (OLD_HOST, "2022-03-01-preview2", "2022-03-01-preview2")
JULY_2022 = (HOST, "2022-07-01", "2022-07-01")
JULY_2023 = (HOST, "2022-07-01", "2023-07-15")
FORMS = [JUNE_2022, JULY_2022, JULY_2023]
FORM_NAMES = ["June 2022", "July 2022", "2023"]

PRODUCT = f"product/{SAAS_PRODUCT}"
PLAN = f"plan/{SAAS_PRODUCT}/{GOLD_PLAN}"
PERCENTAGE = {"product": PRODUCT, "plan": "plan/123456", "discountType": "percentage", "discountPercentage": 5}
DOCUMENT = {"sasUrl": "https://terms.example/t.pdf", "fileName": "t.pdf", "customerFacingDocumentName": "Terms"}
CUSTOMER = {"id": BILLING_ACCOUNT, "description": "Northwind"}
PARTNER = {"id": "12345678", "partnerName": "Adatum", "location": "United States"}

type Form = tuple[str, str, str]


def post(ingestion: Caller, form: Form, *resources: JsonObject) -> JsonObject:
    """The answer to a configure request; the form of June 2022 has no `$version`."""
    host, version, offer_version = form
    named: list[JsonObject] = []
    for resource in resources:
        schema = resource.pop("schema", "private-offer")
        named.append({"$schema": f"{host}/{schema}/{offer_version}", **resource})
    answer = ingestion.session.post(
        f"{ingestion.base_url}/configure",
        params={} if form is JUNE_2022 else {"$version": version},
        json={"$schema": f"{host}/configure/{version}", "resources": named},
        timeout=TIMEOUT_SECONDS,
    )
    assert answer.status_code == 200, answer.text
    body: JsonObject = answer.json()
    return body


def offer_for_customer(form: Form, **fields: object) -> JsonObject:
    offer = {
        "name": "For a customer",
        "state": "live",
        "privateOfferType": "customerPromotion",
        "variableStartDate": True,
        "end": "2027-12-31",
        "acceptBy": "2027-06-30",
        "preparedBy": "amy@contoso.example",
        "termsAndConditionsDocSasUrl": "https://terms.example/t.pdf  ",
        "notificationContacts": ["amy@contoso.example"],
        "beneficiaries": [CUSTOMER],
        "pricing": [PERCENTAGE],
        **fields,
    }
    return offer if form is not JULY_2023 else {"offerPricingType": "editExistingOfferPricingOnly", **offer}


def multiparty_offer(pricing_type: str, **fields: object) -> JsonObject:
    return {
        "name": "Through a partner",
        "state": "live",
        "privateOfferType": "multipartyPromotionOriginator",
        "offerPricingType": pricing_type,
        "variableStartDate": True,
        "end": "2027-12-31",
        "acceptBy": "2027-06-30",
        "partners": [PARTNER],
        "termsAndConditionsDocs": [DOCUMENT],
        "notificationContacts": ["amy@contoso.example"],
        "beneficiaries": [CUSTOMER],
        "pricing": [PERCENTAGE],
        "notes": "ISV 123",
        **fields,
    }


def completion(**fields: object) -> JsonObject:
    """What the selling partner posts: the originator's prices with a markup, and no `pricing`."""
    return {
        "resourceName": "privateOffer",
        "name": "Through a partner",
        "state": "live",
        "privateOfferType": "multipartyPromotionChannelPartner",
        "offerPricingType": "editExistingOfferPricingOnly",
        "variableStartDate": True,
        "end": "2027-12-31",
        "acceptBy": "2027-06-30",
        "preparedBy": "tester@contoso.example",
        "originatorTermsAndConditionsDocs": [DOCUMENT],
        "termsAndConditionsDocs": [DOCUMENT],
        "notificationContacts": ["amy@contoso.example"],
        "beneficiaries": [CUSTOMER],
        "partners": [PARTNER],
        "originatorPricing": [{**PERCENTAGE, "markupPercentage": 1.0}],
        "lastModified": "2027-01-19",
        "eTag": '"7f020249-0000-0800-0000-63c9b4ca0000"',
        **fields,
    }


def absolute(resource_name: str, **fields: object) -> JsonObject:
    return {
        "product": PRODUCT,
        "discountType": "absolute",
        "priceDetails": {"resourceName": resource_name},
        **fields,
    }


def price(resource_name: str, **fields: object) -> JsonObject:
    return {
        "schema": "price-and-availability-private-offer-plan",
        "resourceName": resource_name,
        "product": PRODUCT,
        "plan": PLAN,
        **fields,
    }


def outcome_of(ingestion: Caller, clock: FakeClock, answer: JsonObject) -> str:
    clock.advance(60)
    return str(ingestion.status(answer["jobId"]).json()["jobResult"])


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
def test_an_offer_for_a_customer(ingestion: Caller, sandbox_clock: FakeClock, form: Form) -> None:
    answer = post(ingestion, form, offer_for_customer(form))
    assert outcome_of(ingestion, sandbox_clock, answer) == "succeeded"


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
def test_an_offer_with_an_absolute_price(ingestion: Caller, sandbox_clock: FakeClock, form: Form) -> None:
    recurrent = {"priceInputOption": "usd", "prices": [{"pricePerPaymentInUsd": 1}]}
    offer = offer_for_customer(form, pricing=[PERCENTAGE, absolute("mine", plan=PLAN)])
    answer = post(ingestion, form, price("mine", pricing={"recurrentPrice": recurrent}), offer)
    sandbox_clock.advance(60)
    detail = ingestion.get(f"configure/{answer['jobId']}").json()
    shown = next(each for each in detail["resources"] if each["id"].startswith("price-and-availability"))
    assert shown["pricing"] == {"recurrentPrice": recurrent}
    assert "resourceName" not in shown


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
def test_an_offer_for_a_reseller_without_a_pricing_type(
    ingestion: Caller, sandbox_clock: FakeClock, form: Form
) -> None:
    recipient = {"id": "ee7c9f5d-a04b-4ec8-96b3-4f80c2b1ae34", "recipientType": "cspCustomer"}
    offer = {
        "privateOfferType": "cspPromotion",
        "name": "For a reseller",
        "state": "live",
        "variableStartDate": False,
        "start": "2027-01-31",
        "end": "2027-02-28",
        "preparedBy": "amy@contoso.example",
        "notificationContacts": ["amy@contoso.example"],
        "beneficiaries": [{"id": "dd6b8e4c", "description": "Fabrikam", "beneficiaryRecipients": [recipient]}],
        "pricing": [PERCENTAGE],
    }
    assert outcome_of(ingestion, sandbox_clock, post(ingestion, form, offer)) == "succeeded"


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        (JUNE_2022, {}),
        (JULY_2022, {"name": "Gone"}),
        (JULY_2023, {"name": "Gone", "privateOfferType": "multipartyPromotionOriginator"}),
    ],
    ids=FORM_NAMES,
)
def test_a_delete(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock, form: Form, fields: JsonObject
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(state="draft")
    answer = post(ingestion, form, {"id": f"private-offer/{offer_id}", "state": "deleted", **fields})
    assert outcome_of(ingestion, sandbox_clock, answer) == "succeeded"
    assert ingestion.get(f"private-offer/{offer_id}").status_code == 404


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        (JUNE_2022, {}),
        (JULY_2022, {}),
        (JULY_2023, {"privateOfferType": "multipartyPromotionOriginator"}),
        (JULY_2023, {"privateOfferType": "multiPartyPromotionChannelPartner"}),
        (JULY_2023, {"privateOfferType": "customerPromotion", "offerPricingType": "editExistingOfferPricingOnly"}),
    ],
    ids=[*FORM_NAMES, "by the selling partner", "newest"],
)
def test_a_withdrawal(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock, form: Form, fields: JsonObject
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    body = {"id": f"private-offer/{offer_id}", "name": "Back", "state": "withdrawn", **fields}
    assert outcome_of(ingestion, sandbox_clock, post(ingestion, form, body)) == "succeeded"
    offer = ingestion.get(f"private-offer/{offer_id}").json()
    assert (offer["state"], offer["privateOfferType"]) == ("draft", "customerPromotion")


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
def test_an_upgrade_without_pricing_carries_the_prices_over(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock, form: Form
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(subState="accepted", end="2026-12-31")
    upgrade = offer_for_customer(form, upgradedFrom={"name": "old", "id": f"private-offer/{offer_id}"})
    for name in ("pricing", "beneficiaries"):
        del upgrade[name]
    answer = post(ingestion, form, {**upgrade, "variableStartDate": False, "start": "2027-01-01"})
    sandbox_clock.advance(60)
    before = ingestion.get(f"private-offer/{offer_id}").json()
    after = ingestion.get(f"configure/{answer['jobId']}").json()["resources"][0]
    assert (after["pricing"], after["beneficiaries"]) == (before["pricing"], before["beneficiaries"])


def test_the_pricing_of_an_upgrade_replaces_that_of_its_product_only(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(subState="accepted", end="2026-12-31")
    base = ingestion.get(f"private-offer/{offer_id}").json()["pricing"]
    upgrade = offer_for_customer(
        JULY_2022,
        upgradedFrom={"name": "old", "id": f"private-offer/{offer_id}"},
        variableStartDate=False,
        start="2027-01-01",
        pricing=[{"product": PRODUCT, "discountType": "percentage", "discountPercentage": 20}],
    )
    answer = post(ingestion, JULY_2022, upgrade)
    sandbox_clock.advance(60)
    pricing = ingestion.get(f"configure/{answer['jobId']}").json()["resources"][0]["pricing"]
    assert [item.get("discountPercentage") for item in pricing] == [None, 20.0]
    assert pricing[0] == next(item for item in base if item["discountType"] == "absolute")


@pytest.mark.parametrize("schema", ["private-offer", "private-offer-mpo-originator"])
@pytest.mark.parametrize(
    ("pricing_type", "item"),
    [
        ("editExistingOfferPricingOnly", PERCENTAGE),
        ("saasNewCustomizedPlans", absolute("mine", basePlan=PLAN, newPlanDetails={"name": "n", "description": "d"})),
        ("vmSoftwareReservations", absolute("mine", basePlan=PLAN)),
        ("newCustomizedPlans", absolute("mine", basePlan=PLAN, newPlanDetails={"name": "n", "description": "d"})),
    ],
)
def test_a_multiparty_offer_by_its_originator(
    ingestion: Caller, sandbox_clock: FakeClock, schema: str, pricing_type: str, item: JsonObject
) -> None:
    reservation = {"reservationDuration": {"type": "year", "value": 1}}
    prices = [price("mine", offerPricingType=pricing_type, softwareReservation=reservation)]
    offer = {"schema": schema, **multiparty_offer(pricing_type, pricing=[item])}
    assert outcome_of(ingestion, sandbox_clock, post(ingestion, JULY_2023, *prices, offer)) == "succeeded"


@pytest.mark.parametrize("schema", ["private-offer", "private-offer-mpo-channel-partner"])
@pytest.mark.parametrize(
    "fields", [{}, {"originatorPricing": [PERCENTAGE], "markupPercentage": 2.5}], ids=["in the item", "beside it"]
)
def test_the_completion_of_a_multiparty_offer_by_the_selling_partner(
    ingestion: Caller, sandbox_clock: FakeClock, schema: str, fields: JsonObject
) -> None:
    answer = post(ingestion, JULY_2023, {"schema": schema, **completion(**fields)})
    sandbox_clock.advance(60)
    offer = ingestion.get(f"configure/{answer['jobId']}").json()["resources"][0]
    assert (offer["privateOfferType"], offer["subState"]) == (
        "multipartyPromotionChannelPartner",
        "pendingAcceptance",
    )
    assert "pricing" not in offer


def test_the_selling_partner_completes_the_originators_offer_by_its_id(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(multiparty_offer("editExistingOfferPricingOnly"))
    answer = post(ingestion, JULY_2023, completion(id=f"private-offer/{offer_id}"))
    assert outcome_of(ingestion, sandbox_clock, answer) == "succeeded"
    offer = ingestion.get(f"private-offer/{offer_id}").json()
    assert offer["originatorPricing"][0]["markupPercentage"] == 1.0
    assert "pricing" not in offer


def test_an_offer_that_is_posted_back_as_it_was_read(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(state="draft")
    offer = ingestion.get(f"private-offer/{offer_id}").json()
    answer = ingestion.configure({**offer, "state": "live", "preparedBy": None})
    assert answer.status_code == 200, answer.text
    assert outcome_of(ingestion, sandbox_clock, answer.json()) == "succeeded"


def test_an_envelope_without_a_schema(ingestion: Caller) -> None:
    offer = {"$schema": f"{HOST}/private-offer/2023-07-15", **offer_for_customer(JULY_2023)}
    assert ingestion.post("configure", {"resources": [offer]}).status_code == 200
