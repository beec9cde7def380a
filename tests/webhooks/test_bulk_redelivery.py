"""All dead deliveries of an endpoint are sent again, each once, even if processes are killed or calls coincide."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.storage.errors import StorageUnreachable
from shared.storage.table import Table
from shared.webhooks.bulk_redelivery import RedeliveryRequest
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.killed import Killed, killed_before_write
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event, events
from tests.webhooks.stored import counts, current, deliveries, listed, only_delivery, rows, statuses
from tests.webhooks.test_crashes import DyingTable

ALL = RedeliveryRequest()
REQUESTS = "redelivery"


def always() -> bool:
    return True


def dead_deliveries(webhooks: Webhooks, endpoint: Endpoint, count: int) -> None:
    """Give the endpoint dead deliveries: they are announced while it is disabled for being gone."""
    webhooks.endpoints.disable_gone(endpoint)
    webhooks.announcer.announce(events(count))
    enable(webhooks, endpoint)


def enable(webhooks: Webhooks, endpoint: Endpoint) -> None:
    webhooks.endpoints.change(current(webhooks, endpoint).enabled_again())


def redeliver(webhooks: Webhooks, endpoint: Endpoint, request: RedeliveryRequest = ALL) -> int:
    return webhooks.bulk_redelivery.start(endpoint.id, request, has_time=always, may_count=always)


def test_every_dead_delivery_is_due_at_once_under_its_own_id(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, webhook_tables: tuple[Table, Table]
) -> None:
    endpoint = add_endpoint(receiver)
    dead_deliveries(webhooks, endpoint, 40)
    before = {delivery.id: delivery.event_id for delivery in deliveries(webhooks, endpoint)}
    assert redeliver(webhooks, endpoint) == 40
    assert counts(webhooks, endpoint.id) == (40, 0)
    assert receiver.requests == []
    webhooks.retry_cycle.run()
    assert sorted(request.webhook_id for request in receiver.requests) == sorted(before.values())
    assert {delivery.id: delivery.event_id for delivery in deliveries(webhooks, endpoint)} == before
    assert set(statuses(webhooks, endpoint)) == {"delivered"}
    assert rows(webhook_tables[1], REQUESTS) == []


def test_a_redelivered_event_starts_its_schedule_again_and_keeps_its_attempts(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    while (next_at := only_delivery(webhooks, endpoint).next_attempt_at) is not None:
        clock.advance((next_at - clock.now()).total_seconds())
        webhooks.retry_cycle.run()
    made = only_delivery(webhooks, endpoint).attempts_made
    assert redeliver(webhooks, endpoint) == 1
    assert only_delivery(webhooks, endpoint).next_attempt_at == clock.now()
    webhooks.retry_cycle.run()
    again = only_delivery(webhooks, endpoint)
    assert (again.status, again.attempts_made) == (DeliveryStatus.PENDING, made + 1)
    assert again.next_attempt_at == clock.now() + timedelta(minutes=1)


def test_deliveries_that_are_not_dead_are_left_alone(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda request: Reply(500 if request.webhook_id == "evt_1" else 204)
    webhooks.announcer.announce(events(2))
    webhooks.deliverer.finish(5)
    before = deliveries(webhooks, endpoint)
    assert redeliver(webhooks, endpoint) == 0
    assert deliveries(webhooks, endpoint) == before


def test_only_events_of_the_type_and_age_that_are_wanted_are_sent_again(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    webhooks.endpoints.disable_gone(endpoint)
    for event_type in ("job.failed", "job.succeeded"):
        for age in ("old", "new"):
            webhooks.announcer.announce([event(event_type, event_id=f"{event_type} {age}")])
            clock.advance(10 if age == "old" else -10)
    enable(webhooks, endpoint)
    since = clock.now() + timedelta(seconds=10)
    assert redeliver(webhooks, endpoint, RedeliveryRequest("job.failed", since)) == 1
    assert [one.event_id for one in listed(webhooks, endpoint.id, status="pending")] == ["job.failed new"]
    assert redeliver(webhooks, endpoint, RedeliveryRequest(since=since)) == 1
    assert redeliver(webhooks, endpoint, RedeliveryRequest("job.failed")) == 1
    assert [one.event_id for one in listed(webhooks, endpoint.id, status="dead")] == ["job.succeeded old"]


def test_deliveries_that_a_call_has_no_time_for_are_counted_and_left_to_the_retry_cycles(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    endpoint = add_endpoint(receiver)
    dead_deliveries(webhooks, endpoint, 80)
    scheduled = webhooks.bulk_redelivery.start(endpoint.id, ALL, has_time=lambda: False, may_count=always)
    assert scheduled == 80
    assert counts(webhooks, endpoint.id) == (33, 47)
    for _ in range(2):
        webhooks.retry_cycle.run()
    assert len({request.webhook_id for request in receiver.requests}) == len(receiver.requests) == 80
    assert set(statuses(webhooks, endpoint)) == {"delivered"}


@pytest.mark.parametrize("write", range(1, 6))
def test_a_process_killed_before_any_write_schedules_every_delivery_once_all_the_same(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    write: int,
) -> None:
    """The request, three transactions, the request's removal: killed before each of these."""
    table = webhook_tables[1]
    webhooks = open_instance()
    endpoint = add_endpoint(receiver)
    dead_deliveries(webhooks, endpoint, 80)
    with killed_before_write(table, write) as kill, pytest.raises(Killed):
        redeliver(webhooks, endpoint)
    assert kill.happened
    for _ in range(2):
        webhooks.retry_cycle.run()
    # Killed before the request was stored, the caller has had no answer, and nothing happens.
    expected = 0 if write == 1 else 80
    assert len({request.webhook_id for request in receiver.requests}) == len(receiver.requests) == expected
    assert counts(webhooks, endpoint.id) == (0, 80 - expected)
    assert rows(table, REQUESTS) == []


