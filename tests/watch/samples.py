"""Private offers as upstream sends them."""

from typing import Any

from shared.json_codec import dumps
from shared.watch.offer import WatchedOffer, watched_offer

OFFER_ID = "aaaaaaaa-0000-4000-8000-000000000001"


def private_offer(**members: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """A live customer offer that waits for acceptance, with `members` changed."""
    return {
        "$schema": "https://schema.mp.microsoft.com/schema/private-offer/2023-07-15",
        "id": f"private-offer/{OFFER_ID}",
        "name": "Renewal 2027",
        "privateOfferType": "customerPromotion",
        "offerPricingType": "editExistingOfferPricingOnly",
        "variableStartDate": True,
        "acceptBy": "2026-12-31",
        "end": "2027-01-31",
        "state": "live",
        "subState": "pendingAcceptance",
        "beneficiaries": [{"id": "b:1", "description": "Customer A"}],
        "pricing": [
            {"product": "product/1", "plan": "plan/1/a", "discountType": "percentage", "discountPercentage": 5.0},
            {"product": "product/1", "plan": "plan/1/b", "discountType": "percentage", "discountPercentage": 7.5},
        ],
        "lastModified": "2026-05-01",
        "eTag": '"1"',
        **members,
    }


def without(offer: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in offer.items() if name not in names}


def watched(offer: dict[str, Any] | None = None, **members: Any) -> WatchedOffer:  # noqa: ANN401 - any JSON value
    """`offer`, or else the sample with `members` changed, as the watch reads it."""
    return watched_offer(dumps(private_offer(**members) if offer is None else offer).encode())
