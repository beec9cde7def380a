"""The verdicts of `make run ONCE=1` on the events of its sample offers."""

import pytest

from local.samples.offers import FOURTH_COFFEE, NORTHWIND, SampleOffer
from local.samples.sandbox_control import SandboxControl
from local.system.monitor_api import ArrivedEvent
from local.system.offers import change_offers, judge_offers, offer_events_missing
from sandbox.server import Sandbox
from tests.clock import FakeClock


def _event(event_type: str, offer: SampleOffer, webhook_id: str = "msg_1", *, verified: bool = True) -> ArrivedEvent:
    return ArrivedEvent(webhook_id, event_type, None, verified, offer.offer_id)


ACCEPTED = _event("private_offer.accepted", NORTHWIND)
EXPIRING = _event("private_offer.expiring", FOURTH_COFFEE)


def _faults(*events: ArrivedEvent) -> list[tuple[str, ...]]:
    return [verdict.faults for verdict in judge_offers(events)]


def test_each_event_must_arrive() -> None:
    assert offer_events_missing([ACCEPTED])
    assert not offer_events_missing([ACCEPTED, EXPIRING])
    assert _faults(ACCEPTED, EXPIRING) == [(), ()]
    assert _faults(EXPIRING) == [("its event private_offer.accepted did not arrive",), ()]


def test_other_events_do_not_count() -> None:
    others = [
        _event("private_offer.accepted", FOURTH_COFFEE),
        _event("private_offer.changed", NORTHWIND),
        ArrivedEvent("msg_2", "job.succeeded", "1", verified=True),
    ]
    assert offer_events_missing([*others, EXPIRING])
    assert _faults(ACCEPTED, EXPIRING, *others) == [(), ()]


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ([ACCEPTED, ACCEPTED, EXPIRING], "its event arrived 2 times under 1 id(s)"),
        (
            [_event("private_offer.accepted", NORTHWIND, verified=False), EXPIRING],
            "its event's signature is not valid",
        ),
    ],
)
def test_each_event_must_arrive_once_and_verified(events: list[ArrivedEvent], fault: str) -> None:
    assert _faults(*events) == [(fault,), ()]


def test_one_offer_is_accepted_and_one_expires_tomorrow(fresh_sandbox: Sandbox, clock: FakeClock) -> None:
    control = SandboxControl(fresh_sandbox.url, ca_bundle=str(fresh_sandbox.ca_bundle))
    today = clock.now().date()
    for offer in (NORTHWIND, FOURTH_COFFEE):
        control.post("private-offers", offer.resource(today, today))
    change_offers(control, now=clock.now())
    found = fresh_sandbox.state.private_offers.find
    accepted, expiring = found(NORTHWIND.offer_id), found(FOURTH_COFFEE.offer_id)
    assert accepted is not None
    assert expiring is not None
    assert accepted["subState"] == "accepted"
    assert (expiring["subState"], expiring["acceptBy"]) == ("pendingAcceptance", "2026-11-21")
