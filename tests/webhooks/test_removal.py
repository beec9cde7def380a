"""Endpoints that are moved, disabled, rotated or removed while deliveries wait or are under way."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.storage.errors import RowChanged, StorageUnreachable
from shared.storage.table import Change, Committed, Table
from shared.webhooks.bulk_redelivery import RedeliveryRequest
from shared.webhooks.endpoint_threads import THREADS_PER_ENDPOINT
from shared.webhooks.removal import MARK_STAYS_FOR, Removal
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.killed import Killed, killed_before_write
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import HeldReceiver, Receiver, Reply
from tests.webhooks.samples import events
from tests.webhooks.stored import rows

# More than the threads of one endpoint take up at once.
QUEUED = 3 * THREADS_PER_ENDPOINT
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def always() -> bool:
    return True


def never() -> bool:
    return False


def test_a_removal_that_fails_half_way_is_completed_by_a_later_cycle(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks = open_instance()
    webhooks.announcer.announce(events(40))
    webhooks.deliverer.finish(5)
    assert len(rows(webhook_tables[1], endpoint.id)) == 120
    failing = open_instance(deliveries_table=FailingTable(webhook_tables[1], deletions_left=1))
    failing.removal.mark(endpoint.id)
    with pytest.raises(StorageUnreachable):
        failing.removal.clean(endpoint.id, lambda: True)
    assert len(rows(webhook_tables[1], endpoint.id)) == 20
    webhooks.retry_cycle.run()
    assert rows(webhook_tables[1], endpoint.id) == []
    assert webhooks.endpoints.all() == []


@pytest.mark.parametrize(("table", "write"), [(0, 1), (0, 2), (1, 1), (1, 2)])
def test_a_removal_killed_before_any_write_leaves_neither_a_delivery_nor_a_request_to_redeliver(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    clock: FakeClock,
    table: int,
    write: int,
) -> None:
    """The mark and its deletion are in the first table, what the endpoint has is in the second."""
    endpoint = add_endpoint(receiver, enabled=False, disabled_reason="gone")
    webhooks.announcer.announce(events(1))
    webhooks.bulk_redelivery.start(endpoint.id, RedeliveryRequest(), has_time=never, may_count=never)
    with killed_before_write(webhook_tables[table], write) as kill, contextlib.suppress(Killed):
        webhooks.removal.mark(endpoint.id)
        webhooks.removal.clean(endpoint.id, always)
        clock.advance(MARK_STAYS_FOR.total_seconds())
        webhooks.retry_cycle.run()
    assert kill.happened
    webhooks.removal.mark(endpoint.id)
    for _ in range(2):
        clock.advance(MARK_STAYS_FOR.total_seconds())
        webhooks.retry_cycle.run()
    assert rows(webhook_tables[0], "endpoint") == []
    assert rows(webhook_tables[1], endpoint.id) == rows(webhook_tables[1], "redelivery") == []


def test_a_redelivery_that_is_requested_while_its_endpoint_is_removed_leaves_nothing(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    clock: FakeClock,
) -> None:
    """The caller's process had read the endpoint before."""
    endpoint = add_endpoint(receiver, enabled=False, disabled_reason="gone")
    webhooks.announcer.announce(events(1))
    webhooks.removal.mark(endpoint.id)
    webhooks.bulk_redelivery.start(endpoint.id, RedeliveryRequest(), has_time=never, may_count=never)
    clock.advance(MARK_STAYS_FOR.total_seconds())
    for _ in range(2):
        webhooks.retry_cycle.run()
    assert receiver.requests == []
    assert rows(webhook_tables[0], "endpoint") == []
    assert rows(webhook_tables[1], endpoint.id) == rows(webhook_tables[1], "redelivery") == []


class FailingTable:
    """Lets a number of transactions through; then storage does not answer."""

    def __init__(self, table: Table, *, deletions_left: int) -> None:
        self._table = table
        self._left = deletions_left

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of a table
        return getattr(self._table, name)

    def commit_each(self, groups: Sequence[Sequence[Change]]) -> list[Committed]:
        self._left -= 1
        if self._left < 0:
            raise StorageUnreachable("storage did not answer")
        return self._table.commit_each(groups)


