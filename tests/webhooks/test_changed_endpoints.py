"""Endpoints that are changed while deliveries wait or are on their way."""

from dataclasses import replace

import pytest

from shared.webhooks.endpoint_threads import THREADS_PER_ENDPOINT
from shared.webhooks.signing import new_secret
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import HeldReceiver, Receiver, Reply
from tests.webhooks.samples import event, events
from tests.webhooks.stored import current, statuses

# More than the threads of one endpoint take up at once.
QUEUED = 3 * THREADS_PER_ENDPOINT


def test_a_410_from_a_url_that_was_changed_meanwhile_neither_disables_it_nor_ends_its_deliveries(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    second_receiver: Receiver,
    clock: FakeClock,
) -> None:
    webhooks = open_instance(timeout_seconds=5)
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce(events(5))
    webhooks.deliverer.finish(5)
    held = HeldReceiver(receiver, Reply(410))
    webhooks.announcer.announce([event(event_id="evt_in_flight")])
    assert held.arrived.wait(5)
    webhooks.endpoints.change(replace(current(webhooks, endpoint), url=second_receiver.url))
    held.answer.set()
    webhooks.deliverer.finish(5)
    assert current(webhooks, endpoint).enabled
    assert statuses(webhooks, endpoint) == ["pending"] * 6
    clock.advance(60)
    webhooks.retry_cycle.run()
    assert len(second_receiver.requests) == 6
    assert statuses(webhooks, endpoint) == ["delivered"] * 6


@pytest.mark.parametrize("what", ["moved", "disabled", "rotated", "removed"])
def test_queued_first_attempts_follow_a_change_at_once(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    second_receiver: Receiver,
    what: str,
) -> None:
    webhooks = open_instance(timeout_seconds=5)
    endpoint = add_endpoint(receiver)
    held = HeldReceiver(receiver, Reply())
    webhooks.announcer.announce(events(QUEUED))
    assert held.arrived.wait(5)
    now = current(webhooks, endpoint)
    rotated = new_secret()
    match what:
        case "moved":
            webhooks.endpoints.change(replace(now, url=second_receiver.url))
        case "disabled":
            webhooks.endpoints.change(replace(now, enabled=False))
        case "rotated":
            webhooks.endpoints.change(replace(now, secret=rotated))
        case "removed":
            webhooks.removal.mark(endpoint.id)
    sent_before = len(receiver.requests)
    held.answer.set()
    webhooks.deliverer.finish(5)
    # Those that read the endpoint just before the change may still be on their way.
    later = receiver.requests[sent_before:]
    if what == "rotated":
        assert len(receiver.requests) == QUEUED
        by_old = receiver.requests[0].headers["webhook-signature"].count("v1,")
        assert by_old == 1
        assert len(later) >= QUEUED - 2 * THREADS_PER_ENDPOINT
    else:
        assert len(receiver.requests) <= THREADS_PER_ENDPOINT
        assert len(second_receiver.requests) == (QUEUED - len(receiver.requests) if what == "moved" else 0)
