"""What happens to two of the sample offers on the way, and the events that tell of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.samples.offers import FOURTH_COFFEE, NORTHWIND, SampleOffer
from local.samples.sandbox_control import SandboxControl
from local.system.monitor_api import ArrivedEvent
from local.system.samples import Verdict, faults_of_event


@dataclass(frozen=True)
class OfferEvent:
    """An event that must arrive once."""

    type: str
    offer: SampleOffer


OFFER_EVENTS = (
    OfferEvent("private_offer.accepted", NORTHWIND),
    OfferEvent("private_offer.expiring", FOURTH_COFFEE),
)


def change_offers(sandbox: SandboxControl, *, now: datetime) -> None:
    """Have the customer accept one offer, and move the date by which another must be accepted to tomorrow."""
    tomorrow = (now + timedelta(days=1)).date()
    sandbox.post(f"private-offers/{NORTHWIND.offer_id}/accept")
    sandbox.patch(f"private-offers/{FOURTH_COFFEE.offer_id}", {"acceptBy": tomorrow.isoformat()})


def offer_events_missing(events: Sequence[ArrivedEvent]) -> bool:
    """Whether one of the events has not arrived yet."""
    arrived = {(event.type, event.offer_id) for event in events}
    return any((each.type, each.offer.offer_id) not in arrived for each in OFFER_EVENTS)


def judge_offers(events: Sequence[ArrivedEvent]) -> list[Verdict]:
    """Check that each event arrived once and verified."""
    return [
        Verdict(
            what=each.offer.name,
            result=f"{each.type} received and verified",
            faults=tuple(
                faults_of_event(
                    [event for event in events if (event.type, event.offer_id) == (each.type, each.offer.offer_id)],
                    each.type,
                )
            ),
        )
        for each in OFFER_EVENTS
    ]
