"""Private offers and their prices: what Partner Center stores, and its form in each schema version.

docs/upstream.md, quirks 10, 14 and 20, has the evidence for the forms.
"""

import copy
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import Any
from uuid import uuid4

from sandbox.answers import YEAR_ONE_DATE, JsonObject, date_only
from sandbox.schemas import MULTIPARTY_RELEASE, OFFER, PRICE, SCHEMA_BASE, age, newest_version

PRIVATE_OFFER_TYPES = (
    "customerPromotion",
    "cspPromotion",
    "multipartyPromotionOriginator",
    "multipartyPromotionChannelPartner",
)
OLD_NULLS = (
    "schema",
    "resourceName",
    "validations",
    "upgradedFrom",
    "acceptanceLinks",
    "termsAndConditionsDocSasUrl",
)
PRICING_LISTS = ("pricing", "originatorPricing")
ETAG_NAMES = ("eTag", "_etag")  # quirk 14: the second is that of the old form


def bare_id(durable_id: str) -> str:
    """The `<id>` of `private-offer/<id>` or of `<id>`."""
    return durable_id.removeprefix("private-offer/")


def new_etag() -> str:
    """An `eTag` that no offer had before. The quotes are part of the value (quirk 10)."""
    return f'"{uuid4()}"'


def state_when_withdrawn(offer: JsonObject) -> str:
    """Partner Center shows a withdrawn customer or multiparty offer as a draft."""
    return "withdrawn" if canonical_type(offer["privateOfferType"]) == "cspPromotion" else "draft"


def canonical_type(private_offer_type: object) -> str | None:
    """The type in the schema's spelling, or None if it is unknown.

    The documentation also prints `multiParty...` with a capital P (quirk 9), in a request and in an answer. A client
    that posts back an answer sends that spelling.
    """
    text = str(private_offer_type).replace("multiParty", "multiparty")
    return text if text in PRIVATE_OFFER_TYPES else None


class PrivateOfferStore:
    """Private offers by bare id, in the form of 2023-07-15, and the price resources that they refer to."""

    def __init__(self) -> None:
        self._offers: dict[str, JsonObject] = {}
        self._prices: dict[str, JsonObject] = {}
        self._price_numbers = count(62_000_001)
        self._lists_left_out: dict[str, int] = {}  # how many more readings of the list an offer is left out of
        self._left_out: set[str] = set()  # of the current reading

    def find(self, offer_id: str) -> JsonObject | None:
        """The stored offer itself, not a copy; None if it is unknown or deleted."""
        return self._offers.get(bare_id(offer_id).lower())

    def all(self) -> list[JsonObject]:
        """Every offer, oldest first."""
        return list(self._offers.values())

    def listed(self, *, from_start: bool) -> list[JsonObject]:
        """The offers in the list, oldest first. `from_start` begins a new reading, to which later pages belong."""
        if from_start:
            self._left_out = {offer_id for offer_id, lists in self._lists_left_out.items() if lists > 0}
            self._lists_left_out = {offer_id: self._lists_left_out[offer_id] - 1 for offer_id in self._left_out}
        return [offer for offer_id, offer in self._offers.items() if offer_id not in self._left_out]

    def leave_out(self, offer_id: str, lists: int) -> bool:
        """Leaves an offer out of the next readings of the list. False if it is unknown."""
        known = self.find(offer_id) is not None
        if known:
            self._lists_left_out[bare_id(offer_id).lower()] = lists
        return known

    def change(self, offer: JsonObject, members: Mapping[str, object], now: datetime) -> None:
        """Changes members of a stored offer, as they are; None removes one. `eTag` and `lastModified` are new."""
        offer |= {"lastModified": date_only(now), "eTag": new_etag(), **members}
        for name in [name for name, value in offer.items() if value is None]:
            del offer[name]

    def find_price(self, durable_id: str) -> JsonObject | None:
        """The price resource with this durable id."""
        return self._prices.get(durable_id)

    def prices_of(self, offer: JsonObject) -> list[JsonObject]:
        """The price resources that the offer's absolute prices refer to."""
        items = [item for name in PRICING_LISTS for item in offer.get(name, [])]
        ids = [item["priceDetails"] for item in items if isinstance(item.get("priceDetails"), str)]
        return [self._prices[durable_id] for durable_id in ids if durable_id in self._prices]

    def put(
        self, resource: JsonObject, now: datetime, *, prices: Mapping[str, JsonObject] | None = None
    ) -> JsonObject:
        """Stores a resource like the service: fills in the read-only fields and drops `resourceName`.

        `prices` are the price resources of the same request by their `resourceName`.
        """
        offer = copy.deepcopy(resource)
        offer_id = bare_id(str(offer.pop("id", None) or uuid4())).lower()
        offer.pop("resourceName", None)
        offer.pop("$schema", None)
        stored = {
            "$schema": f"{SCHEMA_BASE}/{OFFER}/{MULTIPARTY_RELEASE}",
            "id": f"private-offer/{offer_id}",
            **offer,
            "lastModified": date_only(now),
            "eTag": new_etag(),
        }
        stored.setdefault("offerPricingType", "editExistingOfferPricingOnly")
        _fill_in_acceptance(stored, offer_id)
        self._fill_in_pricing(stored, prices or {})
        self._offers[offer_id] = stored
        return stored

    def delete(self, offer_id: str) -> None:
        """Removes the offer; later requests for it get 404."""
        self._offers.pop(bare_id(offer_id).lower(), None)

    def _fill_in_pricing(self, offer: JsonObject, prices: Mapping[str, JsonObject]) -> None:
        for name in PRICING_LISTS:
            for number, item in enumerate(offer.get(name, []), start=1):
                item.setdefault("productName", f"Contoso Product {number}")
                if "plan" in item:
                    item.setdefault("planName", f"Plan {number}")
                if "discountPercentage" in item:
                    item["discountPercentage"] = float(item["discountPercentage"])
                if item.get("discountType") == "absolute":
                    item["priceDetails"] = self._put_price(item, offer, prices)

    def _put_price(self, item: JsonObject, offer: JsonObject, prices: Mapping[str, JsonObject]) -> str:
        """Stores the price to which an item refers, or an invented one, and returns its durable id."""
        product, reference = str(item["product"]), item.get("priceDetails")
        price = price_resource(product, item.get("plan") or item.get("basePlan"), offer["offerPricingType"])
        if isinstance(reference, str):  # a client posted back what it read
            self._prices.setdefault(reference, {**price, "id": reference})
            return reference
        durable_id = f"{PRICE}/{product.removeprefix('product/')}/{next(self._price_numbers)}"
        given = prices.get(str((reference or {}).get("resourceName")), {})
        kept = {name: value for name, value in given.items() if name not in ("resourceName", "$schema")}
        self._prices[durable_id] = {**price, **kept, "id": durable_id}
        return durable_id


