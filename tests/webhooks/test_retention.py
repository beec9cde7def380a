"""Deliveries that ended long ago are removed, and no others."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shared.storage.table import Row, Table
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.removal import Retention
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event, events
from tests.webhooks.stored import listed
from tests.webhooks.test_removal import RecordingTable

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

    assert webhooks.retention.remove_expired(ended_before=clock.now(), has_time=has_time) == 0
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


def dead(webhooks: Webhooks, add_endpoint: AddEndpoint, count: int) -> Endpoint:
    """An endpoint with deliveries that are dead from the start."""
    endpoint = add_endpoint("http://127.0.0.1:1/", enabled=False, disabled_reason="gone")
    webhooks.announcer.announce(events(count))
    return endpoint


def retention(webhooks: Webhooks, table: object) -> Retention:
    """One that works on this table."""
    any_table: Any = table
    return Retention(endpoints=webhooks.endpoints, deliveries_table=any_table)


def test_the_number_of_all_that_were_removed_is_returned(
    webhooks: Webhooks, add_endpoint: AddEndpoint, webhook_tables: tuple[Table, Table], clock: FakeClock
) -> None:
    """Three rows each: 33 fit into one transaction."""
    first, second = dead(webhooks, add_endpoint, 40), dead(webhooks, add_endpoint, 2)
    clock.advance(1)
    assert webhooks.retention.remove_expired(ended_before=clock.now(), has_time=always) == 42
    assert rows(webhook_tables[1], first.id) == rows(webhook_tables[1], second.id) == []


def test_removing_reads_only_the_columns_that_say_when_a_delivery_ended(
    webhooks: Webhooks, add_endpoint: AddEndpoint, webhook_tables: tuple[Table, Table], clock: FakeClock
) -> None:
    dead(webhooks, add_endpoint, 1)
    table = RecordingTable(webhook_tables[1])
    retention(webhooks, table).remove_expired(ended_before=clock.now(), has_time=always)
    assert table.columns == [["PartitionKey", "RowKey", "status", "lastAttemptAt"]]


def test_a_row_that_is_not_a_deliverys_stays(
    webhooks: Webhooks, add_endpoint: AddEndpoint, webhook_tables: tuple[Table, Table], clock: FakeClock
) -> None:
    endpoint = dead(webhooks, add_endpoint, 0)
    row = {"PartitionKey": endpoint.id, "RowKey": "log~9", "status": "delivered", "lastAttemptAt": clock.now() - DAY}
    webhook_tables[1].upsert(row)
    assert webhooks.retention.remove_expired(ended_before=clock.now(), has_time=always) == 0
    assert rows(webhook_tables[1], endpoint.id) == ["log~9"]


def test_a_delivery_that_is_removed_at_that_moment_by_another_run_is_not_counted(
    webhooks: Webhooks, add_endpoint: AddEndpoint, clock: FakeClock
) -> None:
    endpoint = dead(webhooks, add_endpoint, 1)
    clock.advance(1)
    asked = iter([always])

    def has_time() -> bool:
        """The second time, the delivery has been read as expired."""
        if next(asked, None) is None:
            webhooks.deliveries.delete_all(endpoint.id, always)
        return True

    assert webhooks.retention.remove_expired(ended_before=clock.now(), has_time=has_time) == 0


@pytest.mark.parametrize("missing", ["body", "dead"])
def test_a_delivery_that_lacks_a_row_and_is_reopened_at_that_moment_stays_and_the_others_are_removed(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    webhook_tables: tuple[Table, Table],
    clock: FakeClock,
    missing: str,
) -> None:
    table = webhook_tables[1]
    endpoint, other = dead(webhooks, add_endpoint, 2), dead(webhooks, add_endpoint, 1)
    reopened = listed(webhooks, endpoint.id)[0]
    table.delete(endpoint.id, f"{missing}~{reopened.id}")
    kept = {f"{kind}~{reopened.id}" for kind in ("body", "due") if kind != missing} | {reopened.log_key}
    clock.advance(1)

    class Reopening:
        """The delivery is reopened when its rows are read to remove it."""

        is_reopened = False

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of a table
            return getattr(table, name)

        def get(self, partition: str, key: str) -> Row | None:
            found = table.get(partition, key)
            if not self.is_reopened:
                webhooks.deliveries.reopen(reopened, clock.now())
                self.is_reopened = True
            return found

    reopening = Reopening()
    assert retention(webhooks, reopening).remove_expired(ended_before=clock.now(), has_time=always) == 2
    assert reopening.is_reopened
    assert set(rows(table, endpoint.id)) == kept
    assert rows(table, other.id) == []
