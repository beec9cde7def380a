"""Endpoints that are moved, disabled, rotated or removed while deliveries wait or are under way."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from threading import Event as Signal
from typing import Any

import pytest

from shared.events.event import Event
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Change, Committed, Table
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.endpoint_threads import THREADS_PER_ENDPOINT
from shared.webhooks.removal import MARK_STAYS_FOR
from shared.webhooks.signing import new_secret
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event

# More than the threads of one endpoint take up at once.
QUEUED = 3 * THREADS_PER_ENDPOINT
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def events(count: int) -> list[Event]:
    return [event(event_id=f"evt_{number}") for number in range(count)]


def current(webhooks: Webhooks, endpoint: Endpoint) -> Endpoint:
    found = webhooks.endpoints.get(endpoint.id)
    assert found is not None
    return found


def statuses(webhooks: Webhooks, endpoint: Endpoint) -> list[str]:
    page = webhooks.deliveries.page(endpoint.id, status=None, after_log_key="", limit=1000)
    return [delivery.status.value for delivery in page]


def rows(table: Table, partition: str) -> list[str]:
    return [row["RowKey"] for row in table.rows("PartitionKey eq @partition", {"partition": partition})]


class HeldReceiver:
    """Makes a receiver hold its first request until told to answer."""

    def __init__(self, receiver: Receiver, reply: Reply) -> None:
        self.arrived, self.answer = Signal(), Signal()
        receiver.behaviour = self._hold
        self._reply = reply

    def _hold(self, _: object) -> Reply:
        self.arrived.set()
        assert self.answer.wait(5)
        return self._reply


def test_a_410_from_a_url_that_was_changed_meanwhile_neither_disables_nor_buries(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    second_receiver: Receiver,
    clock: FakeClock,
) -> None:
    webhooks = open_instance(timeout_seconds=5)
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce(events(5))
    webhooks.deliverer.finish(5)
    held = HeldReceiver(receiver, Reply(410))
    webhooks.announcer.announce([event(event_id="evt_in_flight")])
    assert held.arrived.wait(5)
    webhooks.endpoints.change(replace(current(webhooks, endpoint), url=second_receiver.url))
    held.answer.set()
    webhooks.deliverer.finish(5)
    assert current(webhooks, endpoint).enabled
    assert statuses(webhooks, endpoint) == ["pending"] * 6
    clock.advance(60)
    webhooks.retry_cycle.run()
    assert len(second_receiver.requests) == 6
    assert statuses(webhooks, endpoint) == ["delivered"] * 6


@pytest.mark.parametrize("what", ["moved", "disabled", "rotated", "removed"])
def test_queued_first_attempts_follow_a_change_at_once(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    second_receiver: Receiver,
    what: str,
) -> None:
    webhooks = open_instance(timeout_seconds=5)
    endpoint = add_endpoint(receiver)
    held = HeldReceiver(receiver, Reply())
    webhooks.announcer.announce(events(QUEUED))
    assert held.arrived.wait(5)
    now = current(webhooks, endpoint)
    rotated = new_secret()
    match what:
        case "moved":
            webhooks.endpoints.change(replace(now, url=second_receiver.url))
        case "disabled":
            webhooks.endpoints.change(replace(now, enabled=False))
        case "rotated":
            webhooks.endpoints.change(replace(now, secret=rotated))
        case "removed":
            webhooks.removal.mark(endpoint.id)
    sent_before = len(receiver.requests)
    held.answer.set()
    webhooks.deliverer.finish(5)
    # Those that read the endpoint just before the change may still be on their way.
    later = receiver.requests[sent_before:]
    if what == "rotated":
        assert len(receiver.requests) == QUEUED
        by_old = receiver.requests[0].headers["webhook-signature"].count("v1,")
        assert by_old == 1
        assert len(later) >= QUEUED - 2 * THREADS_PER_ENDPOINT
    else:
        assert len(receiver.requests) <= THREADS_PER_ENDPOINT
        assert len(second_receiver.requests) == (QUEUED - len(receiver.requests) if what == "moved" else 0)


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
    assert table.columns == [["RowKey"]]


def test_a_removed_endpoint_keeps_no_secret_and_its_mark_goes_after_an_hour(
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


def test_what_the_settings_endpoint_had_goes_when_it_leaves_the_settings(
    open_instance: OpenWebhooks, receiver: Receiver, webhook_tables: tuple[Table, Table], clock: FakeClock
) -> None:
    receiver.behaviour = lambda _: Reply(500)
    webhooks = open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET)
    webhooks.announcer.announce(events(3))
    webhooks.deliverer.finish(5)
    [endpoint] = webhooks.endpoints.all()
    assert len(rows(webhook_tables[1], endpoint.id)) == 9
    without = open_instance()
    without.retry_cycle.run()
    assert rows(webhook_tables[1], endpoint.id) == []
    clock.advance(100 * 86_400)
    without.retry_cycle.run()
    again = open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET)
    again.retry_cycle.run()
    assert len(receiver.requests) == 3


def test_what_waits_for_one_url_of_the_settings_is_not_sent_to_another(
    open_instance: OpenWebhooks, receiver: Receiver, second_receiver: Receiver, clock: FakeClock
) -> None:
    receiver.behaviour = lambda _: Reply(500)
    webhooks = open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET)
    webhooks.announcer.announce(events(3))
    webhooks.deliverer.finish(5)
    changed = open_instance(WEBHOOK_URL=second_receiver.url, WEBHOOK_SECRET=SECRET)
    clock.advance(3600)
    changed.retry_cycle.run()
    changed.announcer.announce([event(event_id="evt_new")])
    changed.deliverer.finish(5)
    assert [request.webhook_id for request in second_receiver.requests] == ["evt_new"]
    assert len(receiver.requests) == 3


def test_the_settings_endpoint_can_come_back_within_the_hour(
    open_instance: OpenWebhooks, receiver: Receiver, clock: FakeClock
) -> None:
    settings = {"WEBHOOK_URL": receiver.url, "WEBHOOK_SECRET": SECRET}
    webhooks = open_instance(**settings)
    webhooks.announcer.announce([event(event_id="evt_1")])
    webhooks.deliverer.finish(5)
    open_instance().retry_cycle.run()
    clock.advance(60)
    webhooks.announcer.announce([event(event_id="evt_2")])
    webhooks.deliverer.finish(5)
    assert [request.webhook_id for request in receiver.requests] == ["evt_1", "evt_2"]


def test_an_endpoint_all_of_whose_attempts_failed_for_five_days_is_disabled(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event(event_id="evt_1")])
    webhooks.deliverer.finish(5)
    clock.advance(timedelta(days=5).total_seconds() - 1)
    webhooks.retry_cycle.run()
    assert current(webhooks, endpoint).enabled
    webhooks.announcer.announce([event(event_id="evt_2")])
    webhooks.deliverer.finish(5)
    clock.advance(3600)
    webhooks.retry_cycle.run()
    disabled = current(webhooks, endpoint)
    assert (disabled.enabled, disabled.disabled_reason) == (False, "failing")
    assert f'webhook_disabled {{"webhookId":"{endpoint.id}","reason":"failing"' in caplog.text
    sent = len(receiver.requests)
    webhooks.announcer.announce([event(event_id="evt_3")])
    clock.advance(3600)
    webhooks.retry_cycle.run()
    webhooks.deliverer.finish(5)
    assert len(receiver.requests) == sent
    assert statuses(webhooks, endpoint) == ["dead"] * 3


def test_one_success_starts_the_five_days_anew(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    for status in (500, 204, 500):
        receiver.behaviour = lambda _, status=status: Reply(status)  # type: ignore[misc]
        webhooks.announcer.announce([event(event_id=f"evt_{status}_{clock.now().timestamp()}")])
        webhooks.deliverer.finish(5)
        clock.advance(timedelta(days=4).total_seconds())
    receiver.behaviour = lambda _: Reply(500)
    webhooks.retry_cycle.run()
    assert current(webhooks, endpoint).enabled


def test_enabling_a_failing_endpoint_gives_it_five_more_days(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    for number in range(2):
        webhooks.announcer.announce([event(event_id=f"evt_{number}")])
        webhooks.deliverer.finish(5)
        clock.advance(timedelta(days=5).total_seconds())
    assert not current(webhooks, endpoint).enabled
    webhooks.endpoints.change(current(webhooks, endpoint).enabled_again())
    [dead, _] = webhooks.deliveries.page(endpoint.id, status=DeliveryStatus.DEAD, after_log_key="", limit=2)
    assert webhooks.deliverer.redeliver(dead).status is DeliveryStatus.PENDING
    assert current(webhooks, endpoint).enabled


def test_the_settings_endpoint_is_disabled_for_failing_too(
    open_instance: OpenWebhooks, receiver: Receiver, clock: FakeClock
) -> None:
    receiver.behaviour = lambda _: Reply(500)
    webhooks = open_instance(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET)
    for number in range(2):
        webhooks.announcer.announce([event(event_id=f"evt_{number}")])
        webhooks.deliverer.finish(5)
        clock.advance(timedelta(days=5).total_seconds())
    [endpoint] = webhooks.endpoints.all()
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "failing")
