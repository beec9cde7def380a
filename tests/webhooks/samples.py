"""Events for tests."""

from datetime import UTC, datetime
from typing import Any

from shared.events.event import Event

CREATED_AT = datetime(2026, 11, 20, 9, 2, tzinfo=UTC)
JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"


def job_record(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """The record of a job that created an offer."""
    record: dict[str, Any] = {
        "jobId": JOB_ID,
        "state": "succeeded",
        "operation": "create",
        "label": "Contoso renewal",
        "externalId": "crm-4711",
        "registeredAt": "2026-11-20T09:00:01Z",
        "finishedAt": "2026-11-20T09:02:00Z",
        "errors": [],
        "privateOffer": {
            "id": "private-offer/aaaaaaaa-0000-4000-8000-000000000001",
            "name": "Contoso 2027",
            "privateOfferType": "customerPromotion",
            "state": "live",
            "subState": "pendingAcceptance",
            "acceptBy": "2026-12-31",
            "end": "2027-01-31",
        },
    }
    return {**record, **changes}


FAILED_ERRORS = [
    {
        "resourceId": "private-offer/aaaaaaaa-0000-4000-8000-000000000001",
        "code": "conflict",
        "message": "The offer cannot be published.",
        "details": [
            {"code": "businessValidationError", "message": "The plan is not live.", "details": []},
            {"code": "businessValidationError", "message": "The customer is unknown.", "details": {}},
        ],
    },
    {"code": "invalidState"},
]


def event(
    event_type: str = "job.succeeded",
    *,
    event_id: str = "evt_1",
    created_at: datetime = CREATED_AT,
    **changes: Any,  # noqa: ANN401 - any JSON value
) -> Event:
    """A job's event; `changes` are made to its record."""
    return Event(id=event_id, type=event_type, created_at=created_at, data={"job": job_record(**changes)})


def events(count: int) -> list[Event]:
    """Events of one job with ids of their own."""
    return [event(event_id=f"evt_{number}") for number in range(count)]


def private_offer(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """A private offer that waits for its customer."""
    offer: dict[str, Any] = {
        "id": "private-offer/aaaaaaaa-0000-4000-8000-000000000001",
        "name": "Renewal 2027",
        "privateOfferType": "customerPromotion",
        "state": "live",
        "subState": "pendingAcceptance",
        "variableStartDate": True,
        "acceptBy": "2026-12-31",
        "end": "2027-12-31",
        "beneficiaries": [{"id": "x", "description": "Northwind"}],
        "pricing": [{"productName": "Field Service", "planName": "Gold", "discountPercentage": 12.5}],
    }
    return {**offer, **changes}


def offer_event(event_type: str, *, offer: Any = None, **data: Any) -> Event:  # noqa: ANN401 - any JSON values
    """An event of a private offer; `data` is what the event has besides the offer."""
    whole = {"privateOffer": private_offer() if offer is None else offer, **data}
    return Event(id="evt_1", type=event_type, created_at=CREATED_AT, data=whole)