@pytest.mark.parametrize("after_writing", [False, True])
@pytest.mark.parametrize("requests_left", range(1, 7))
def test_storage_failing_at_any_request_leaves_the_rest_to_the_retry_cycles(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    requests_left: int,
    after_writing: bool,
) -> None:
    survivor = open_instance()
    endpoint = add_endpoint(receiver)
    dead_deliveries(survivor, endpoint, 80)
    dying = DyingTable(webhook_tables[1], requests_left, after_writing=after_writing)
    with pytest.raises(StorageUnreachable):
        redeliver(open_instance(deliveries_table=dying), endpoint)
    for _ in range(2):
        survivor.retry_cycle.run()
    redeliver(survivor, endpoint)  # as a caller does who was answered with an error
    survivor.retry_cycle.run()
    assert len({request.webhook_id for request in receiver.requests}) == len(receiver.requests) == 80


def test_calls_at_the_same_time_schedule_each_delivery_once(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    instances = [open_instance() for _ in range(4)]
    endpoint = add_endpoint(receiver)
    dead_deliveries(instances[0], endpoint, 120)
    with ThreadPoolExecutor(4) as pool:
        scheduled = list(pool.map(lambda webhooks: redeliver(webhooks, endpoint), instances))
    assert sum(scheduled) == 120
    assert counts(instances[0], endpoint.id) == (120, 0)
    instances[0].retry_cycle.run()
    assert len({request.webhook_id for request in receiver.requests}) == len(receiver.requests) == 120


def test_a_delivery_redelivered_by_hand_at_the_same_time_is_sent_once(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks = open_instance()
    endpoint = add_endpoint(receiver)
    dead_deliveries(webhooks, endpoint, 3)
    by_hand = deliveries(webhooks, endpoint)[0]
    reopen = webhooks.bulk_redelivery._reopen

    def after_a_redelivery_by_hand(group: object) -> int:
        webhooks.deliverer.redeliver(by_hand)
        return reopen(group)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(webhooks.bulk_redelivery, "_reopen", after_a_redelivery_by_hand)
    assert redeliver(webhooks, endpoint) == 2
    webhooks.retry_cycle.run()
    assert len({request.webhook_id for request in receiver.requests}) == len(receiver.requests) == 3


def test_a_delivery_that_died_again_at_the_same_time_stays_dead(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks = open_instance()
    endpoint = add_endpoint(receiver)
    dead_deliveries(webhooks, endpoint, 1)
    receiver.behaviour = lambda _: Reply(410)
    reopen = webhooks.bulk_redelivery._reopen

    def after_a_failed_redelivery_by_hand(group: object) -> int:
        webhooks.deliverer.redeliver(only_delivery(webhooks, endpoint))
        return reopen(group)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(webhooks.bulk_redelivery, "_reopen", after_a_failed_redelivery_by_hand)
    assert redeliver(webhooks, endpoint) == 0
    delivery = only_delivery(webhooks, endpoint)
    assert (delivery.status, delivery.attempts_made) == (DeliveryStatus.DEAD, 1)


def test_a_request_made_again_while_it_is_worked_off_gets_another_pass(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, webhook_tables: tuple[Table, Table]
) -> None:
    endpoint = add_endpoint(receiver)
    dead_deliveries(webhooks, endpoint, 120)
    scheduled: list[int] = []

    def made_again_once() -> bool:
        if not scheduled:
            again = webhooks.bulk_redelivery.start(endpoint.id, ALL, has_time=lambda: False, may_count=lambda: False)
            scheduled.append(again)
        return True

    webhooks.bulk_redelivery.start(endpoint.id, ALL, has_time=made_again_once, may_count=always)
    assert len(rows(webhook_tables[1], REQUESTS)) == 1
    webhooks.retry_cycle.run()
    assert rows(webhook_tables[1], REQUESTS) == []


def test_an_endpoint_that_is_gone_again_ends_the_redelivery(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    clock: FakeClock,
) -> None:
    endpoint = add_endpoint(receiver)
    dead_deliveries(webhooks, endpoint, 80)
    webhooks.bulk_redelivery.start(endpoint.id, ALL, has_time=lambda: False, may_count=always)
    webhooks.endpoints.disable_gone(current(webhooks, endpoint))
    webhooks.retry_cycle.run()
    assert receiver.requests == []
    assert rows(webhook_tables[1], REQUESTS) == []
    assert counts(webhooks, endpoint.id) == (0, 80)
    enable(webhooks, endpoint)
    clock.advance(60)
    webhooks.retry_cycle.run()
    assert receiver.requests == []


def test_a_redelivery_waits_while_a_person_has_disabled_the_endpoint(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    endpoint = add_endpoint(receiver)
    dead_deliveries(webhooks, endpoint, 80)
    webhooks.bulk_redelivery.start(endpoint.id, ALL, has_time=lambda: False, may_count=always)
    webhooks.endpoints.change(replace(current(webhooks, endpoint), enabled=False))
    webhooks.retry_cycle.run()
    assert receiver.requests == []
    enable(webhooks, endpoint)
    for _ in range(2):
        webhooks.retry_cycle.run()
    assert len(receiver.requests) == 80


def test_a_removed_endpoint_takes_its_redelivery_with_it(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, webhook_tables: tuple[Table, Table]
) -> None:
    endpoint = add_endpoint(receiver)
    dead_deliveries(webhooks, endpoint, 80)
    webhooks.bulk_redelivery.start(endpoint.id, ALL, has_time=lambda: False, may_count=always)
    webhooks.removal.mark(endpoint.id)
    webhooks.retry_cycle.run()
    assert receiver.requests == []
    assert rows(webhook_tables[1], REQUESTS) == []
    assert rows(webhook_tables[1], endpoint.id) == []


def test_dead_deliveries_of_an_earlier_version_are_sent_again_too(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, webhook_tables: tuple[Table, Table]
) -> None:
    endpoint = add_endpoint(receiver)
    dead_deliveries(webhooks, endpoint, 3)
    for row_key in rows(webhook_tables[1], endpoint.id):
        if row_key.startswith("dead~"):
            webhook_tables[1].upsert({"PartitionKey": endpoint.id, "RowKey": row_key})
    assert redeliver(webhooks, endpoint, RedeliveryRequest("job.failed")) == 0
    assert redeliver(webhooks, endpoint, RedeliveryRequest("job.succeeded")) == 3
    webhooks.retry_cycle.run()
    assert len(receiver.requests) == 3


def test_a_dead_delivery_whose_rows_were_deleted_stops_no_other(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, webhook_tables: tuple[Table, Table]
) -> None:
    endpoint = add_endpoint(receiver)
    dead_deliveries(webhooks, endpoint, 3)
    broken = deliveries(webhooks, endpoint)[0]
    webhook_tables[1].delete(endpoint.id, broken.log_key)
    assert redeliver(webhooks, endpoint) == 2
    assert rows(webhook_tables[1], REQUESTS) == []


def test_a_request_changed_by_hand_is_worked_off_without_its_broken_filters(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, webhook_tables: tuple[Table, Table]
) -> None:
    endpoint = add_endpoint(receiver)
    dead_deliveries(webhooks, endpoint, 1)
    row = {"PartitionKey": REQUESTS, "RowKey": f"{endpoint.id}~x", "type": 7, "since": "soon"}
    webhook_tables[1].upsert(row)
    for _ in range(2):
        webhooks.retry_cycle.run()
    assert len(receiver.requests) == 1
    assert rows(webhook_tables[1], REQUESTS) == []
