"""From an announced event to the receiver, through storage."""

import threading
from datetime import timedelta

import pytest

from shared.clock import SystemClock
from shared.webhooks.delivery import MAX_ATTEMPTS, DeliveryStatus
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply, answer_after
from tests.webhooks.samples import event
from tests.webhooks.stored import counts, deliveries, only_delivery


def enable(webhooks: Webhooks, endpoint: Endpoint) -> None:
    disabled = webhooks.endpoints.get(endpoint.id)
    assert disabled is not None
    webhooks.endpoints.change(disabled.enabled_again())


def test_an_event_reaches_its_endpoint_at_once_and_verified(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    webhooks = open_instance(clock=SystemClock())  # the library compares the timestamp with its own clock
    endpoint = add_endpoint(receiver)
    webhooks.announcer.announce([event(event_id="evt_first")])
    [request] = receiver.wait_for(1)
    request.verify(endpoint.secret)
    assert request.webhook_id == "evt_first"
    assert request.headers["content-type"] == "application/json"
    assert request.json["type"] == "job.succeeded"
    webhooks.deliverer.finish(5)
    delivery = only_delivery(webhooks, endpoint)
    assert delivery.status is DeliveryStatus.DELIVERED
    assert [attempt.status for attempt in delivery.attempts] == [200]


def test_an_event_goes_to_every_endpoint_that_wants_it_and_to_no_other(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, second_receiver: Receiver
) -> None:
    add_endpoint(receiver, events=("job.failed",))
    add_endpoint(second_receiver)
    webhooks.announcer.announce([event("job.succeeded", event_id="evt_1"), event("job.failed", event_id="evt_2")])
    webhooks.deliverer.finish(5)
    assert [request.webhook_id for request in receiver.requests] == ["evt_2"]
    assert {request.webhook_id for request in second_receiver.requests} == {"evt_1", "evt_2"}


def test_a_disabled_endpoint_gets_nothing(webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver) -> None:
    endpoint = add_endpoint(receiver, enabled=False)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    assert receiver.requests == []
    assert deliveries(webhooks, endpoint) == []


def test_announcing_an_event_again_delivers_it_once(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    add_endpoint(receiver)
    for instance in (open_instance(), open_instance()):
        instance.announcer.announce([event(), event(event_id="evt_2")])
        instance.deliverer.finish(5)
    assert sorted(request.webhook_id for request in receiver.requests) == ["evt_1", "evt_2"]


def test_the_endpoint_of_the_settings_needs_no_call(open_instance: OpenWebhooks, receiver: Receiver) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    webhooks = open_instance(clock=SystemClock(), WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=secret)
    webhooks.announcer.announce([event()])
    [request] = receiver.wait_for(1)
    request.verify(secret)


def test_a_failed_attempt_is_made_again_after_a_minute_under_the_same_id(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(503, b"not now")
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    failed = only_delivery(webhooks, endpoint)
    assert failed.status is DeliveryStatus.PENDING
    assert failed.next_attempt_at == clock.now() + timedelta(minutes=1)
    assert (failed.attempts[0].status, failed.attempts[0].response) == (503, "not now")

    clock.advance(59)
    webhooks.retry_cycle.run()
    assert len(receiver.requests) == 1
    receiver.behaviour = lambda _: Reply()
    clock.advance(1)
    webhooks.retry_cycle.run()
    first, second = receiver.requests
    assert first.webhook_id == second.webhook_id
    assert first.body == second.body
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    delivered = only_delivery(webhooks, endpoint)
    assert delivered.status is DeliveryStatus.DELIVERED
    assert [attempt.status for attempt in delivered.attempts] == [503, 200]
    assert delivered.next_attempt_at is None


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 429, 500])
def test_only_2xx_is_success(webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, status: int) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(status, headers={"Location": f"{receiver.url}/other"})
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    assert only_delivery(webhooks, endpoint).status is DeliveryStatus.PENDING
    assert len(receiver.requests) == 1


def test_retry_after_is_obeyed_when_it_is_longer(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(429, headers={"Retry-After": "3600"})
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    assert only_delivery(webhooks, endpoint).next_attempt_at == clock.now() + timedelta(hours=1)


def test_a_timeout_is_a_failed_attempt_with_the_reason(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    webhooks = open_instance(timeout_seconds=0.5)
    given_up = threading.Event()
    endpoint = add_endpoint(receiver)
    receiver.behaviour = answer_after(given_up)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    given_up.set()
    [attempt] = only_delivery(webhooks, endpoint).attempts
    assert (attempt.status, attempt.error) == (None, "no whole answer within 0.5 s")


def test_after_the_last_attempt_the_delivery_is_dead_and_counted(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    while (next_at := only_delivery(webhooks, endpoint).next_attempt_at) is not None:
        clock.advance((next_at - clock.now()).total_seconds())
        webhooks.retry_cycle.run()
    clock.advance(3600)
    webhooks.retry_cycle.run()
    assert len(receiver.requests) == MAX_ATTEMPTS
    dead = only_delivery(webhooks, endpoint)
    assert dead.status is DeliveryStatus.DEAD
    assert len(dead.attempts) == MAX_ATTEMPTS
    assert counts(webhooks, endpoint.id) == (0, 1)


def test_410_disables_the_endpoint_and_its_deliveries_wait_as_dead(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event(event_id="evt_waiting")])
    webhooks.deliverer.finish(5)
    receiver.behaviour = lambda _: Reply(410)
    webhooks.announcer.announce([event(event_id="evt_told_gone")])
    webhooks.deliverer.finish(5)

    gone = webhooks.endpoints.get(endpoint.id)
    assert gone is not None
    assert (gone.enabled, gone.disabled_reason) == (False, "gone")
    webhooks.announcer.announce([event(event_id="evt_later")])
    clock.advance(3600)
    webhooks.retry_cycle.run()
    assert len(receiver.requests) == 2
    states = {delivery.event_id: delivery.status for delivery in deliveries(webhooks, endpoint)}
    assert states == dict.fromkeys(["evt_waiting", "evt_told_gone", "evt_later"], DeliveryStatus.DEAD)


def test_410_to_the_endpoint_of_the_settings_holds_for_its_url_only(
    open_instance: OpenWebhooks, receiver: Receiver, second_receiver: Receiver
) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    receiver.behaviour = lambda _: Reply(410)
    webhooks = open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=secret)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    webhooks.announcer.announce([event(event_id="evt_2")])
    webhooks.deliverer.finish(5)
    assert len(receiver.requests) == 1
    changed = open_instance(WEBHOOK_URL=second_receiver.url, WEBHOOK_SECRET=secret)
    changed.announcer.announce([event(event_id="evt_3")])
    second_receiver.wait_for(1)


def test_both_secrets_sign_for_24_hours_after_a_rotation(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    webhooks.endpoints.change(endpoint.with_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", clock.now()))
    webhooks.announcer.announce([event(event_id="evt_1")])
    webhooks.deliverer.finish(5)
    clock.advance(24 * 3600)
    webhooks.announcer.announce([event(event_id="evt_2")])
    webhooks.deliverer.finish(5)
    both, one = (request.headers["webhook-signature"] for request in receiver.requests)
    assert both.count("v1,") == 2
    assert one.count("v1,") == 1


def test_a_card_for_teams_is_signed_like_any_other(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    webhooks = open_instance(clock=SystemClock())
    endpoint = add_endpoint(receiver, format="teams")
    webhooks.announcer.announce([event()])
    [request] = receiver.wait_for(1)
    request.verify(endpoint.secret)
    assert request.json["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"


def test_a_large_event_is_kept_and_retried_whole(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event(privateOffer={"name": "x" * 200_000})])
    webhooks.deliverer.finish(5)
    clock.advance(60)
    webhooks.retry_cycle.run()
    first, second = receiver.requests
    assert len(first.body) > 200_000
    assert first.body == second.body
