"""The rules for a private-offer resource of a configure request, with a message for each fault.

They come from Microsoft's JSON schema private-offer/2023-07-15 as public guides quote it, from the documentation's
prose, and from its sample requests of June 2022, July 2022 and 2023. Where these disagree, the sample requests win
(docs/upstream.md, quirk 23).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sandbox.answers import JsonObject
from sandbox.private_offers import PRICING_LISTS, PRIVATE_OFFER_TYPES, canonical_type
from sandbox.schemas import FIRST_RELEASE, MULTIPARTY_RELEASE, PREVIEW, PRICE, age

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
MAX_DOCUMENTS = 5
MAX_NOTES_CHARACTERS = 60
MAX_PRICING_ITEMS = 10
CHANNEL_PARTNER = "multipartyPromotionChannelPartner"
CSP = "cspPromotion"
LISTS = (
    *("beneficiaries", "notificationContacts", "partners", *PRICING_LISTS),
    *("termsAndConditionsDocs", "originatorTermsAndConditionsDocs"),
)


@dataclass(frozen=True)
class OfferRequest:
    """A private-offer resource of a configure request."""

    offer: JsonObject  # without its nulls
    version: str
    type: str  # in the schema's spelling; customerPromotion if the offer names none
    price_names: frozenset[str]  # the `resourceName` of each price resource in the request

    @property
    def live(self) -> bool:
        """Whether the offer is submitted, not only saved."""
        return self.offer.get("state") == "live"

    @property
    def complete(self) -> bool:
        """Whether the request must be complete, because it does not build on an existing offer."""
        return not {"id", "upgradedFrom"} & self.offer.keys()


def faults_of_offer(request: OfferRequest, type_of_schema: str | None) -> Iterator[str]:
    """Every fault of the offer. `type_of_schema` is the type that its schema implies, if any."""
    yield from _faults_of_identity(request, type_of_schema)
    not_lists = [name for name in LISTS if not isinstance(request.offer.get(name, []), list)]
    yield from (f"'{name}' must be a list." for name in not_lists)
    if request.offer.get("state") in ("draft", "live") and not not_lists:
        yield from _faults_of_terms(request)
        yield from _faults_of_people(request)
        yield from _faults_of_documents(request)
        yield from _faults_of_pricing(request)


def _faults_of_identity(request: OfferRequest, type_of_schema: str | None) -> Iterator[str]:
    offer, state = request.offer, request.offer.get("state")
    ends = state in ("withdrawn", "deleted")
    nameless = request.version == PREVIEW and ends  # as in the sample request of June 2022
    name = offer.get("name")
    if not (name is None and nameless) and not (isinstance(name, str) and NAME_PATTERN.fullmatch(name)):
        yield "'name' is required: at most 128 characters, without ! < > ^ [ ] @ # % /."
    given = offer.get("privateOfferType")
    typeless = type_of_schema is not None or (age(request.version) <= age(FIRST_RELEASE) and ends)
    if (given is None and not typeless) or (given is not None and canonical_type(given) is None):
        yield f"'privateOfferType' must be one of {', '.join(PRIVATE_OFFER_TYPES)}."
    elif given is not None and type_of_schema not in (None, canonical_type(given)):
        yield f"'privateOfferType' must be {type_of_schema} in this schema."
    if state not in STATES:
        yield f"'state' must be one of {', '.join(STATES)}."
    elif state == "deleted" and request.type == CHANNEL_PARTNER:
        yield "'state' must not be deleted: only the originator can delete a multiparty private offer."
    if "id" in offer and not DURABLE_ID_PATTERN.fullmatch(str(offer["id"])):
        yield "'id' must be a durable id: private-offer/<id>, in lower case."
    if "id" not in offer and ends:
        yield f"'id' is required when 'state' is '{state}'."
    base = offer.get("upgradedFrom")
    if base is not None and not (isinstance(base, dict) and isinstance(base.get("id"), str)):
        yield "'upgradedFrom' must contain 'name' and 'id'."


def _faults_of_terms(request: OfferRequest) -> Iterator[str]:
    offer = request.offer
    # The schema requires the pricing type, but Microsoft's own sample request for a reseller's offer has none.
    optional = age(request.version) < age(MULTIPARTY_RELEASE) or request.type == CSP
    if offer.get("offerPricingType", None if not optional else PRICING_TYPES[0]) not in PRICING_TYPES:
        yield f"'offerPricingType' must be one of {', '.join(PRICING_TYPES)}."
    for name in ("start", "end", "acceptBy"):
        if name in offer and not _is_date(offer[name]):
            yield f"'{name}' must be a date: YYYY-MM-DD."
    variable = offer.get("variableStartDate")
    if variable is not None and not isinstance(variable, bool):
        yield "'variableStartDate' must be true or false."
    if variable is True and "start" in offer:
        yield "'start' must be absent when 'variableStartDate' is true."
    if variable is False and "start" not in offer:
        yield "'start' is required unless 'variableStartDate' is true."
    if request.type == CSP:
        for name in ("acceptBy", "termsAndConditionsDocSasUrl"):
            if name in offer:
                yield f"'{name}' is not allowed for cspPromotion."
    if not request.live or "id" in offer or request.type == CHANNEL_PARTNER:
        return
    if "end" not in offer:
        yield "'end' is required for a live private offer."
    if request.type != CSP and "acceptBy" not in offer:
        yield "'acceptBy' is required for a live private offer."


def _faults_of_people(request: OfferRequest) -> Iterator[str]:
    offer, kind = request.offer, request.type
    if "preparedBy" in offer and not _is_email(offer["preparedBy"]):
        yield "'preparedBy' must be an e-mail address."
    elif "preparedBy" not in offer and kind == CHANNEL_PARTNER and request.live:
        yield "'preparedBy' is required from the selling partner."
    contacts = offer.get("notificationContacts", [])
    if len(contacts) > MAX_CONTACTS or not all(map(_is_email, contacts)):
        yield f"'notificationContacts' must contain at most {MAX_CONTACTS} e-mail addresses."
    beneficiaries = offer.get("beneficiaries", [])
    limit = MAX_CSP_BENEFICIARIES if kind == CSP else 1
    if len(beneficiaries) > limit:
        yield f"'beneficiaries' must contain at most {limit} for {kind}."
    elif any(not isinstance(beneficiary, dict) or not beneficiary.get("id") for beneficiary in beneficiaries):
        yield "Every beneficiary needs an 'id'."
    else:
        yield from _faults_of_recipients(beneficiaries, "cspCustomer" if kind == CSP else "billingGroup")
    if request.live and request.complete and not beneficiaries and kind != CHANNEL_PARTNER:
        yield "'beneficiaries' is required for a live private offer."
    partners = offer.get("partners", [])
    if kind == "multipartyPromotionOriginator" and "id" not in offer and len(partners) != 1:
        yield "'partners' must name one partner for a multiparty private offer."


def _faults_of_recipients(beneficiaries: list[JsonObject], wanted: str) -> Iterator[str]:
    lists = [beneficiary.get("beneficiaryRecipients") or [] for beneficiary in beneficiaries]
    if not all(isinstance(each, list) for each in lists):
        yield "'beneficiaryRecipients' must be a list."
        return
    recipients = [recipient for each in lists for recipient in each]
    if any(not isinstance(each, dict) or each.get("recipientType", wanted) != wanted for each in recipients):
        yield f"'recipientType' of a beneficiary's recipient must be {wanted}."


def _faults_of_documents(request: OfferRequest) -> Iterator[str]:
    notes = request.offer.get("notes", "")
    if not isinstance(notes, str) or len(notes) > MAX_NOTES_CHARACTERS:
        yield f"'notes' must be a string of at most {MAX_NOTES_CHARACTERS} characters."
    names = ("termsAndConditionsDocs", "originatorTermsAndConditionsDocs")
    if sum(len(request.offer.get(name, [])) for name in names) > MAX_DOCUMENTS:
        yield f"'{names[0]}' and '{names[1]}' must contain at most {MAX_DOCUMENTS} documents together."


def _faults_of_pricing(request: OfferRequest) -> Iterator[str]:
    offer, kind = request.offer, request.type
    for name in PRICING_LISTS:
        items = offer.get(name, [])
        if len(items) > MAX_PRICING_ITEMS:
            yield f"'{name}' must contain at most {MAX_PRICING_ITEMS} items."
            continue
        for position, item in enumerate(items):
            yield from (f"{name}[{position}]{fault}" for fault in _faults_of_item(item, request))
    if kind == CHANNEL_PARTNER:
        markups = [offer, *(item for name in PRICING_LISTS for item in offer.get(name, []) if isinstance(item, dict))]
        if request.live and not any("markupPercentage" in holder for holder in markups):
            yield "'markupPercentage' is required from the selling partner."
        elif not all(_is_number(holder.get("markupPercentage", 0), minimum=0) for holder in markups):
            yield "'markupPercentage' must be a number of 0 or more."
    elif request.live and request.complete and not offer.get("pricing"):
        yield "'pricing' is required for a live private offer."


def _faults_of_item(item: object, request: OfferRequest) -> Iterator[str]:
    if not isinstance(item, dict) or not str(item.get("product", "")).startswith("product/"):
        yield ".product must be a durable id: product/<guid>."
        return
    kind = item.get("discountType")
    if kind not in ("percentage", "absolute"):
        yield ".discountType must be percentage or absolute."
    elif kind == "percentage" and not _is_number(item.get("discountPercentage"), minimum=0.01, maximum=100):
        yield ".discountPercentage must be a number from 0.01 to 100."
    elif kind == "absolute":
        yield from _faults_of_price_details(item.get("priceDetails"), request.price_names)
    if "markupPercentage" in item and request.type in ("customerPromotion", CSP):
        yield f".markupPercentage is not allowed for {request.type}."
    details = item.get("newPlanDetails")
    reserved = request.offer.get("offerPricingType") == "vmSoftwareReservations"
    if reserved and isinstance(details, dict) and {"name", "description"} <= details.keys():
        yield ".newPlanDetails is not allowed for vmSoftwareReservations."


def _faults_of_price_details(details: object, price_names: frozenset[str]) -> Iterator[str]:
    if details is None:
        yield ".priceDetails is required for an absolute price."
    elif isinstance(details, dict):
        if str(details.get("resourceName")) not in price_names:
            yield f".priceDetails names '{details.get('resourceName')}', which is not a resource of this request."
    elif not str(details).startswith(f"{PRICE}/"):  # a durable id from an answer is accepted
        yield ".priceDetails must name a resource of this request."


def _is_email(value: object) -> bool:
    return isinstance(value, str) and EMAIL_PATTERN.fullmatch(value) is not None


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and len(value) == len("2027-01-31") and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_number(value: object, *, minimum: float, maximum: float = float("inf")) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and minimum <= value <= maximum
