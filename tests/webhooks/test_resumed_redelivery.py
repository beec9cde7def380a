"""Bulk redeliveries that are stored, gone on with and dropped, over a real Azurite and without a receiver."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.storage.table import Table
from shared.webhooks.bulk_redelivery import BulkRedelivery, RedeliveryRequest
from shared.webhooks.deliveries import Counted, DeliveryStore
from shared.webhooks.delivery import DeliveryStatus, DueDelivery, Payload
from tests.clock import FakeClock
from tests.webhooks.samples import event
from tests.webhooks.stored import rows

ENDPOINT = "wh_1"
REQUESTS = "redelivery"
ALL = RedeliveryRequest()
FAILED = RedeliveryRequest(event_type="job.failed")


def yes() -> bool:
    return True


def no() -> bool:
    return False


@pytest.fixture
def table(webhook_tables: tuple[Table, Table]) -> Table:
    return webhook_tables[1]


@pytest.fixture
def store(table: Table) -> DeliveryStore:
    return DeliveryStore(table)


@pytest.fixture
def redelivery(table: Table, store: DeliveryStore, clock: FakeClock) -> BulkRedelivery:
    return BulkRedelivery(table, store, clock)


def dead(store: DeliveryStore, clock: FakeClock, count: int, event_type: str = "job.succeeded") -> None:
    """Give the endpoint dead deliveries, with ids of their own for each type and time."""
    named = [event(event_type, event_id=f"{event_type} {clock.now()} {number}") for number in range(count)]
    store.add(ENDPOINT, [(one, Payload(b"{}", "application/json")) for one in named], clock.now(), dead=True)


def left(store: DeliveryStore) -> tuple[int, int]:
    """How many deliveries are pending, and how many are dead."""
    counted: Counted = store.count(ENDPOINT, rows_at_most=1000)
    return counted.waiting, counted.dead


def start(
    redelivery: BulkRedelivery,
    request: RedeliveryRequest = ALL,
    *,
    has_time: Callable[[], bool] = no,
    may_count: Callable[[], bool] = no,
) -> int:
    return redelivery.start(ENDPOINT, request, has_time=has_time, may_count=may_count)


def resume(redelivery: BulkRedelivery, has_time: Callable[[], bool] = yes) -> None:
    redelivery.resume(ENDPOINT, redelivery.requested()[ENDPOINT], has_time)


def test_counting_what_is_left_stops_when_it_may_not_go_on(
    redelivery: BulkRedelivery, store: DeliveryStore, clock: FakeClock
) -> None:
    """Three rows each: 33 fit into one transaction."""
    dead(store, clock, 40)
    assert start(redelivery) == 34
    assert left(store) == (33, 7)


def test_a_redelivery_goes_on_while_there_is_time_and_is_done_after_a_whole_pass(
    redelivery: BulkRedelivery, store: DeliveryStore, table: Table, clock: FakeClock
) -> None:
    dead(store, clock, 70)
    start(redelivery)
    resume(redelivery, no)
    assert (left(store), len(rows(table, REQUESTS))) == ((66, 4), 1)
    resume(redelivery)
    assert (left(store), rows(table, REQUESTS)) == ((70, 0), [])


def test_a_redelivery_that_goes_on_keeps_to_its_type_and_time(
    redelivery: BulkRedelivery, store: DeliveryStore, table: Table, clock: FakeClock
) -> None:
    dead(store, clock, 2, "job.failed")
    clock.advance(60)
    since = clock.now()
    dead(store, clock, 3, "job.failed")
    dead(store, clock, 4, "job.succeeded")
    start(redelivery, RedeliveryRequest("job.failed", since))
    assert left(store) == (3, 6)
    clock.advance(60)
    dead(store, clock, 5, "job.failed")
    resume(redelivery)
    assert left(store) == (8, 6)
    assert rows(table, REQUESTS) == []


def test_redeliveries_of_different_types_and_times_are_kept_apart(
    redelivery: BulkRedelivery, store: DeliveryStore, table: Table, clock: FakeClock
) -> None:
    now = clock.now()
    since = [RedeliveryRequest(since=now - timedelta(days=days)) for days in (0, 1)]
    for request in (ALL, FAILED, *since, FAILED):
        clock.advance(60)
        dead(store, clock, 1, "job.failed")
        start(redelivery, request)
    assert len(redelivery.requested()[ENDPOINT]) == len(rows(table, REQUESTS)) == 4


def test_requests_are_found_by_their_endpoint(
    redelivery: BulkRedelivery, store: DeliveryStore, clock: FakeClock
) -> None:
    dead(store, clock, 1)
    assert redelivery.requested() == {}
    start(redelivery)
    start(redelivery, FAILED)  # there are none left of that type, so it is done
    store.add("wh_2", [(event(), Payload(b"{}", "application/json"))], clock.now(), dead=True)
    redelivery.start("wh_2", ALL, has_time=no, may_count=no)
    found = redelivery.requested()
    assert {endpoint_id: len(requests) for endpoint_id, requests in found.items()} == {ENDPOINT: 1, "wh_2": 1}
    redelivery.cancel(found["wh_2"])
    assert list(redelivery.requested()) == [ENDPOINT]


def test_a_request_made_again_while_the_cycle_works_it_off_stays(
    redelivery: BulkRedelivery, store: DeliveryStore, table: Table, clock: FakeClock
) -> None:
    dead(store, clock, 1)
    start(redelivery)
    clock.advance(60)
    dead(store, clock, 2)
    asked: list[None] = []

    def made_again_once() -> bool:
        if not asked:
            clock.advance(60)
            dead(store, clock, 1)
            start(redelivery)
        asked.append(None)
        return True

    redelivery.resume(ENDPOINT, redelivery.requested()[ENDPOINT], made_again_once)
    assert len(rows(table, REQUESTS)) == 1


def test_a_request_made_again_while_it_is_dropped_stays(
    redelivery: BulkRedelivery, store: DeliveryStore, table: Table, clock: FakeClock
) -> None:
    dead(store, clock, 1)
    start(redelivery)
    read = redelivery.requested()[ENDPOINT]
    clock.advance(60)
    dead(store, clock, 1)
    start(redelivery)
    redelivery.cancel(read)
    assert len(rows(table, REQUESTS)) == 1


def test_every_request_of_a_removed_endpoint_is_dropped_and_no_other(
    redelivery: BulkRedelivery, store: DeliveryStore, clock: FakeClock
) -> None:
    neighbours = ("wh_", "wh_0", ENDPOINT, "wh_10", "wh_2")
    for endpoint_id in neighbours:
        store.add(endpoint_id, [(event(), Payload(b"{}", "application/json"))], clock.now(), dead=True)
        redelivery.start(endpoint_id, ALL, has_time=no, may_count=no)
    redelivery.start(ENDPOINT, RedeliveryRequest(since=clock.now()), has_time=no, may_count=no)
    assert not redelivery.cancel_all(ENDPOINT, yes)
    assert set(redelivery.requested()) == set(neighbours) - {ENDPOINT}
    assert redelivery.cancel_all(ENDPOINT, yes)


def test_dropping_the_requests_of_a_removed_endpoint_ends_when_there_is_no_time(
    redelivery: BulkRedelivery, store: DeliveryStore, table: Table, clock: FakeClock
) -> None:
    dead(store, clock, 1, "job.failed")
    for request in (ALL, FAILED):
        dead(store, clock, 1, "job.failed")
        clock.advance(60)
        start(redelivery, request)
    assert len(rows(table, REQUESTS)) == 2
    once = iter([True])
    assert not redelivery.cancel_all(ENDPOINT, lambda: next(once, False))
    assert len(rows(table, REQUESTS)) == 1


def test_a_delivery_that_is_sent_again_is_due_now(
    redelivery: BulkRedelivery, store: DeliveryStore, clock: FakeClock
) -> None:
    dead(store, clock, 1)
    clock.advance(3600)
    assert start(redelivery, has_time=yes) == 1
    [due] = store.due(ENDPOINT, clock.now())
    assert (due.failures, due.attempts) == (0, 0)
    delivery = store.get(ENDPOINT, due.id)
    assert delivery is not None
    assert (delivery.status, delivery.next_attempt_at) == (DeliveryStatus.PENDING, clock.now())


@pytest.mark.parametrize("lost", ["body", "status"])
def test_a_dead_row_of_an_earlier_version_without_a_dead_delivery_is_left_alone(
    redelivery: BulkRedelivery, store: DeliveryStore, table: Table, clock: FakeClock, lost: str
) -> None:
    dead(store, clock, 1)
    [dead_key] = [row_key for row_key in rows(table, ENDPOINT) if row_key.startswith("dead~")]
    table.upsert({"PartitionKey": ENDPOINT, "RowKey": dead_key})
    delivery = store.get(ENDPOINT, dead_key.removeprefix("dead~"))
    assert delivery is not None
    if lost == "body":
        table.delete(ENDPOINT, f"body~{delivery.id}")
    else:
        table.merge({"PartitionKey": ENDPOINT, "RowKey": delivery.log_key, "status": "delivered"}, delivery.etag)
    assert start(redelivery, has_time=yes) == 0
    assert left(store) == (0, 1)


def test_a_dead_row_of_an_earlier_version_that_is_written_anew_at_that_moment_is_left_alone(
    redelivery: BulkRedelivery,
    store: DeliveryStore,
    table: Table,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another process has sent it again meanwhile, and it has died once more."""
    dead(store, clock, 1)
    [dead_key] = [row_key for row_key in rows(table, ENDPOINT) if row_key.startswith("dead~")]
    whole = table.get(ENDPOINT, dead_key)
    assert whole is not None
    row = dict(whole)
    table.upsert({"PartitionKey": ENDPOINT, "RowKey": dead_key})
    reopen = redelivery._reopen

    def after_it_was_written_anew(group: tuple[DueDelivery, ...]) -> int:
        table.upsert(row)
        return reopen(group)

    monkeypatch.setattr(redelivery, "_reopen", after_it_was_written_anew)
    assert start(redelivery, has_time=yes) == 0
    assert left(store) == (0, 1)
