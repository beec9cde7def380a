"""Private offers and their prices: what Partner Center stores, and its form in each schema version.

docs/upstream.md, quirks 10, 14 and 20, has the evidence for the forms.
"""

import copy
from collections.abc import Iterable, Mapping
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


def bare_id(durable_id: str) -> str:
    """The `<id>` of `private-offer/<id>` or of `<id>`."""
    return durable_id.removeprefix("private-offer/")


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

    def find(self, offer_id: str) -> JsonObject | None:
        """The stored offer itself, not a copy; None if it is unknown or deleted."""
        return self._offers.get(bare_id(offer_id).lower())

    def all(self) -> list[JsonObject]:
        """Every offer, oldest first."""
        return list(self._offers.values())

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
            "eTag": f'"{uuid4()}"',  # quirk 10: the quotes are part of the value
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
    for name in ("state", "subState", "privateOfferType"):
        if isinstance(old.get(name), str):
            old[name] = _pascal(old[name])
    for item in old.get("pricing", []):
        if isinstance(item.get("discountType"), str):
            item["discountType"] = _pascal(item["discountType"])
        item["featureAvailabilityId"] = None
        item["availabilityInstanceId"] = None
    return old


def with_misprints(offer: JsonObject) -> JsonObject:
    """The offer with two of the documentation's misprints: a space in `$schema`, a capital in the type."""
    kind = str(offer["privateOfferType"]).replace("multiparty", "multiParty")
    return {**offer, "$schema": str(offer["$schema"]).replace("offer/", "offer/ "), "privateOfferType": kind}


def _pascal(value: str) -> str:
    return value[:1].upper() + value[1:]


def summaries(written_offers: Iterable[JsonObject]) -> list[JsonObject]:
    """The offers as in the list: without pricing, contacts and links."""
    shown = ("$schema", "id", "name", "privateOfferType", "offerPricingType", "state", "subState", "lastModified")
    kept = (*shown, "start", "end", "acceptBy", "eTag", "_etag")
    return [{name: offer[name] for name in kept if name in offer} for offer in written_offers]
