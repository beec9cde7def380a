"""A process killed between any two requests to storage, two processes at once: no event is lost, none doubled."""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.clock import SystemClock
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Table
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.delivery_rows import CLAIM_LASTS
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.webhooks.announcing_process import announced
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event
from tests.webhooks.stored import counts, listed

EVENTS = [event(event_id=f"evt_{number}") for number in range(2)]
EVENT_IDS = {one.id for one in EVENTS}
REPOSITORY = Path(__file__).parents[2]


class DyingTable:
    """Passes a number of requests on to a table; then every request fails, as for a process about to be killed.

    With `after_writing` the last request still reaches storage, and only its answer is lost. `failed` says whether a
    request has failed.
    """

    def __init__(self, table: Table, requests_left: int, *, after_writing: bool) -> None:
        self._table = table
        self._left = requests_left
        self._after_writing = after_writing
        self.failed = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._table, name)

        def call(*args: object, **options: object) -> Any:  # noqa: ANN401 - whatever the table answers
            self._left -= 1
            if self._left == 0 and self._after_writing:
                method(*args, **options)
            if self._left <= 0:
                self.failed = True
                raise StorageUnreachable("storage did not answer")
            return method(*args, **options)

        return call


def live_on(webhooks: Webhooks, clock: FakeClock) -> None:
    """What happens after the crash: the outbox announces again, and the retry cycles of the next minutes run."""
    webhooks.announcer.announce(EVENTS)
    webhooks.deliverer.finish(5)
    for _ in range(2):
        clock.advance(60)
        webhooks.retry_cycle.run()


@pytest.mark.parametrize("after_writing", [False, True])
@pytest.mark.parametrize("requests_left", [1, 2])
def test_cut_off_while_announcing_every_event_still_arrives_under_one_id(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    second_receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    clock: FakeClock,
    requests_left: int,
    after_writing: bool,
) -> None:
    endpoints = [add_endpoint(receiver), add_endpoint(second_receiver)]
    dying = DyingTable(webhook_tables[1], requests_left, after_writing=after_writing)
    with pytest.raises(StorageUnreachable):
        open_instance(deliveries_table=dying).announcer.announce(EVENTS)
    survivor = open_instance()
    live_on(survivor, clock)
    for one, endpoint in zip((receiver, second_receiver), endpoints, strict=True):
        assert {request.webhook_id for request in one.requests} == EVENT_IDS
        kept = listed(survivor, endpoint.id)
        assert sorted(delivery.event_id for delivery in kept) == sorted(EVENT_IDS)
        assert {delivery.status for delivery in kept} == {DeliveryStatus.DELIVERED}


@pytest.mark.parametrize("after_writing", [False, True])
@pytest.mark.parametrize("requests_left", range(1, 7))
def test_storage_failing_at_any_request_of_a_retry_loses_nothing(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    clock: FakeClock,
    requests_left: int,
    after_writing: bool,
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    survivor = open_instance()
    survivor.announcer.announce(EVENTS)
    survivor.deliverer.finish(5)
    clock.advance(60)
    receiver.behaviour = lambda _: Reply()
    dying = DyingTable(webhook_tables[1], requests_left, after_writing=after_writing)
    failing = open_instance(deliveries_table=dying)
    failing.retry_cycle.run()
    failing.deliverer.finish(5)
    assert dying.failed
    live_on(survivor, clock)
    kept = listed(survivor, endpoint.id)
    assert {delivery.event_id: delivery.status for delivery in kept} == dict.fromkeys(
        EVENT_IDS, DeliveryStatus.DELIVERED
    )
    assert counts(survivor, endpoint.id) == (0, 0)


def test_two_instances_never_send_the_same_attempt(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    instances = [open_instance(), open_instance()]
    many = [event(event_id=f"evt_{number}") for number in range(15)]
    for instance in instances:
        instance.announcer.announce(many)
    for instance in instances:
        instance.deliverer.finish(5)
    assert len(receiver.requests) == 15
    clock.advance(60)
    endpoints = instances[0].endpoints.all()
    # Both have read the same deliveries as due before either attempts one.
    found = [list(instance.deliveries.due(endpoints[0].id, clock.now())) for instance in instances]
    for instance, due in zip(instances, found, strict=True):
        instance.deliverer.start(due, instance.deliverer.open_batch())
    for instance in instances:
        instance.deliverer.finish(5)
    assert [len(due) for due in found] == [15, 15]
    assert len(receiver.requests) == 30


def test_a_claim_heals_when_its_holder_dies(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks = open_instance()
    webhooks.announcer.announce(EVENTS[:1])
    webhooks.deliverer.finish(5)
    clock.advance(60)
    [due] = webhooks.deliveries.due(endpoint.id, clock.now())
    webhooks.deliveries.claim(due, clock.now())
    webhooks.retry_cycle.run()
    assert len(receiver.requests) == 1
    clock.advance(CLAIM_LASTS.total_seconds())
    webhooks.retry_cycle.run()
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("sent_before_the_kill", [0, 1, 20])
def test_processes_killed_during_delivery_lose_no_event(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    azurite: str,
    jobs_table: str,
    sent_before_the_kill: int,
) -> None:
    """Real processes, really killed: first one that announces and delivers, then this one takes over."""
    killed = threading.Event()

    def answer(_: object) -> Reply:
        if len(receiver.requests) > sent_before_the_kill:
            killed.wait(10)  # so that the process is killed in the middle, however fast it is
        return Reply(random.choice([200, 500]))  # noqa: S311 - no secret depends on it

    endpoint = add_endpoint(receiver)
    receiver.behaviour = answer
    command = [sys.executable, "-m", "tests.webhooks.announcing_process", azurite, jobs_table]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it is about to announce
        receiver.wait_for(sent_before_the_kill)
        process.kill()
    killed.set()
    assert process.returncode == -signal.SIGKILL
    assert len({request.webhook_id for request in receiver.requests}) < len(announced())
    receiver.behaviour = lambda _: Reply()
    clock = FakeClock(SystemClock().now())
    survivor = open_instance(clock=clock)
    survivor.announcer.announce(announced())
    survivor.deliverer.finish(10)
    clock.advance(120)
    survivor.retry_cycle.run()
    kept = listed(survivor, endpoint.id)
    assert sorted(delivery.event_id for delivery in kept) == sorted(one.id for one in announced())
    assert {delivery.status for delivery in kept} == {DeliveryStatus.DELIVERED}
    assert {request.webhook_id for request in receiver.requests} == {one.id for one in announced()}