def price_resource(product: str, plan: object, offer_pricing_type: str) -> JsonObject:
    """The prices of a public plan, which a client reads, edits and posts with a private offer."""
    month, year = {"type": "month", "value": 1}, {"type": "year", "value": 1}
    return {
        "$schema": f"{SCHEMA_BASE}/{PRICE}/{MULTIPARTY_RELEASE}",
        "product": product,
        "plan": plan,
        "offerPricingType": offer_pricing_type,
        "pricing": {
            "recurrentPrice": {
                "priceInputOption": "usd",
                "prices": [
                    {"pricePerPaymentInUsd": 99.0, "billingTerm": month},
                    {"pricePerPaymentInUsd": 89.0, "paymentOption": month, "billingTerm": year},
                ],
            }
        },
    }


def _fill_in_acceptance(offer: JsonObject, offer_id: str) -> None:
    """A live offer that must be accepted has a substate and links; other offers have neither."""
    if offer.get("state") != "live":
        offer.pop("subState", None)
        offer.pop("acceptanceLinks", None)
        return
    if str(offer["privateOfferType"]).lower() == "csppromotion":
        return
    offer.setdefault("subState", "pendingAcceptance")
    links = [
        {
            "beneficiaryId": beneficiary["id"],
            "link": f"https://portal.azure.example/privateoffers/{offer_id}/accept?sig=sandbox-{uuid4().hex}",
        }
        for beneficiary in offer.get("beneficiaries", [])
    ]
    offer.setdefault("acceptanceLinks", links)


def written_for(offer: JsonObject, ceiling: str | None) -> JsonObject | None:
    """The offer in its newest form up to the version `ceiling` (quirk 21); None if all forms are newer."""
    version = newest_version(OFFER, ceiling)
    if version is None:
        return None
    return copy.deepcopy(offer) if age(version) >= age(MULTIPARTY_RELEASE) else _in_old_form(offer, version)


def _in_old_form(offer: JsonObject, version: str) -> JsonObject:
    """The form up to 2022-07-01: PascalCase values, `_etag`, nulls, a year-1 `lastModified`, more pricing fields."""
    old: dict[str, Any] = dict.fromkeys(OLD_NULLS)
    old |= copy.deepcopy(offer)
    old.pop("offerPricingType", None)
    old["$schema"] = f"{SCHEMA_BASE}/{OFFER}/{version}"
    old["_etag"] = old.pop("eTag", None)
    old["lastModified"] = YEAR_ONE_DATE
    for item in old.get("pricing", []):
        item["featureAvailabilityId"] = None
        item["availabilityInstanceId"] = None
    return in_pascal_case(old)


def in_pascal_case(offer: JsonObject) -> JsonObject:
    """The offer with `Live` instead of `live`, and so on, as one version and another differ (quirk 14)."""
    prices = [item for name in PRICING_LISTS for item in offer.get(name, []) if isinstance(item, dict)]
    for item in (offer, *prices):
        for name in ("state", "subState", "privateOfferType", "offerPricingType", "discountType"):
            if isinstance(item.get(name), str):
                item[name] = _pascal(item[name])
    return offer


def with_misprints(offer: JsonObject) -> JsonObject:
    """The offer with two of the documentation's misprints: a space in `$schema`, a capital in the type."""
    kind = str(offer["privateOfferType"]).replace("multiparty", "multiParty")
    return {**offer, "$schema": str(offer["$schema"]).replace("offer/", "offer/ "), "privateOfferType": kind}


def _pascal(value: str) -> str:
    return value[:1].upper() + value[1:]


def summary(offer: JsonObject) -> JsonObject:
    """A written offer as in the list: without pricing, contacts and links."""
    shown = ("$schema", "id", "name", "privateOfferType", "offerPricingType", "state", "subState", "lastModified")
    kept = (*shown, "start", "end", "acceptBy", *ETAG_NAMES)
    return {name: offer[name] for name in kept if name in offer}
