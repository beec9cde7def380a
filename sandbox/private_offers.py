"""Private offers: the resources that Partner Center holds, and how each schema version writes them (A6, A7)."""

import copy
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import uuid4

from sandbox.answers import JsonObject
from sandbox.timestamps import YEAR_ONE_DATE, date_only

OFFER_SCHEMA = "https://schema.mp.microsoft.com/schema/private-offer"
PRICE_SCHEMA = "https://schema.mp.microsoft.com/schema/price-and-availability-private-offer-plan"
OLD_VERSION = "2022-07-01"
NEW_VERSION = "2023-07-15"
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


def bare_id(durable_id: str) -> str:
    """`private-offer/<id>` or `<id>` as `<id>`."""
    return durable_id.removeprefix("private-offer/")


def new_etag() -> str:
    """Cosmos-style, with quotes inside the string (C10)."""
    return f'"{uuid4()}"'


class PrivateOfferStore:
    """Private offers by bare id, in the form of 2023-07-15."""

    def __init__(self) -> None:
        self._offers: dict[str, JsonObject] = {}

    def find(self, offer_id: str) -> JsonObject | None:
        """The stored offer itself; a deleted one is gone."""
        return self._offers.get(bare_id(offer_id).lower())

    def all(self) -> list[JsonObject]:
        """Every offer, oldest first."""
        return list(self._offers.values())

    def put(self, resource: JsonObject, now: datetime) -> JsonObject:
        """Stores a resource as the service would: read-only fields filled in, `resourceName` forgotten."""
        offer = copy.deepcopy(resource)
        offer_id = bare_id(str(offer.pop("id", None) or uuid4())).lower()
        offer.pop("resourceName", None)
        offer.pop("$schema", None)
        stored = {
            "$schema": f"{OFFER_SCHEMA}/{NEW_VERSION}",
            "id": f"private-offer/{offer_id}",
            **offer,
            "lastModified": date_only(now),
            "eTag": new_etag(),
        }
        stored.setdefault("offerPricingType", "editExistingOfferPricingOnly")
        _fill_in_read_only_fields(stored, offer_id)
        self._offers[offer_id] = stored
        return stored

    def delete(self, offer_id: str) -> None:
        """Removes the offer; later requests for it are answered 404."""
        self._offers.pop(bare_id(offer_id).lower(), None)


def _fill_in_read_only_fields(offer: JsonObject, offer_id: str) -> None:
    customer_like = str(offer["privateOfferType"]).lower() != "csppromotion"
    if offer.get("state") == "live" and customer_like:
        offer.setdefault("subState", "pendingAcceptance")
        offer.setdefault(
            "acceptanceLinks",
            [
                {
                    "beneficiaryId": beneficiary["id"],
                    "link": f"https://portal.azure.example/privateoffers/{offer_id}/accept?sig=sandbox-{uuid4().hex}",
                }
                for beneficiary in offer.get("beneficiaries", [])
            ],
        )
    elif offer.get("state") != "live":
        offer.pop("subState", None)
        offer.pop("acceptanceLinks", None)
    for number, item in enumerate(offer.get("pricing", []), start=1):
        item.setdefault("productName", f"Contoso Product {number}")
        if "plan" in item:
            item.setdefault("planName", f"Plan {number}")
        if "discountPercentage" in item:
            item["discountPercentage"] = float(item["discountPercentage"])
        if item.get("discountType") == "absolute":
            product = str(item["product"]).removeprefix("product/")
            item["priceDetails"] = f"price-and-availability-private-offer-plan/{product}/{62_000_000 + number}"


def price_resources(offer: JsonObject) -> list[JsonObject]:
    """The absolute-price resources that the offer's pricing names."""
    return [
        {
            "$schema": f"{PRICE_SCHEMA}/{NEW_VERSION}",
            "id": item["priceDetails"],
            "product": item["product"],
            "plan": item.get("plan"),
            "offerPricingType": offer["offerPricingType"],
            "pricing": {"recurrentPrice": {"priceInputOption": "usd", "prices": [{"pricePerPaymentInUsd": 99.0}]}},
        }
        for item in offer.get("pricing", [])
        if isinstance(item.get("priceDetails"), str)
    ]


def written_for(offer: JsonObject, version: str) -> JsonObject:
    """The offer in the newest form that is not newer than `version` (A2, "ceiling")."""
    return _in_old_form(offer) if version < NEW_VERSION else copy.deepcopy(offer)


def _in_old_form(offer: JsonObject) -> JsonObject:
    """2022-07-01: PascalCase values, `_etag`, explicit nulls, a year-1 `lastModified`, pricing extras (A6)."""
    old: dict[str, Any] = dict.fromkeys(OLD_NULLS)
    old |= copy.deepcopy(offer)
    old.pop("offerPricingType", None)
    old["$schema"] = f"{OFFER_SCHEMA}/{OLD_VERSION}"
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
    """The offer with two slips of the documentation: a space inside `$schema`, a capital inside the type."""
    kind = str(offer["privateOfferType"]).replace("multiparty", "multiParty")
    return {**offer, "$schema": str(offer["$schema"]).replace("offer/", "offer/ "), "privateOfferType": kind}


def _pascal(value: str) -> str:
    return value[:1].upper() + value[1:]


def summaries(offers: Iterable[JsonObject], version: str) -> list[JsonObject]:
    """The offers as the list shows them: without pricing, contacts and links."""
    shown = ("$schema", "id", "name", "privateOfferType", "offerPricingType", "state", "subState", "lastModified")
    rows = []
    for offer in offers:
        written = written_for(offer, version)
        kept = (*shown, "start", "end", "acceptBy", "eTag", "_etag")
        rows.append({name: written[name] for name in kept if name in written})
    return rows
