"""An endpoint that fails for five days is disabled."""

from datetime import timedelta

import pytest

from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event
from tests.webhooks.stored import current, listed, statuses


def test_an_endpoint_all_of_whose_attempts_failed_for_five_days_is_disabled(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event(event_id="evt_1")])
    webhooks.deliverer.finish(5)
    clock.advance(timedelta(days=5).total_seconds() - 1)
    webhooks.retry_cycle.run()
    assert current(webhooks, endpoint).enabled
    webhooks.announcer.announce([event(event_id="evt_2")])
    webhooks.deliverer.finish(5)
    clock.advance(3600)
    webhooks.retry_cycle.run()
    disabled = current(webhooks, endpoint)
    assert (disabled.enabled, disabled.disabled_reason) == (False, "failing")
    assert f'webhook_disabled {{"webhookId":"{endpoint.id}","reason":"failing"' in caplog.text
    sent = len(receiver.requests)
    webhooks.announcer.announce([event(event_id="evt_3")])
    clock.advance(3600)
    webhooks.retry_cycle.run()
    webhooks.deliverer.finish(5)
    assert len(receiver.requests) == sent
    assert statuses(webhooks, endpoint) == ["dead"] * 3


def test_one_success_starts_the_five_days_anew(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    for status in (500, 204, 500):
        receiver.behaviour = lambda _, status=status: Reply(status)  # type: ignore[misc]
        webhooks.announcer.announce([event(event_id=f"evt_{status}_{clock.now().timestamp()}")])
        webhooks.deliverer.finish(5)
        clock.advance(timedelta(days=4).total_seconds())
    receiver.behaviour = lambda _: Reply(500)
    webhooks.retry_cycle.run()
    assert current(webhooks, endpoint).enabled


def test_enabling_a_failing_endpoint_gives_it_five_more_days(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    for number in range(2):
        webhooks.announcer.announce([event(event_id=f"evt_{number}")])
        webhooks.deliverer.finish(5)
        clock.advance(timedelta(days=5).total_seconds())
    assert not current(webhooks, endpoint).enabled
    webhooks.endpoints.change(current(webhooks, endpoint).enabled_again())
    [dead, _] = listed(webhooks, endpoint.id, status=DeliveryStatus.DEAD)
    assert webhooks.deliverer.redeliver(dead).status is DeliveryStatus.PENDING
    assert current(webhooks, endpoint).enabled