class RecordingTable:
    """Notes which columns were asked for."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.columns: list[list[str] | None] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of a table
        return getattr(self._table, name)

    def rows(self, query: str, parameters: dict[str, Any], **options: Any) -> Any:  # noqa: ANN401 - as of a table
        self.columns.append(options.get("columns"))
        return self._table.rows(query, parameters, **options)


def test_a_removal_reads_no_bodies(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
) -> None:
    endpoint = add_endpoint(receiver)
    table = RecordingTable(webhook_tables[1])
    webhooks = open_instance(deliveries_table=table)
    webhooks.removal.mark(endpoint.id)
    webhooks.removal.clean(endpoint.id, lambda: True)
    assert table.columns == [["RowKey"], ["RowKey"]]


def test_a_removed_endpoint_keeps_no_secret_and_its_mark_is_deleted_after_an_hour(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    clock: FakeClock,
) -> None:
    endpoint = add_endpoint(receiver)
    webhooks.removal.mark(endpoint.id)
    row = webhook_tables[0].get("endpoint", endpoint.id)
    assert row is not None
    assert set(row) == {"PartitionKey", "RowKey", "removedAt"}
    webhooks.retry_cycle.run()
    assert webhook_tables[0].get("endpoint", endpoint.id) is not None
    clock.advance(MARK_STAYS_FOR.total_seconds())
    webhooks.retry_cycle.run()
    assert webhook_tables[0].get("endpoint", endpoint.id) is None


def test_an_announcement_under_way_while_its_endpoint_is_removed_sends_nothing_and_leaves_nothing(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
) -> None:
    endpoint = add_endpoint(receiver)
    other = open_instance()

    class RemovingTable(RecordingTable):
        """The endpoint is removed, with all it has, after it was listed and before its deliveries are stored."""

        def commit_each(self, groups: Sequence[Sequence[Change]]) -> list[Committed]:
            other.removal.mark(endpoint.id)
            other.removal.clean(endpoint.id, lambda: True)
            return self._table.commit_each(groups)

    announcing = open_instance(deliveries_table=RemovingTable(webhook_tables[1]))
    announcing.announcer.announce(events(1))
    announcing.deliverer.finish(5)
    assert receiver.requests == []
    assert len(rows(webhook_tables[1], endpoint.id)) == 3
    other.retry_cycle.run()
    assert rows(webhook_tables[1], endpoint.id) == []


def test_an_attempt_under_way_while_its_endpoint_is_removed_brings_no_row_back(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
) -> None:
    webhooks = open_instance(timeout_seconds=5)
    endpoint = add_endpoint(receiver)
    held = HeldReceiver(receiver, Reply(500))
    webhooks.announcer.announce(events(1))
    assert held.arrived.wait(5)
    webhooks.removal.mark(endpoint.id)
    webhooks.removal.clean(endpoint.id, lambda: True)
    held.answer.set()
    webhooks.deliverer.finish(5)
    assert rows(webhook_tables[1], endpoint.id) == []


@dataclass
class Stores:
    """In place of all stores. `removed` is the mark of the endpoint: its time and its ETag."""

    nothing_left: bool = True
    no_requests: bool = True
    removed: tuple[datetime, str] | None = None
    is_back: bool = False
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def removal(self, clock: FakeClock) -> Removal:
        stores: Any = self
        return Removal(endpoints=stores, deliveries=stores, bulk_redelivery=stores, clock=clock)

    def cancel_all(self, endpoint_id: str, has_time: object) -> bool:
        self.calls.append(("cancel_all", endpoint_id, has_time))
        return self.no_requests

    def delete_all(self, endpoint_id: str, has_time: object) -> bool:
        self.calls.append(("delete_all", endpoint_id, has_time))
        return self.nothing_left

    def removed_at(self, endpoint_id: str) -> tuple[datetime, str] | None:
        assert endpoint_id == "wh_1"
        return self.removed

    def mark_removed(self, endpoint_id: str, now: datetime) -> bool:
        self.calls.append(("mark_removed", endpoint_id, now))
        return not self.removed

    def delete_mark(self, endpoint_id: str, etag: str) -> None:
        self.calls.append(("delete_mark", endpoint_id, etag))
        if self.is_back:
            raise RowChanged("it is back")


DELETED = [("cancel_all", "wh_1", always), ("delete_all", "wh_1", always)]


@pytest.mark.parametrize("nothing_left", [False, True])
@pytest.mark.parametrize("no_requests", [False, True])
@pytest.mark.parametrize(("minutes", "over"), [(59, False), (60, True), (61, True)])
def test_a_mark_stays_for_an_hour_and_as_long_as_there_are_deliveries_or_requests(
    clock: FakeClock, nothing_left: bool, no_requests: bool, minutes: int, over: bool
) -> None:
    stores = Stores(nothing_left, no_requests, removed=(clock.now() - timedelta(minutes=minutes), "etag"))
    stores.removal(clock).clean("wh_1", always)
    deleted = [("delete_mark", "wh_1", "etag")] if nothing_left and no_requests and over else []
    assert stores.calls == [*DELETED, *deleted]


def test_an_endpoint_that_has_left_the_settings_is_marked_as_removed_from_now_on(clock: FakeClock) -> None:
    stores = Stores()
    stores.removal(clock).clean("wh_1", always)
    assert stores.calls == [*DELETED, ("mark_removed", "wh_1", clock.now())]


def test_an_endpoint_that_is_back_in_the_settings_at_that_moment_keeps_its_row(clock: FakeClock) -> None:
    stores = Stores(removed=(clock.now() - timedelta(days=1), "etag"), is_back=True)
    stores.removal(clock).clean("wh_1", always)
    assert stores.calls[-1] == ("delete_mark", "wh_1", "etag")


@pytest.mark.parametrize("exists", [False, True])
def test_an_endpoint_is_marked_as_removed_now_if_it_exists(clock: FakeClock, exists: bool) -> None:
    stores = Stores(removed=None if exists else (clock.now(), "etag"))
    assert stores.removal(clock).mark("wh_1") is exists
    assert stores.calls == [("mark_removed", "wh_1", clock.now())]
