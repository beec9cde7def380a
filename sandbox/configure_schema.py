"""The schema that a POST configure body must follow: the documented rules of upstream-api A7 and A10."""

import re
from collections.abc import Iterator
from datetime import date

from sandbox.answers import JsonObject
from sandbox.private_offers import OFFER_SCHEMA, PRICE_SCHEMA, PRIVATE_OFFER_TYPES

KNOWN_OFFER_VERSIONS = ("2022-07-01", "2023-07-15", "2024-09-30", "2026-02-01")
STATES = ("draft", "live", "withdrawn", "deleted")
PRICING_TYPES = (
    "editExistingOfferPricingOnly",
    "saasNewCustomizedPlans",
    "newCustomizedPlans",
    "vmSoftwareReservations",
)
NAME_PATTERN = re.compile(r"[^!<>^\[\]@#%/\x00-\x1F\x7E-\xFF]{1,128}")
DURABLE_ID_PATTERN = re.compile(r"private-offer/[a-z0-9-]+")
EMAIL_PATTERN = re.compile(r"[^@\s]+@[^@\s]+")
MAX_CONTACTS = 5
MAX_CSP_BENEFICIARIES = 150
MAX_PRICING_ITEMS = 10


def is_private_offer(resource: object) -> bool:
    """Whether a resource is a private offer, by its schema."""
    return isinstance(resource, dict) and "schema/private-offer/" in str(resource.get("$schema"))


def errors_of_body(body: object) -> list[JsonObject]:
    """Every fault of a configure body, as the `details` of a 400."""
    if not isinstance(body, dict) or not isinstance(body.get("resources"), list) or not body["resources"]:
        return [_error(None, "'resources' must be a list that is not empty.")]
    if "/configure/" not in str(body.get("$schema")):
        return [_error(None, "'$schema' must name a version of the configure schema.")]
    errors: list[JsonObject] = []
    for resource in body["resources"]:
        if is_private_offer(resource):
            errors += [_error(_name_of(resource), fault) for fault in _faults_of_offer(resource)]
        elif not isinstance(resource, dict) or PRICE_SCHEMA not in str(resource.get("$schema")):
            errors.append(
                _error(_name_of(resource), "Invalid resource: the schema could not be found.", "invalidResource")
            )
    offers = sum(is_private_offer(resource) for resource in body["resources"])
    if offers != 1 and not errors:
        errors.append(_error(None, "The sandbox takes exactly one private offer per request."))
    return errors


def _faults_of_offer(offer: JsonObject) -> Iterator[str]:
    version = str(offer["$schema"]).strip().removeprefix(f"{OFFER_SCHEMA}/")
    if version not in KNOWN_OFFER_VERSIONS:
        yield f"Invalid resource: the schema {offer['$schema']} could not be found."
        return
    if not isinstance(offer.get("name"), str) or not NAME_PATTERN.fullmatch(offer["name"]):
        yield "'name' is required: at most 128 characters, without ! < > ^ [ ] @ # % /."
    kinds = {kind.lower(): kind for kind in PRIVATE_OFFER_TYPES}
    kind = kinds.get(str(offer.get("privateOfferType")).lower())
    if kind is None:
        yield f"'privateOfferType' must be one of {', '.join(PRIVATE_OFFER_TYPES)}."
    state = str(offer.get("state")).lower()
    if state not in STATES:
        yield f"'state' must be one of {', '.join(STATES)}."
    if "id" in offer and not DURABLE_ID_PATTERN.fullmatch(str(offer["id"])):
        yield "'id' must be a durable id: private-offer/<id>, in lower case."
    if "id" not in offer and state in ("withdrawn", "deleted"):
        yield f"'id' is required when 'state' is '{state}'."
    if "upgradedFrom" in offer and not isinstance(offer["upgradedFrom"], dict):
        yield "'upgradedFrom' must hold 'name' and 'id'."
    if state in ("draft", "live"):
        yield from _faults_of_terms(offer, kind or PRIVATE_OFFER_TYPES[0], state, version)
        yield from _faults_of_people(offer, kind or PRIVATE_OFFER_TYPES[0], state)
        yield from _faults_of_pricing(offer, state)


