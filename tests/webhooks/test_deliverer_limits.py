"""What has no thread, no memory or no time left yet waits, and is not lost."""

import threading
from threading import Event as Signal

import pytest

from shared.webhooks.delivery import DeliveryStatus, DueDelivery, Payload
from shared.webhooks.endpoint_threads import THREADS_PER_ENDPOINT
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply, answer_after
from tests.webhooks.samples import event
from tests.webhooks.stored import counts, deliveries


def test_deliveries_not_begun_at_the_end_of_a_tick_stay_due(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    go_on = Signal()
    webhooks = open_instance(timeout_seconds=15)
    endpoint = add_endpoint(receiver)
    receiver.behaviour = answer_after(go_on)
    webhooks.announcer.announce([event(event_id=f"evt_{number}") for number in range(20)])
    receiver.wait_for(THREADS_PER_ENDPOINT)
    webhooks.deliverer.finish(0)
    go_on.set()
    webhooks.deliverer.finish(10)
    assert len(receiver.requests) == THREADS_PER_ENDPOINT
    clock.advance(60)
    webhooks.retry_cycle.run()
    assert len(receiver.requests) == 20
    assert {delivery.status for delivery in deliveries(webhooks, endpoint)} == {DeliveryStatus.DELIVERED}


def test_an_attempt_whose_result_could_not_be_stored_in_time_is_not_begun(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    """An attempt may take 15 seconds, and storing its result two more."""
    go_on = Signal()
    webhooks = open_instance(timeout_seconds=15)
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event(event_id=f"evt_{number}") for number in range(20)])
    webhooks.deliverer.finish(5)
    receiver.behaviour = answer_after(go_on)
    clock.advance(60)
    batch = webhooks.deliverer.open_batch()
    webhooks.deliverer.start(webhooks.deliveries.due(endpoint.id, clock.now()), batch)
    receiver.wait_for(20 + THREADS_PER_ENDPOINT)
    batch.calls[-1].add_done_callback(lambda _: go_on.set())
    assert webhooks.deliverer.finish_batch(batch, 17) == 20 - THREADS_PER_ENDPOINT
    assert len(receiver.requests) == 20 + THREADS_PER_ENDPOINT


def test_bodies_that_wait_are_held_in_memory_up_to_a_limit(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.webhooks.deliverer.BODIES_HELD_MAX_BYTES", 3000)
    read: list[str] = []
    stored_payload = webhooks.deliveries.payload

    def noted(due: DueDelivery) -> Payload:
        if due.payload is None:
            read.append(due.event_id)
        return stored_payload(due)

    monkeypatch.setattr(webhooks.deliveries, "payload", noted)
    add_endpoint(receiver)
    webhooks.announcer.announce([event(event_id=f"evt_{number}", label="x" * 900) for number in range(20)])
    webhooks.deliverer.finish(5)
    assert len(receiver.requests) == 20
    assert len(read) >= 10
    assert all("x" * 900 in request.body.decode() for request in receiver.requests)


def test_a_retry_cycle_ends_in_time_and_leaves_the_rest_due(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    cycle_over = threading.Event()

    def hang(_: object) -> Reply:
        assert cycle_over.wait(10), "the cycle waits for its attempts, however long they take"
        return Reply(500)

    webhooks = open_instance(timeout_seconds=15)
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event(event_id=f"evt_{number}") for number in range(20)])
    webhooks.deliverer.finish(5)
    receiver.behaviour = hang
    clock.advance(60)
    webhooks.retry_cycle.run(seconds=0.5)
    cycle_over.set()
    webhooks.deliverer.finish(5)
    assert len(receiver.requests) < 40
    assert counts(webhooks, endpoint.id) == (20, 0)
