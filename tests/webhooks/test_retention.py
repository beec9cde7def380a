"""Deliveries that ended long ago are removed, and no others."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.storage.table import Table
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event
from tests.webhooks.stored import listed

DAY = timedelta(days=1)


def always() -> bool:
    return True


def times(count: int) -> Callable[[], bool]:
    """True for the first `count` calls."""
    answers = iter([True] * count)
    return lambda: next(answers, False)


def rows(table: Table, partition: str) -> list[str]:
    return [row["RowKey"] for row in table.rows("PartitionKey eq @partition", {"partition": partition})]


def deliver(webhooks: Webhooks, *event_ids: str) -> None:
    webhooks.announcer.announce([event(event_id=event_id) for event_id in event_ids])
    webhooks.deliverer.finish(30)


def kept(webhooks: Webhooks, endpoint_id: str) -> list[str]:
    page = listed(webhooks, endpoint_id)
    return sorted(delivery.event_id for delivery in page)


def test_delivered_and_dead_deliveries_are_removed_by_the_age_of_their_last_attempt_and_pending_ones_stay(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    clock: FakeClock,
) -> None:
    endpoint = add_endpoint(receiver)
    deliver(webhooks, "evt_delivered", "evt_again")
    receiver.behaviour = lambda _: Reply(500)
    deliver(webhooks, "evt_pending")
    receiver.behaviour = lambda _: Reply(410)
    deliver(webhooks, "evt_dead")
    clock.advance(DAY.total_seconds())
    enabled = webhooks.endpoints.get(endpoint.id)
    assert enabled is not None
    webhooks.endpoints.change(enabled.enabled_again())
    receiver.behaviour = lambda _: Reply()
    page = listed(webhooks, endpoint.id)
    [again] = [delivery for delivery in page if delivery.event_id == "evt_again"]
    [pending] = [delivery for delivery in page if delivery.event_id == "evt_pending"]
    webhooks.deliverer.redeliver(again)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.deliverer.redeliver(pending)
    deliver(webhooks, "evt_new")

    removed = webhooks.retention.remove_expired(ended_before=clock.now(), has_time=always)
    assert removed == 2
    assert kept(webhooks, endpoint.id) == ["evt_again", "evt_new", "evt_pending"]
    clock.advance(1)
    webhooks.retention.remove_expired(ended_before=clock.now(), has_time=always)
    assert kept(webhooks, endpoint.id) == ["evt_new", "evt_pending"]
    assert len(rows(webhook_tables[1], endpoint.id)) == 6


def test_a_run_that_ends_early_is_resumed_by_the_next(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    deliver(webhooks, *(f"evt_{number}" for number in range(40)))
    clock.advance(1)
    assert webhooks.retention.remove_expired(ended_before=clock.now(), has_time=lambda: False) == 0
    assert webhooks.retention.remove_expired(ended_before=clock.now(), has_time=times(2)) == 33
    assert len(kept(webhooks, endpoint.id)) == 7
    assert webhooks.retention.remove_expired(ended_before=clock.now(), has_time=always) == 7
    assert kept(webhooks, endpoint.id) == []


@pytest.mark.parametrize("missing", ["body", "dead"])
def test_a_delivery_that_lacks_a_row_is_removed_with_the_others(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    clock: FakeClock,
    missing: str,
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(410)
    deliver(webhooks, "evt_1")
    deliver(webhooks, "evt_2")
    first = listed(webhooks, endpoint.id)[0]
    webhook_tables[1].delete(endpoint.id, f"{missing}~{first.id}")
    clock.advance(1)
    assert webhooks.retention.remove_expired(ended_before=clock.now(), has_time=always) == 2
    assert rows(webhook_tables[1], endpoint.id) == []


def test_a_delivery_that_is_redelivered_at_that_moment_stays(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    clock: FakeClock,
) -> None:
    endpoint = add_endpoint(receiver)
    deliver(webhooks, "evt_1")
    [delivery] = listed(webhooks, endpoint.id)
    clock.advance(1)

    def redelivering() -> bool:
        """Between the reading of what is expired and its removal."""
        if delivery.status is DeliveryStatus.DELIVERED and len(receiver.requests) < 2:
            webhooks.deliverer.redeliver(delivery)
        return True

    asked = iter([always, redelivering])

    def has_time() -> bool:
        return next(asked, always)()

    webhooks.retention.remove_expired(ended_before=clock.now(), has_time=has_time)
    assert len(receiver.requests) == 2
    assert kept(webhooks, endpoint.id) == ["evt_1"]


def test_an_unreadable_log_row_is_removed_by_the_age_in_its_key(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    clock: FakeClock,
) -> None:
    endpoint = add_endpoint(receiver)
    deliver(webhooks, "evt_1")
    [delivery] = listed(webhooks, endpoint.id)
    webhook_tables[1].upsert({"PartitionKey": endpoint.id, "RowKey": delivery.log_key, "lastAttemptAt": "soon"})
    clock.advance(1)
    assert webhooks.retention.remove_expired(ended_before=clock.now() - DAY, has_time=always) == 0
    assert webhooks.retention.remove_expired(ended_before=clock.now(), has_time=always) == 1
    assert rows(webhook_tables[1], endpoint.id) == []
