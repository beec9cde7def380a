"""An endpoint that is slow, or does not answer, delays no other."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event as Signal

import pytest

from shared.clock import SystemClock
from shared.webhooks.endpoint_threads import THREADS_PER_ENDPOINT
from tests.clock import FakeClock
from tests.egress.answering import serving
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply, answer_after
from tests.webhooks.samples import event


@pytest.fixture
def released() -> Iterator[Signal]:
    """What receivers wait for that a test wants to hang; set in the end, so that none outlives its test."""
    event = Signal()
    yield event
    event.set()


def hang(released: Signal) -> None:
    released.wait(10)


@pytest.mark.parametrize(("slow", "silent"), [(2, 8), pytest.param(8, 64, marks=pytest.mark.slow)])
def test_slow_and_silent_endpoints_with_many_deliveries_delay_no_first_attempt_of_another(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    second_receiver: Receiver,
    released: Signal,
    slow: int,
    silent: int,
) -> None:
    """The single event arrives while all others hang: were it behind one of them, it would not arrive at all."""

    webhooks = open_instance(clock=SystemClock(), timeout_seconds=15)
    with ExitStack() as stack:
        stack.callback(released.set)
        port = stack.enter_context(serving(lambda _: hang(released)))
        receiver.behaviour = answer_after(released)
        for _ in range(slow):
            add_endpoint(receiver, events=("job.*",))
        for _ in range(silent):
            add_endpoint(f"http://127.0.0.1:{port}/", events=("job.*",))
        add_endpoint(second_receiver, events=("monitor.*",))
        webhooks.announcer.announce([event(event_id=f"evt_{number}") for number in range(5)])
        webhooks.announcer.announce([event("monitor.recovered", event_id="evt_single")])
        second_receiver.wait_for(1)
        assert not released.is_set()


def test_a_hanging_endpoint_delays_no_retry_of_another(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    second_receiver: Receiver,
    released: Signal,
    clock: FakeClock,
) -> None:
    webhooks = open_instance(timeout_seconds=15)
    add_endpoint(receiver)
    add_endpoint(second_receiver, events=("job.failed",))
    for one in (receiver, second_receiver):
        one.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event(event_id=f"evt_{number}") for number in range(8)])
    webhooks.announcer.announce([event("job.failed", event_id="evt_single")])
    webhooks.deliverer.finish(20)
    receiver.behaviour = answer_after(released)
    clock.advance(3600)
    with ThreadPoolExecutor(1) as pool:
        cycle = pool.submit(webhooks.retry_cycle.run)
        second_receiver.wait_for(2)
        assert not cycle.done()
        released.set()


def test_a_slow_endpoint_is_sent_few_at_once(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    webhooks = open_instance(timeout_seconds=5)
    add_endpoint(receiver)
    at_once: list[int] = []
    running: set[int] = set()

    def count(_: object) -> Reply:
        number = len(at_once)
        running.add(number)
        at_once.append(len(running))
        time.sleep(0.01)
        running.discard(number)
        return Reply()

    receiver.behaviour = count
    webhooks.announcer.announce([event(event_id=f"evt_{number}") for number in range(30)])
    webhooks.deliverer.finish(10)
    assert len(at_once) == 30
    assert max(at_once) <= THREADS_PER_ENDPOINT
