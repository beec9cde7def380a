"""An endpoint that hangs delays no other."""

import time

from shared.clock import SystemClock
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event


def hang(_: object) -> Reply:
    time.sleep(1)
    return Reply()


def test_a_hanging_endpoint_with_many_deliveries_delays_anothers_first_attempt_by_less_than_two_seconds(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver, second_receiver: Receiver
) -> None:
    webhooks = open_instance(clock=SystemClock(), timeout_seconds=1.5)
    add_endpoint(receiver, events=("job.*",))
    add_endpoint(second_receiver, events=("monitor.*",))
    receiver.behaviour = hang
    webhooks.announcer.announce([event(event_id=f"evt_{number}") for number in range(100)])
    started = time.monotonic()
    webhooks.announcer.announce([event("monitor.recovered", event_id="evt_single")])
    second_receiver.wait_for(1)
    assert time.monotonic() - started < 1
    receiver.behaviour = lambda _: Reply()


def test_a_hanging_endpoint_delays_anothers_retry_by_less_than_two_seconds(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    second_receiver: Receiver,
    clock: FakeClock,
) -> None:
    webhooks = open_instance(timeout_seconds=1.5)
    add_endpoint(receiver)
    add_endpoint(second_receiver, events=("job.failed",))
    for one in (receiver, second_receiver):
        one.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event(event_id=f"evt_{number}") for number in range(120)])
    webhooks.announcer.announce([event("job.failed", event_id="evt_single")])
    webhooks.deliverer.finish(20)
    receiver.behaviour = hang
    clock.advance(3600)
    started = time.monotonic()
    webhooks.retry_cycle.run(seconds=0.5)
    second_receiver.wait_for(2)
    assert time.monotonic() - started < 2
    webhooks.deliverer.finish(5)
