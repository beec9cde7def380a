"""Deliveries that are read one by one and made due again, over a real Azurite and without a receiver."""

from dataclasses import replace
from typing import Any

import pytest

from shared.storage.errors import RowChanged
from shared.storage.table import Row, Table
from shared.webhooks.deliveries import Counted, DeliveryStore
from shared.webhooks.delivery import Delivery, DeliveryStatus, DueDelivery
from tests.clock import FakeClock
from tests.webhooks.logged import lines
from tests.webhooks.stored import rows
from tests.webhooks.test_deliveries import BODY, ENDPOINT, MINUTE, SECOND, add, attempt, dues, failed, found


@pytest.fixture
def table(webhook_tables: tuple[Table, Table]) -> Table:
    return webhook_tables[1]


@pytest.fixture
def store(table: Table) -> DeliveryStore:
    return DeliveryStore(table)


def ended(store: DeliveryStore, clock: FakeClock, status: int = 204) -> Delivery:
    """A delivery after its only attempt."""
    [due] = add(store, clock)
    store.record(due, attempt(clock, status), None)
    return found(store, due)


@pytest.mark.parametrize("status", [204, 500], ids=["delivered", "dead"])
def test_a_delivery_that_has_ended_is_pending_again_and_claimed(
    store: DeliveryStore, clock: FakeClock, status: int
) -> None:
    delivery = ended(store, clock, status)
    clock.advance(600)
    due = store.reopen(delivery, clock.now())
    assert (due.id, due.event_id, due.failures, due.attempts) == (delivery.id, delivery.event_id, 0, 1)
    assert due.claimed_until == clock.now() + 45 * SECOND
    again = found(store, due)
    assert (again.status, again.next_attempt_at) == (DeliveryStatus.PENDING, clock.now())
    assert store.count(ENDPOINT, rows_at_most=10) == Counted(1, 0, [])
    assert dues(store, clock) == []
    assert store.payload(due) == BODY
    store.record(due, attempt(clock), clock.now() + MINUTE)
    assert found(store, due).attempts_made == 2


def test_a_delivery_that_was_reopened_and_ended_since_it_was_read_is_not_reopened(
    store: DeliveryStore, clock: FakeClock
) -> None:
    delivery = ended(store, clock)
    store.record(store.reopen(delivery, clock.now()), attempt(clock, 204), None)
    with pytest.raises(RowChanged):
        store.reopen(delivery, clock.now())


def test_a_delivery_that_is_being_sent_is_not_reopened(store: DeliveryStore, clock: FakeClock) -> None:
    [due] = add(store, clock)
    with pytest.raises(RowChanged):
        store.reopen(found(store, due), clock.now())


def test_a_delivery_that_waits_keeps_its_place_in_the_schedule(store: DeliveryStore, clock: FakeClock) -> None:
    due = failed(store, clock)
    claimed = store.reopen(found(store, due), clock.now())
    assert (claimed.failures, claimed.claimed_until) == (1, clock.now() + 45 * SECOND)


def test_a_due_row_that_cannot_be_read_is_replaced(table: Table, store: DeliveryStore, clock: FakeClock) -> None:
    delivery = found(store, failed(store, clock))
    table.upsert({"PartitionKey": ENDPOINT, "RowKey": f"due~{delivery.id}", "failures": "many"})
    claimed = store.reopen(delivery, clock.now())
    clock.advance(45)
    [due] = dues(store, clock)
    assert replace(claimed, payload=None) == due


def test_a_due_row_that_is_repaired_at_that_moment_is_not_replaced(
    table: Table, store: DeliveryStore, clock: FakeClock
) -> None:
    delivery = found(store, failed(store, clock))
    read = table.get(ENDPOINT, f"due~{delivery.id}")
    assert read is not None
    whole = dict(read)
    table.upsert(whole | {"failures": "many"})

    class Repaired:
        """The row is repaired right after it was read."""

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of a table
            return getattr(table, name)

        def get(self, partition: str, key: str) -> Row | None:
            row = table.get(partition, key)
            if key.startswith("due~"):
                table.upsert(whole)
            return row

    repaired: Any = Repaired()
    with pytest.raises(RowChanged):
        DeliveryStore(repaired).reopen(delivery, clock.now())


def test_a_delivery_without_its_body_row_or_its_log_row_is_not_found(
    table: Table, store: DeliveryStore, clock: FakeClock
) -> None:
    first, second, third = add(store, clock, 3)
    body = table.get(ENDPOINT, f"body~{first.id}")
    assert body is not None
    table.upsert({name: value for name, value in body.items() if name != "logKey"})
    table.delete(ENDPOINT, second.log_key)
    table.delete(ENDPOINT, f"body~{third.id}")
    assert [store.get(ENDPOINT, due.id) for due in (first, second, third)] == [None] * 3


def test_a_delivery_whose_log_row_cannot_be_read_is_logged_and_not_found(
    table: Table, store: DeliveryStore, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    [due] = add(store, clock)
    table.upsert({"PartitionKey": ENDPOINT, "RowKey": due.log_key})
    assert store.get(ENDPOINT, due.id) is None
    [(level, facts)] = lines(caplog, "delivery_unreadable")
    assert (level, facts["rowKey"]) == ("ERROR", due.log_key)


def test_a_delivery_is_found_with_all_that_is_stored(store: DeliveryStore, clock: FakeClock) -> None:
    [due] = add(store, clock)
    delivery = found(store, due)
    assert (delivery.id, delivery.endpoint_id, delivery.event_id) == (due.id, ENDPOINT, "evt_0")
    assert (delivery.created_at, delivery.status) == (clock.now(), DeliveryStatus.PENDING)
    assert store.get("wh_2", due.id) is None


def test_the_log_row_of_a_delivery_that_is_marked_as_dead_is_written_anew_if_it_was_deleted(
    table: Table, store: DeliveryStore, clock: FakeClock
) -> None:
    due = failed(store, clock)
    table.delete(ENDPOINT, due.log_key)
    assert store.mark_pending_dead(ENDPOINT, clock.now(), lambda: True) == 0
    restored = found(store, due)
    assert (restored.status, restored.created_at, restored.event_id) == (
        DeliveryStatus.PENDING,
        clock.now(),
        due.event_id,
    )
    assert store.mark_pending_dead(ENDPOINT, clock.now(), lambda: True) == 1
    assert found(store, due).status is DeliveryStatus.DEAD


def test_an_attempt_whose_log_row_was_deleted_is_recorded_in_a_new_one(
    table: Table, store: DeliveryStore, clock: FakeClock
) -> None:
    [due] = add(store, clock)
    table.delete(ENDPOINT, due.log_key)
    store.record(due, attempt(clock), clock.now() + MINUTE)
    restored = found(store, due)
    assert (restored.status, restored.attempts_made) == (DeliveryStatus.PENDING, 1)
    assert restored.next_attempt_at == clock.now() + MINUTE


def test_no_log_row_is_written_for_a_delivery_that_was_removed(
    table: Table, store: DeliveryStore, clock: FakeClock
) -> None:
    due: DueDelivery = failed(store, clock)
    [current] = list(store.due(ENDPOINT, clock.now() + MINUTE))
    for row_key in rows(table, ENDPOINT):
        table.delete(ENDPOINT, row_key)
    with pytest.raises(RowChanged):
        store.record(current, attempt(clock), None)
    assert store.get(ENDPOINT, due.id) is None
    assert rows(table, ENDPOINT) == []
