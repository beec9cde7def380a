"""CPP offers: publishers, their offers in three slots and several versions, and the contents of each answer.

docs/upstream.md, quirks 16, 27 and 28, has the evidence.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import uuid4

from sandbox.answers import JsonObject, seven_digits, trimmed, without_zone
from sandbox.sample_offers import SIGNATURE

OFFER_STATUSES = (
    "neverPublished",
    "notStarted",
    "waitingForPublisherReview",
    "running",
    "succeeded",
    "canceled",
    "failed",
)
SLOTS_BY_STATUS = {  # a slot that was never reached is 404 (quirk 27)
    "succeeded": ("draft", "preview", "production"),
    "waitingForPublisherReview": ("draft", "preview"),
}
VERSION_BASE = 1_252_868_275
SAMPLE_PUBLISHER = "contoso"
PUBLISHER_WITHOUT_ACCESS = "fabrikam"
STEPS = (
    ("displaydummycertify", "Validate Pre-Requisites", "< 15 min", "Offer settings provided are validated."),
    ("displaycertify", "Certification", "< 1 day", "Offer is analyzed by our certification systems."),
    ("displayprovision", "Provisioning", "< 1 day", "Virtual machine is being replicated."),
    ("displaypackage", "Packaging and Lead Generation Registration", None, "Packages are prepared for customers."),
    ("publisher-signoff", "Publisher signoff", "< 1 hour", "Offer is available to preview."),
    ("live", "Live", None, "Offer is publicly visible and is available for purchase."),
)
LARGE_VERSION = 636_576_975_611_768_314  # above 2**53 (quirk 16)

# offer status -> (steps complete, status of the step after them)
_PROGRESS: dict[str, tuple[int, str]] = {
    "neverPublished": (0, "notStarted"),
    "notStarted": (0, "notStarted"),
    "running": (2, "inProgress"),
    "waitingForPublisherReview": (4, "waitingForPublisherReview"),
    "succeeded": (6, "complete"),
    "canceled": (3, "canceled"),
    "failed": (1, "rejected"),
}
_SUBMISSION_STATES = {"waitingForPublisherReview": "running", "succeeded": "completed", "canceled": "failed"}


@dataclass
class CppOffer:
    """One offer: the contents of each slot and version, its publishing status and its operations."""

    offer_id: str
    publisher_id: str
    status: str
    slots: dict[str, JsonObject]
    versions: dict[int, JsonObject]
    publishing_status: JsonObject
    operations: list[JsonObject] = field(default_factory=list)

    @property
    def draft(self) -> JsonObject:
        """The draft slot, which a plain GET returns."""
        return self.slots["draft"]


class CppOfferStore:
    """Publishers and their offers. A publisher to which the account has no access is 403."""

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
        """The publishers to which the account has access."""
        return list(self._publishers)

    def offers_of(self, publisher_id: str) -> dict[str, CppOffer] | None:
        """The offers of a publisher by id; None if the account has no access to it."""
        return self._publishers.get(publisher_id.lower())

    def find(self, publisher_id: str, offer_id: str) -> CppOffer | None:
        """The offer; None if it is unknown."""
        return self._publishers.get(publisher_id.lower(), {}).get(offer_id.lower())

    def add(
        self,
        publisher_id: str,
        offer_id: str,
        *,
        status: str = "succeeded",
        versions: int = 3,
        slots: Mapping[str, JsonObject] = MappingProxyType({}),
        **fields: object,
    ) -> CppOffer:
        """Adds an offer with this status. Raises ValueError.

        `fields` replace those of every slot and version, `slots` those of the slots that they name.
        """
        _check_status(status)
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
        names = SLOTS_BY_STATUS.get(status, ("draft",))
        offer = CppOffer(
            offer_id=offer_id,
            publisher_id=publisher_id,
            status=status,
            slots={slot: shown[max(1, versions - position)] for position, slot in enumerate(names)},
            versions=shown,
            publishing_status=publishing_status_of(status, self._now - age),
            operations=[]
            if status in ("neverPublished", "notStarted")
            else [operation_of(publisher_id, offer_id, status)],
        )
        _change_slots(offer, slots)
        offers[offer_id.lower()] = offer
        return offer

    def change(
        self,
        publisher_id: str,
        offer_id: str,
        now: datetime,
        *,
        status: str | None,
        steps: Mapping[str, str],
        slots: Mapping[str, JsonObject],
    ) -> bool:
        """Moves publishing on: a status with its steps and slots, then single steps. Raises ValueError."""
        offer = self.find(publisher_id, offer_id)
        if offer is None:
            return False
        if unknown := sorted(set(steps) - {step_id for step_id, *_ in STEPS}):
            raise ValueError(f"unknown steps {unknown}; known: {[step_id for step_id, *_ in STEPS]}")
        if status is not None:
            _check_status(status)
            offer.status = status
            offer.publishing_status = publishing_status_of(status, now)
            for slot in SLOTS_BY_STATUS.get(status, ())[1:]:  # the draft goes to the preview, and that to production
                offer.slots[slot] = offer.slots.get("preview", offer.draft) if slot == "production" else offer.draft
            offer.slots = {slot: {**shown, "status": status} for slot, shown in offer.slots.items()}
        for step in offer.publishing_status["steps"]:
            step["status"] = steps.get(step["id"], step["status"])
        _change_slots(offer, slots)
        return True

    def remove(self, publisher_id: str, offer_id: str) -> bool:
        """Removes an offer. False if it is unknown."""
        return self._publishers.get(publisher_id.lower(), {}).pop(offer_id.lower(), None) is not None

    def _changed_time(self, age: timedelta, number: int) -> str:
        moment = self._now - age + timedelta(minutes=number)
        return seven_digits(moment) if number % 2 else trimmed(moment)

    def summary(self, offer: CppOffer) -> JsonObject:
        """The offer as in the list: with a short definition, more fields, and a time without a zone (quirk 16)."""
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


def _check_status(status: str) -> None:
    if status not in OFFER_STATUSES:
        raise ValueError(f"status must be one of {', '.join(OFFER_STATUSES)}, not {status!r}")


def _change_slots(offer: CppOffer, slots: Mapping[str, JsonObject]) -> None:
    """Replaces fields of some slots. The versions stay as they are."""
    if unknown := sorted(set(slots) - set(offer.slots)):
        raise ValueError(f"the offer has no slots {unknown}; it has {list(offer.slots)}")
    offer.slots |= {slot: {**offer.slots[slot], **fields} for slot, fields in slots.items()}


def definition_of(offer_id: str, version: int) -> JsonObject:
    """The definition of one version; logos are signed links."""
    title = offer_id.replace("-", " ").title()
    return {
        "displayText": f"{title} Offer",
        "offer": {
            "microsoft-azure-marketplace.title": f"{title} {version}.0",
            "microsoft-azure-marketplace.summary": "Gateway for factories & <b>branch</b> offices",
            "microsoft-azure-marketplace.allowedSubscriptions": ["00000000-0000-4000-8000-000000000009"],
            "microsoft-azure-marketplace.leadDestination": "None",
            "microsoft-azure-marketplace.customAmendments": None,
            "microsoft-azure-marketplace.smallLogo": f"https://logos.blob.core.windows.example/{offer_id}/small.png?{SIGNATURE}",
        },
        "plans": [
            {
                "planId": "plan-a",
                "microsoft-azure-virtualmachines.skuTitle": "Plan A",
                "virtualMachinePricing": {"isByol": True, "freeTrialDurationInMonths": 0},
                "microsoft-azure-corevm.vmImagesPublicAzure": {f"{version}.0.0": {"lunVhdDetails": []}},
                "regions": ["US", "DE"],
            }
        ],
    }


def publishing_status_of(status: str, changed: datetime) -> JsonObject:
    """The publishing status with its steps. The top level is `running` while the sign-off step waits (quirk 28)."""
    complete, next_status = _PROGRESS[status]
    steps: list[JsonObject] = []
    for position, (step_id, name, estimate, description) in enumerate(STEPS):
        done = position < complete
        step: JsonObject = {
            "id": step_id,
            "stepName": name,
            "description": description,
            "status": "complete" if done else next_status if position == complete else "notStarted",
            "messages": [_step_message(changed + timedelta(minutes=position))] if done else [],
            "progressPercentage": 100 if done else 40 if next_status == "inProgress" and position == complete else 0,
        }
        if estimate is not None:
            step["estimatedTimeFrame"] = estimate
        if next_status == "rejected" and position == complete:
            step["messages"] = [
                {
                    "messageHtml": "Image <b>1.0.0</b> failed: <a href='https://docs.example/'>port 22</a>.",
                    "level": "error",
                    "timestamp": seven_digits(changed),
                }
            ]
        steps.append(step)
    shown = "running" if status == "waitingForPublisherReview" else status
    return {"status": shown, "messages": [], "steps": steps, "previewLinks": [], "liveLinks": []}


def _step_message(moment: datetime) -> JsonObject:
    return {"messageHtml": "Step completed.", "level": "information", "timestamp": seven_digits(moment)}


def operation_of(publisher_id: str, offer_id: str, status: str) -> JsonObject:
    """An item of the operations list. Its slot is called `staging`; its version needs 64 bits (quirks 16, 28)."""
    return {
        "id": str(uuid4()),
        "offerId": offer_id,
        "offerVersion": 1,
        "offerTypeId": "microsoft-azure-virtualmachines",
        "publisherId": publisher_id,
        "submissionType": "publish",
        "submissionState": _SUBMISSION_STATES.get(status, status),
        "publishingVersion": 2,
        "slot": "staging",
        "version": LARGE_VERSION,
        "definition": {"metadata": {"emails": "ops@contoso.example"}},
        "changedTime": "2026-03-26T21:46:01.179948Z",
    }