def _faults_of_terms(offer: JsonObject, kind: str, state: str, version: str) -> Iterator[str]:
    if version != KNOWN_OFFER_VERSIONS[0] and offer.get("offerPricingType") not in PRICING_TYPES:
        yield f"'offerPricingType' must be one of {', '.join(PRICING_TYPES)}."
    for name in ("start", "end", "acceptBy"):
        if name in offer and not _is_date(offer[name]):
            yield f"'{name}' must be a date: YYYY-MM-DD."
    starts_on_acceptance = offer.get("variableStartDate") is True
    if starts_on_acceptance and "start" in offer:
        yield "'start' must be absent when 'variableStartDate' is true."
    if kind == "cspPromotion" and "acceptBy" in offer:
        yield "'acceptBy' is not allowed for cspPromotion."
    if kind == "cspPromotion" and "termsAndConditionsDocSasUrl" in offer:
        yield "'termsAndConditionsDocSasUrl' is not allowed for cspPromotion."
    if state != "live" or "id" in offer:
        return
    if not starts_on_acceptance and "start" not in offer:
        yield "'start' is required unless 'variableStartDate' is true."
    if "end" not in offer:
        yield "'end' is required for a live private offer."
    if kind != "cspPromotion" and "acceptBy" not in offer:
        yield "'acceptBy' is required for a live private offer."


def _faults_of_people(offer: JsonObject, kind: str, state: str) -> Iterator[str]:
    if "preparedBy" in offer and not EMAIL_PATTERN.fullmatch(str(offer["preparedBy"])):
        yield "'preparedBy' must be an e-mail address."
    contacts = offer.get("notificationContacts", [])
    if not isinstance(contacts, list) or len(contacts) > MAX_CONTACTS:
        yield f"'notificationContacts' holds at most {MAX_CONTACTS} e-mail addresses."
    beneficiaries = offer.get("beneficiaries", [])
    limit = MAX_CSP_BENEFICIARIES if kind == "cspPromotion" else 1
    if not isinstance(beneficiaries, list) or len(beneficiaries) > limit:
        yield f"'beneficiaries' holds at most {limit} for {kind}."
    elif any(not isinstance(beneficiary, dict) or not beneficiary.get("id") for beneficiary in beneficiaries):
        yield "Every beneficiary needs an 'id'."
    upgrade_or_known = "id" in offer or "upgradedFrom" in offer
    if state == "live" and not beneficiaries and not upgrade_or_known:
        yield "'beneficiaries' is required for a live private offer."
    if kind.startswith("multiparty") and len(offer.get("partners", [])) != 1 and "id" not in offer:
        yield "'partners' must name one partner for a multiparty private offer."


def _faults_of_pricing(offer: JsonObject, state: str) -> Iterator[str]:
    pricing = offer.get("pricing", [])
    if not isinstance(pricing, list) or len(pricing) > MAX_PRICING_ITEMS:
        yield f"'pricing' holds at most {MAX_PRICING_ITEMS} items."
        return
    if state == "live" and not pricing and "id" not in offer:
        yield "'pricing' is required for a live private offer."
    for position, item in enumerate(pricing):
        if not isinstance(item, dict) or not str(item.get("product", "")).startswith("product/"):
            yield f"pricing[{position}].product must be a durable id: product/<guid>."
        elif item.get("discountType") not in ("percentage", "absolute"):
            yield f"pricing[{position}].discountType must be percentage or absolute."
        elif item["discountType"] == "percentage" and not _is_percentage(item.get("discountPercentage")):
            yield f"pricing[{position}].discountPercentage must be a number from 0.01 to 100."
        elif item["discountType"] == "absolute" and "priceDetails" not in item:
            yield f"pricing[{position}].priceDetails is required for an absolute price."


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and len(value) == len("2027-01-31") and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_percentage(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.01 <= value <= 100


def _name_of(resource: object) -> object:
    """What the service calls a resource in its errors: its id, or the name given in the request."""
    if not isinstance(resource, dict):
        return None
    if "id" in resource:
        return resource["id"]
    return {"resourceName": resource["resourceName"]} if "resourceName" in resource else None


def _error(resource_id: object, message: str, code: str = "schemaValidationError") -> JsonObject:
    error: JsonObject = {"code": code, "message": message, "details": []}
    return {"resourceId": resource_id, **error} if resource_id else error
