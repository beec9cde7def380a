"""CPP offers: publishers, their offers in three slots and several versions (upstream-api B3 to B5)."""

import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.answers import JsonObject
from sandbox.cpp_content import definition_of, operation_of, publishing_status_of
from sandbox.timestamps import seven_digits, trimmed, without_zone

OFFER_STATUSES = (
    "neverPublished",
    "notStarted",
    "waitingForPublisherReview",
    "running",
    "succeeded",
    "canceled",
    "failed",
)
SLOTS_BY_STATUS = {  # B3: a slot that was never reached is 404
    "succeeded": ("draft", "preview", "production"),
    "waitingForPublisherReview": ("draft", "preview"),
}
VERSION_BASE = 1_252_868_275
SAMPLE_PUBLISHER = "contoso"
PUBLISHER_WITHOUT_ACCESS = "fabrikam"


@dataclass
class CppOffer:
    """One offer: what each slot and each version shows, its publishing status and its operations."""

    offer_id: str
    publisher_id: str
    status: str
    slots: dict[str, JsonObject]
    versions: dict[int, JsonObject]
    publishing_status: JsonObject
    operations: list[JsonObject] = field(default_factory=list)

    @property
    def draft(self) -> JsonObject:
        """What a plain GET shows."""
        return self.slots["draft"]


class CppOfferStore:
    """Publishers and their offers. A publisher that nobody gave access to is 403, whether it exists or not."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._publishers: dict[str, dict[str, CppOffer]] = {}
        for number, status in enumerate(OFFER_STATUSES):
            kind = "microsoft-azure-corevm" if status == "running" else "microsoft-azure-virtualmachines"
            offer_id = f"contoso-{status.lower()}"
            self.add(
                SAMPLE_PUBLISHER, offer_id, status=status, offerTypeId=kind, versions=3 if number % 2 == 0 else 1
            )

    def publishers(self) -> list[str]:
        """The publishers that the account may see."""
        return list(self._publishers)

    def offers_of(self, publisher_id: str) -> dict[str, CppOffer] | None:
        """The offers of a publisher by id; None for a publisher without access."""
        return self._publishers.get(publisher_id.lower())

    def add(
        self, publisher_id: str, offer_id: str, *, status: str = "succeeded", versions: int = 3, **fields: object
    ) -> CppOffer:
        """Adds an offer in that status; `fields` go over each of its forms. Raises ValueError."""
        if status not in OFFER_STATUSES:
            raise ValueError(f"status must be one of {', '.join(OFFER_STATUSES)}, not {status!r}")
        offers = self._publishers.setdefault(publisher_id.lower(), {})
        age = timedelta(days=len(offers), hours=3, microseconds=731_250)
        shown = {
            number: {
                "offerTypeId": "microsoft-azure-virtualmachines",
                "publisherId": publisher_id,
                "status": status,
                "pcMigrationStatus": "migrated",
                "pcRedirectUri": "",
                "isvUpgradeRequest": False,
                "version": VERSION_BASE + number if status != "neverPublished" else 0,
                "id": offer_id,
                "definition": definition_of(offer_id, number),
                "changedTime": self._changed_time(age, number),
                **fields,
            }
            for number in range(1, versions + 1)
        }
        slots = SLOTS_BY_STATUS.get(status, ("draft",))
        offer = CppOffer(
            offer_id=offer_id,
            publisher_id=publisher_id,
            status=status,
            slots={slot: shown[max(1, versions - position)] for position, slot in enumerate(slots)},
            versions=shown,
            publishing_status=publishing_status_of(status, self._now - age),
            operations=[]
            if status in ("neverPublished", "notStarted")
            else [operation_of(publisher_id, offer_id, status)],
        )
        offers[offer_id.lower()] = offer
        return offer

    def _changed_time(self, age: timedelta, number: int) -> str:
        moment = self._now - age + timedelta(minutes=number)
        return seven_digits(moment) if number % 2 else trimmed(moment)

    def summary(self, offer: CppOffer) -> JsonObject:
        """The offer as the list shows it: summarised definition, more fields, a zone-less time (B3)."""
        row = {
            **copy.deepcopy(offer.draft),
            "lockStatus": "none",
            "offerTypeChanges": [],
            "pricingNotRecalculatedRegions": [],
            "offerTypeVersionsOverride": {},
            "definition": {"displayText": offer.draft["definition"]["displayText"]},
        }
        row["changedTime"] = without_zone(self._now - timedelta(hours=3))
        return row
