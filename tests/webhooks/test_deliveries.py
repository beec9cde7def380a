"""What the store of deliveries writes and reads, over a real Azurite and without a receiver."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.storage.errors import ChangeRefused, RecordBroken, RowChanged
from shared.storage.table import Change, Committed, Table
from shared.webhooks.deliveries import Counted, DeliveryStore
from shared.webhooks.delivery import Attempt, Delivery, DeliveryStatus, DueDelivery, Payload
from tests.clock import FakeClock
from tests.webhooks.logged import lines
from tests.webhooks.samples import events
from tests.webhooks.stored import rows

ENDPOINT = "wh_1"
BODY = Payload(b'{"type": "job.succeeded"}', "application/json")
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def table(webhook_tables: tuple[Table, Table]) -> Table:
    return webhook_tables[1]


@pytest.fixture
def store(table: Table) -> DeliveryStore:
    return DeliveryStore(table)


class WatchedTable:
    """Passes all on to a table. It refuses the first writes of either kind, and says how many there were."""

    def __init__(self, table: Table, *, refused: int = 0, refused_alone: int = 0) -> None:
        self._table = table
        self._refused = refused
        self._refused_alone = refused_alone
        self.commits = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of a table
        return getattr(self._table, name)

    def commit_each(self, groups: Sequence[Sequence[Change]]) -> list[Committed]:
        self._refused -= 1
        if self._refused >= 0:
            return [ChangeRefused("too large") for _ in groups]
        return self._table.commit_each(groups)

    def commit(self, changes: Sequence[Change]) -> list[str]:
        self.commits += 1
        if self.commits <= self._refused_alone:
            raise ChangeRefused("too large")
        return self._table.commit(changes)


def watched(table: Table, **options: int) -> tuple[DeliveryStore, WatchedTable]:
    watching: Any = WatchedTable(table, **options)
    return DeliveryStore(watching), watching


def add(store: DeliveryStore, clock: FakeClock, count: int = 1, *, dead: bool = False) -> list[DueDelivery]:
    return store.add(ENDPOINT, [(one, BODY) for one in events(count)], clock.now(), dead=dead)


def attempt(clock: FakeClock, status: int | None = 500, **fields: Any) -> Attempt:  # noqa: ANN401 - as of an attempt
    return Attempt(at=clock.now(), status=status, latency_ms=5, **fields)


def failed(store: DeliveryStore, clock: FakeClock, *, wait: timedelta = MINUTE) -> DueDelivery:
    """A delivery that is tried again after this time."""
    [due] = add(store, clock)
    store.record(due, attempt(clock), clock.now() + wait)
    return due


def found(store: DeliveryStore, due: DueDelivery) -> Delivery:
    delivery = store.get(due.endpoint_id, due.id)
    assert delivery is not None
    return delivery


def dues(store: DeliveryStore, clock: FakeClock) -> list[DueDelivery]:
    return list(store.due(ENDPOINT, clock.now()))


def test_new_deliveries_are_returned_claimed_for_45_seconds(store: DeliveryStore, clock: FakeClock) -> None:
    added = add(store, clock, 3)
    assert [due.event_id for due in added] == ["evt_0", "evt_1", "evt_2"]
    assert {due.claimed_until - clock.now() for due in added} == {45 * SECOND}
    assert dues(store, clock) == []
    for due in added:
        store.record(due, attempt(clock), clock.now())
    assert len(dues(store, clock)) == 3


def test_deliveries_that_are_stored_already_are_not_returned(store: DeliveryStore, clock: FakeClock) -> None:
    add(store, clock, 2)
    assert [due.event_id for due in add(store, clock, 3)] == ["evt_2"]


def test_deliveries_that_are_dead_from_the_start_are_not_returned(store: DeliveryStore, clock: FakeClock) -> None:
    assert add(store, clock, 2, dead=True) == []
    assert store.count(ENDPOINT, rows_at_most=10) == Counted(0, 2, [])


@pytest.mark.parametrize("refused", [1, 2])
def test_a_new_delivery_that_storage_refuses_is_logged_and_dead_with_the_reason(
    table: Table, store: DeliveryStore, clock: FakeClock, caplog: pytest.LogCaptureFixture, refused: int
) -> None:
    refusing, _ = watched(table, refused=refused)
    assert add(refusing, clock) == []
    [due] = DeliveryStore(table).add("wh_2", [(events(1)[0], BODY)], clock.now(), dead=False)
    [row_key] = [key.removeprefix("dead~") for key in rows(table, ENDPOINT) if key.startswith("dead~")]
    assert lines(caplog, "delivery_not_stored") == [("WARNING", {"deliveryId": row_key, "error": "too large"})]
    delivery = store.get(ENDPOINT, row_key)
    assert delivery is not None
    assert (delivery.status, delivery.event_id, delivery.attempts_made) == (DeliveryStatus.DEAD, due.event_id, 1)
    assert delivery.created_at == clock.now()
    [only] = delivery.attempts
    assert (only.at, only.status, only.error) == (clock.now(), None, "not sent: too large")
    if refused == 1:
        assert store.payload(delivery) == BODY
    else:
        with pytest.raises(RecordBroken):
            store.payload(delivery)


def test_a_delivery_that_storage_refuses_even_as_a_dead_one_is_an_error(table: Table, clock: FakeClock) -> None:
    refusing, _ = watched(table, refused=3)
    with pytest.raises(ChangeRefused):
        add(refusing, clock)
    assert rows(table, ENDPOINT) == []


@pytest.mark.parametrize(("wait", "is_due"), [(SECOND, False), (0 * SECOND, True)], ids=["later", "now"])
def test_a_delivery_is_due_at_its_time(store: DeliveryStore, clock: FakeClock, wait: timedelta, is_due: bool) -> None:
    failed(store, clock, wait=wait)
    assert len(dues(store, clock)) == is_due


@pytest.mark.parametrize(("more", "is_due"), [(0 * SECOND, False), (SECOND, True)], ids=["possible", "impossible"])
def test_an_attempt_planned_more_than_three_days_ahead_is_due(
    store: DeliveryStore, clock: FakeClock, more: timedelta, is_due: bool
) -> None:
    failed(store, clock, wait=timedelta(days=3) + more)
    assert len(dues(store, clock)) == is_due


@pytest.mark.parametrize(("seconds", "is_due"), [(44, False), (45, True), (-45, False), (-46, True)])
def test_a_claim_lasts_45_seconds_and_one_more_than_90_seconds_ahead_does_not_count(
    store: DeliveryStore, clock: FakeClock, seconds: int, is_due: bool
) -> None:
    add(store, clock)
    clock.advance(seconds)
    assert len(dues(store, clock)) == is_due
    assert store.mark_pending_dead(ENDPOINT, clock.now(), lambda: True) == is_due


@pytest.mark.parametrize(("seconds", "kept"), [(25, True), (26, False), (45, False), (-46, False)])
def test_a_claim_is_renewed_unless_at_least_20_seconds_of_it_are_left(
    store: DeliveryStore, clock: FakeClock, seconds: int, kept: bool
) -> None:
    [due] = add(store, clock)
    clock.advance(seconds)
    claimed = store.claim(due, clock.now())
    assert (claimed.etag == due.etag) is kept
    assert claimed.claimed_until == (due.claimed_until if kept else clock.now() + 45 * SECOND)
    store.record(claimed, attempt(clock), None)


def test_a_delivery_that_another_process_has_claimed_cannot_be_claimed(
    store: DeliveryStore, clock: FakeClock
) -> None:
    failed(store, clock)
    clock.advance(60)
    [due], [again] = dues(store, clock), dues(store, clock)
    store.claim(due, clock.now())
    assert dues(store, clock) == []
    with pytest.raises(RowChanged):
        store.claim(again, clock.now())


def test_a_payload_is_taken_from_memory_or_else_from_storage(
    table: Table, store: DeliveryStore, clock: FakeClock
) -> None:
    [due] = add(store, clock)
    table.delete(ENDPOINT, f"body~{due.id}")
    assert store.payload(due) == BODY
    with pytest.raises(RecordBroken):
        store.payload(replace(due, payload=None))


@pytest.mark.parametrize(
    ("status", "next_in", "expected"),
    [
        (204, None, DeliveryStatus.DELIVERED),
        (500, None, DeliveryStatus.DEAD),
        (500, MINUTE, DeliveryStatus.PENDING),
    ],
    ids=["delivered", "dead", "pending"],
)
def test_an_attempt_is_recorded_with_what_comes_of_its_delivery(
    store: DeliveryStore, clock: FakeClock, status: int, next_in: timedelta | None, expected: DeliveryStatus
) -> None:
    [due] = add(store, clock)
    made = attempt(clock, status, response="text")
    next_at = None if next_in is None else clock.now() + next_in
    store.record(due, made, next_at)
    delivery = found(store, due)
    assert (delivery.status, delivery.attempts, delivery.next_attempt_at) == (expected, [made], next_at)
    pending, dead = expected is DeliveryStatus.PENDING, expected is DeliveryStatus.DEAD
    assert store.count(ENDPOINT, rows_at_most=10) == Counted(pending, dead, [])


def test_an_attempt_under_a_claim_that_was_lost_is_not_recorded_and_not_tried_again(
    table: Table, store: DeliveryStore, clock: FakeClock
) -> None:
    late, watching = watched(table)
    [due] = add(store, clock)
    clock.advance(45)
    [by_another] = dues(store, clock)
    store.claim(by_another, clock.now())
    with pytest.raises(RowChanged):
        late.record(due, attempt(clock), None)
    assert found(store, due).attempts == []
    assert watching.commits == 0


def test_an_attempt_of_a_delivery_that_was_removed_is_not_recorded(
    table: Table, store: DeliveryStore, clock: FakeClock
) -> None:
    [due] = add(store, clock)
    store.delete_all(ENDPOINT, lambda: True)
    with pytest.raises(RowChanged):
        store.record(due, attempt(clock), None)
    assert rows(table, ENDPOINT) == []


@pytest.mark.parametrize("next_in", [None, MINUTE], ids=["dead", "pending"])
def test_an_attempt_whose_texts_storage_refuses_is_recorded_without_them(
    table: Table, store: DeliveryStore, clock: FakeClock, next_in: timedelta | None
) -> None:
    [due] = add(store, clock)
    refusing, _ = watched(table, refused=1)
    next_at = None if next_in is None else clock.now() + next_in
    refusing.record(due, attempt(clock, response="x", error="y"), next_at)
    delivery = found(store, due)
    [only] = delivery.attempts
    assert (only.at, only.status, only.latency_ms, only.response) == (clock.now(), 500, 5, None)
    assert only.error == "storage refused the text of the error"
    assert delivery.next_attempt_at == next_at
    assert delivery.status is (DeliveryStatus.DEAD if next_in is None else DeliveryStatus.PENDING)


def test_an_attempt_counts_even_if_its_delivery_takes_no_more_columns(
    table: Table, store: DeliveryStore, clock: FakeClock
) -> None:
    [due] = add(store, clock)
    refusing, _ = watched(table, refused=1, refused_alone=1)
    refusing.record(due, attempt(clock), clock.now() + MINUTE)
    assert dues(store, clock) == []
    clock.advance(60)
    [again] = dues(store, clock)
    assert (again.failures, again.attempts) == (1, 1)


def test_pending_deliveries_are_marked_as_dead_while_there_is_time(store: DeliveryStore, clock: FakeClock) -> None:
    """Three rows each: 33 fit into one transaction."""
    for due in add(store, clock, 80):
        store.record(due, attempt(clock), clock.now() + MINUTE)
    assert store.mark_pending_dead(ENDPOINT, clock.now(), lambda: False) == 33
    assert store.count(ENDPOINT, rows_at_most=100) == Counted(47, 33, [])
    assert store.mark_pending_dead(ENDPOINT, clock.now(), lambda: True) == 47
    assert store.count(ENDPOINT, rows_at_most=100) == Counted(0, 80, [])
    assert store.mark_pending_dead(ENDPOINT, clock.now(), lambda: True) == 0


def test_pending_deliveries_that_cannot_be_read_stop_no_other_from_being_marked_as_dead(
    table: Table, store: DeliveryStore, clock: FakeClock
) -> None:
    failed(store, clock)
    table.upsert({"PartitionKey": ENDPOINT, "RowKey": "due~dlv"})
    assert store.mark_pending_dead(ENDPOINT, clock.now(), lambda: True) == 1
    assert store.count(ENDPOINT, rows_at_most=100) == Counted(0, 1, ["due~dlv"])


def test_deliveries_are_counted_up_to_a_number_of_rows(store: DeliveryStore, clock: FakeClock) -> None:
    add(store, clock, 3, dead=True)
    store.add(ENDPOINT, [(one, BODY) for one in events(6)], clock.now(), dead=False)
    assert store.count(ENDPOINT, rows_at_most=100) == Counted(3, 3, [])
    assert store.count(ENDPOINT, rows_at_most=4) == Counted(1, 3, [])
    assert store.count("wh_2", rows_at_most=4) == Counted(0, 0, [])


def test_all_rows_of_an_endpoint_are_deleted_and_of_no_other(
    table: Table, store: DeliveryStore, clock: FakeClock
) -> None:
    add(store, clock, 40)
    store.add("wh_2", [(events(1)[0], BODY)], clock.now(), dead=False)
    assert store.delete_all(ENDPOINT, lambda: False) is False
    assert len(rows(table, ENDPOINT)) == 120
    assert store.delete_all(ENDPOINT, lambda: True) is False
    assert rows(table, ENDPOINT) == []
    assert store.delete_all(ENDPOINT, lambda: True) is True
    assert len(rows(table, "wh_2")) == 3
