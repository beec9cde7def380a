"""The endpoint of WEBHOOK_URL: its deliveries belong to its URL."""

from datetime import timedelta

from shared.storage.table import Table
from tests.clock import FakeClock
from tests.webhooks.conftest import OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event, events
from tests.webhooks.stored import rows

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_deliveries_of_the_settings_endpoint_are_removed_when_it_leaves_the_settings(
    open_instance: OpenWebhooks, receiver: Receiver, webhook_tables: tuple[Table, Table], clock: FakeClock
) -> None:
    receiver.behaviour = lambda _: Reply(500)
    webhooks = open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET)
    webhooks.announcer.announce(events(3))
    webhooks.deliverer.finish(5)
    [endpoint] = webhooks.endpoints.all()
    assert len(rows(webhook_tables[1], endpoint.id)) == 9
    without = open_instance()
    without.retry_cycle.run()
    assert rows(webhook_tables[1], endpoint.id) == []
    clock.advance(100 * 86_400)
    without.retry_cycle.run()
    again = open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET)
    again.retry_cycle.run()
    assert len(receiver.requests) == 3


def test_deliveries_for_one_url_of_the_settings_are_not_sent_to_another(
    open_instance: OpenWebhooks, receiver: Receiver, second_receiver: Receiver, clock: FakeClock
) -> None:
    receiver.behaviour = lambda _: Reply(500)
    webhooks = open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET)
    webhooks.announcer.announce(events(3))
    webhooks.deliverer.finish(5)
    changed = open_instance(WEBHOOK_URL=second_receiver.url, WEBHOOK_SECRET=SECRET)
    clock.advance(3600)
    changed.retry_cycle.run()
    changed.announcer.announce([event(event_id="evt_new")])
    changed.deliverer.finish(5)
    assert [request.webhook_id for request in second_receiver.requests] == ["evt_new"]
    assert len(receiver.requests) == 3


def test_the_settings_endpoint_can_return_within_the_hour(
    open_instance: OpenWebhooks, receiver: Receiver, clock: FakeClock
) -> None:
    settings = {"WEBHOOK_URL": receiver.url, "WEBHOOK_SECRET": SECRET}
    webhooks = open_instance(**settings)
    webhooks.announcer.announce([event(event_id="evt_1")])
    webhooks.deliverer.finish(5)
    open_instance().retry_cycle.run()
    clock.advance(60)
    webhooks.announcer.announce([event(event_id="evt_2")])
    webhooks.deliverer.finish(5)
    assert [request.webhook_id for request in receiver.requests] == ["evt_1", "evt_2"]


def test_the_settings_endpoint_is_disabled_for_failing_too(
    open_instance: OpenWebhooks, receiver: Receiver, clock: FakeClock
) -> None:
    receiver.behaviour = lambda _: Reply(500)
    webhooks = open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET)
    for number in range(2):
        webhooks.announcer.announce([event(event_id=f"evt_{number}")])
        webhooks.deliverer.finish(5)
        clock.advance(timedelta(days=5).total_seconds())
    [endpoint] = webhooks.endpoints.all()
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "failing")
