"""What CPP offers hold: definitions, publishing steps, operations. Secret fields are never returned (B3)."""

from datetime import datetime, timedelta
from uuid import uuid4

from sandbox.answers import JsonObject
from sandbox.sample_offers import SIGNATURE
from sandbox.timestamps import seven_digits

STEPS = (
    ("displaydummycertify", "Validate Pre-Requisites", "< 15 min", "Offer settings provided are validated."),
    ("displaycertify", "Certification", "< 1 day", "Offer is analyzed by our certification systems."),
    ("displayprovision", "Provisioning", "< 1 day", "Virtual machine is being replicated."),
    ("displaypackage", "Packaging and Lead Generation Registration", None, "Packages are prepared for customers."),
    ("publisher-signoff", "Publisher signoff", "< 1 hour", "Offer is available to preview."),
    ("live", "Live", None, "Offer is publicly visible and is available for purchase."),
)
LARGE_VERSION = 636_576_975_611_768_314  # above 2**53 (B5)

# offer status -> (steps complete, status of the step after them); B4
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
    """The publishing status with its steps (B4); top level `running` while the sign-off step waits."""
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
    """An element of the operations list; its slot word is `staging`, its version needs 64 bits (B5)."""
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
