"""The sample private offers and CPP offers. All names and ids are invented; all dates are relative to today."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

type JsonObject = dict[str, Any]

PUBLISHER = "contoso"
GATEWAY_OFFER = "contoso-gateway"
SENSOR_OFFER = "contoso-sensor-hub"
# WATCH_CPP_OFFERS: one whose draft differs from what is sold, and one that waits for the publisher.
WATCHED_CPP_OFFERS = f"{PUBLISHER}/{GATEWAY_OFFER},{PUBLISHER}/{SENSOR_OFFER}"

_SCHEMA = "https://schema.mp.microsoft.com/schema/private-offer/2023-07-15"
_FIELD_SERVICE = "d1f6a3b2-41c7-4e58-9a0d-7b2c8e5f6a10"
_GATEWAY = "f38c05d6-1a74-4e3b-9d20-6b7e408c9f30"
_PLANS = {
    "Gold": (_FIELD_SERVICE, "Contoso Field Service", "e27b94c5-0f63-4d2a-8c19-5a6d3f7b8e20"),
    "Silver": (_FIELD_SERVICE, "Contoso Field Service", "16f4b0c8-3d97-4a61-b2e5-9c0d7f3a1e52"),
    "Reserved": (_GATEWAY, "Contoso Gateway", "0a9d16e7-2b85-4f4c-8e31-7c8f519da040"),
}
_CUSTOMER = "customerPromotion"
_RESELLERS = "cspPromotion"
_THROUGH_PARTNER = "multipartyPromotionOriginator"
_BY_PARTNER = "multipartyPromotionChannelPartner"


@dataclass(frozen=True, kw_only=True)
class SampleOffer:
    """A private offer as it is when it is made. `accept_by` and `end` are days from today; None leaves them out."""

    name: str
    customer: str
    accept_by: int | None = 30
    end: int = 365
    kind: str = _CUSTOMER
    discounts: dict[str, float] = field(default_factory=lambda: {"Gold": 15.0})
    absolute: tuple[str, ...] = ()  # plans with a price of their own
    state: str = "live"
    sub_state: str | None = None
    upgrades: "SampleOffer | None" = None

    @property
    def offer_id(self) -> str:
        """The bare id: the same at each start."""
        return _invented_id(self.name)

    def resource(self, today: date, modified: date) -> JsonObject:
        """The offer as upstream has it."""
        own: JsonObject = {
            "$schema": _SCHEMA,
            "id": f"private-offer/{self.offer_id}",
            "name": self.name,
            "privateOfferType": self.kind,
            "offerPricingType": "editExistingOfferPricingOnly",
            "state": self.state,
            "variableStartDate": self.kind != _RESELLERS,
            "end": _day(today, self.end),
            "preparedBy": "amy@contoso.example",
            "notificationContacts": ["marketplace-ops@contoso.example"],
            "beneficiaries": [{"id": f"{_invented_id(self.customer)}:1_2019-05-31", "description": self.customer}],
            "lastModified": modified.isoformat(),
        }
        prices = "originatorPricing" if self.kind == _BY_PARTNER else "pricing"
        own[prices] = [_price(plan, discountPercentage=discount) for plan, discount in self.discounts.items()]
        own[prices] += [_price(plan) for plan in self.absolute]
        if self.kind == _RESELLERS:
            own["start"] = modified.isoformat()
        elif self.accept_by is not None:
            own["acceptBy"] = _day(today, self.accept_by)
        if self.kind in (_THROUGH_PARTNER, _BY_PARTNER):
            own["partners"] = [{"id": _invented_id("Adatum"), "partnerName": "Adatum", "location": "US"}]
        if self.sub_state is not None:
            own["subState"] = self.sub_state
        if self.upgrades is not None:
            own["upgradedFrom"] = {"name": self.upgrades.name, "id": f"private-offer/{self.upgrades.offer_id}"}
            own |= {"variableStartDate": False, "start": _day(today, self.upgrades.end + 1)}
        return own


WOODGROVE = SampleOffer(
    name="Field Service for Woodgrove Bank",
    customer="Woodgrove Bank",
    accept_by=1,
    discounts={"Gold": 22.5, "Silver": 10.0},
)
LITWARE = SampleOffer(name="Gateway bundle for Litware", customer="Litware", accept_by=6, absolute=("Reserved",))
PROSEWARE = SampleOffer(name="Pilot for Proseware", customer="Proseware", accept_by=20, end=5)
ADVENTURE_WORKS = SampleOffer(
    name="Bridge contract for Adventure Works", customer="Adventure Works", accept_by=15, end=25
)
ADVENTURE_WORKS_UPGRADE = SampleOffer(
    name="Two years for Adventure Works",
    customer="Adventure Works",
    accept_by=18,
    end=755,
    discounts={"Gold": 25.0, "Silver": 12.0},
    absolute=("Reserved",),
    upgrades=ADVENTURE_WORKS,
)
FABRIKAM = SampleOffer(
    name="Reseller margin for Fabrikam Cloud",
    customer="Fabrikam Cloud",
    end=200,
    kind=_RESELLERS,
    discounts={"Gold": 12.5, "Silver": 12.5},
)
TAILSPIN = SampleOffer(name="Reseller margin for Tailspin", customer="Tailspin Resale", kind=_RESELLERS)
WIDE_WORLD = SampleOffer(
    name="Field Service through Adatum for Wide World Importers",
    customer="Wide World Importers",
    accept_by=40,
    kind=_THROUGH_PARTNER,
    discounts={"Gold": 20.0},
    sub_state="pendingPartnerAction",
)
RESALE = SampleOffer(
    name="Resale by Adatum for Southridge Video", customer="Southridge Video", accept_by=26, kind=_BY_PARTNER
)
COHO = SampleOffer(name="Harvest offer for Coho Winery", customer="Coho Winery", accept_by=45, state="draft")
NORTHWIND = SampleOffer(name="Renewal for Northwind Traders", customer="Northwind Traders", accept_by=12)
FOURTH_COFFEE = SampleOffer(name="Renewal for Fourth Coffee", customer="Fourth Coffee", accept_by=21)
LUCERNE = SampleOffer(name="Spring offer for Lucerne Publishing", customer="Lucerne Publishing", accept_by=-3)
BELLOWS = SampleOffer(
    name="Site licence for Bellows College", customer="Bellows College", end=300, discounts={"Silver": 40.0}
)


def cpp_offers() -> list[JsonObject]:
    """The CPP offers, as `POST /sandbox/cpp-offers` takes them.

    The first is sold. Its preview has another title and a lower price, its draft also one more plan and region. The
    second waits for the publisher's review.
    """
    sold = _definition("Contoso Gateway", "Contoso Gateway", price=0.45, regions=["DE", "FR", "US"])
    title = "Contoso Gateway for Factories"
    preview = _definition("Contoso Gateway", title, price=0.39, regions=["DE", "FR", "US"])
    draft = _definition("Contoso Gateway", title, price=0.39, regions=["DE", "FR", "GB", "US"])
    draft["plans"].append(_plan("high-availability", "High availability", price=0.95, regions=["DE", "US"]))
    hub = _definition("Contoso Sensor Hub", "Contoso Sensor Hub", price=0.12, regions=["US"])
    slots = {"draft": draft, "preview": preview, "production": sold}
    return [
        {
            "publisherId": PUBLISHER,
            "offerId": GATEWAY_OFFER,
            "status": "succeeded",
            "slots": {slot: {"definition": definition} for slot, definition in slots.items()},
        },
        {
            "publisherId": PUBLISHER,
            "offerId": SENSOR_OFFER,
            "status": "waitingForPublisherReview",
            "fields": {"definition": hub},
        },
    ]


def _definition(name: str, title: str, *, price: float, regions: list[str]) -> JsonObject:
    return {
        "displayText": name,
        "offer": {
            "microsoft-azure-marketplace.title": title,
            "microsoft-azure-marketplace.summary": "Connects machines of any age to the cloud",
            "microsoft-azure-marketplace.leadDestination": "None",
        },
        "plans": [_plan("standard", "Standard", price=price, regions=regions)],
    }


def _plan(plan_id: str, title: str, *, price: float, regions: list[str]) -> JsonObject:
    return {
        "planId": plan_id,
        "microsoft-azure-virtualmachines.skuTitle": title,
        "virtualMachinePricing": {
            "isByol": False,
            "freeTrialDurationInMonths": 1,
            "coreMultiplier": {"currency": "USD", "single": price},
        },
        "regions": regions,
    }


def _price(plan: str, **discount: float) -> JsonObject:
    product, product_name, plan_id = _PLANS[plan]
    return {
        "product": f"product/{product}",
        "productName": product_name,
        "plan": f"plan/{product}/{plan_id}",
        "planName": plan,
        "discountType": "percentage" if discount else "absolute",
        **discount,
    }


def _day(today: date, days: int) -> str:
    return (today + timedelta(days=days)).isoformat()


def _invented_id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"https://contoso.example/{name}"))
