"""Deliveries that are sent again on request, one at a time."""

from datetime import timedelta

import pytest

from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event
from tests.webhooks.stored import counts, only_delivery


def enable(webhooks: Webhooks, endpoint: Endpoint) -> None:
    disabled = webhooks.endpoints.get(endpoint.id)
    assert disabled is not None
    webhooks.endpoints.change(disabled.enabled_again())


def test_a_delivered_event_can_be_sent_again_under_the_same_id(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    endpoint = add_endpoint(receiver)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    again = webhooks.deliverer.redeliver(only_delivery(webhooks, endpoint))
    first, second = receiver.requests
    assert first.webhook_id == second.webhook_id
    assert first.body == second.body
    assert again.status is DeliveryStatus.DELIVERED
    assert len(again.attempts) == 2


def test_a_dead_delivery_comes_back_to_life_by_redelivering(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(410)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    enable(webhooks, endpoint)
    receiver.behaviour = lambda _: Reply(500)
    failed = webhooks.deliverer.redeliver(only_delivery(webhooks, endpoint))
    assert failed.status is DeliveryStatus.PENDING
    assert failed.next_attempt_at == clock.now() + timedelta(minutes=1)
    assert counts(webhooks, endpoint.id) == (1, 0)
    receiver.behaviour = lambda _: Reply()
    assert webhooks.deliverer.redeliver(failed).status is DeliveryStatus.DELIVERED
    assert counts(webhooks, endpoint.id) == (0, 0)


def test_many_redeliveries_keep_the_record_within_bounds(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.webhooks.columns.ATTEMPTS_KEPT", 3)
    receiver.behaviour = lambda _: Reply(500, "ü".encode() * 1000)
    endpoint = add_endpoint(receiver)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    delivery = only_delivery(webhooks, endpoint)
    for _ in range(5):
        delivery = webhooks.deliverer.redeliver(delivery)
    assert len(delivery.attempts) == 3
    assert delivery.attempts_made == 6
