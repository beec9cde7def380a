"""What a cycle reports, and that one endpoint's trouble is its own."""

from typing import Any

import pytest

from shared.storage.errors import ChangeRefused, StorageUnreachable
from shared.storage.table import Table
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event


def test_a_report_counts_what_was_done_and_what_is_left(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, second_receiver: Receiver, clock: FakeClock
) -> None:
    add_endpoint(receiver)
    add_endpoint(second_receiver, events=("job.failed",))
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event(event_id=f"evt_{number}") for number in range(3)])
    webhooks.deliverer.finish(5)
    second_receiver.behaviour = lambda _: Reply(410)
    webhooks.announcer.announce([event("job.failed", event_id="evt_dead")])
    webhooks.deliverer.finish(5)
    clock.advance(60)
    receiver.behaviour = lambda request: Reply(200 if request.webhook_id == "evt_0" else 500)
    report = webhooks.retry_cycle.run()
    assert (report.at, report.ok, report.reason) == (clock.now(), True, None)
    assert (report.due, report.attempted, report.delivered, report.given_up) == (4, 4, 1, 0)
    assert (report.waiting, report.dead, report.all_counted, report.unreadable) == (3, 1, True, 0)


def test_a_cycle_counts_a_limited_number_of_rows(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.webhooks.retry_cycle.COUNTED_ROWS_MAX", 5)
    receiver.behaviour = lambda _: Reply(500)
    for _ in range(2):
        add_endpoint(receiver)
    webhooks.announcer.announce([event(event_id=f"evt_{number}") for number in range(3)])
    webhooks.deliverer.finish(5)
    report = webhooks.retry_cycle.run()
    assert (report.waiting, report.all_counted) == (5, False)


class TroubledTable:
    """Every question about one partition fails."""

    def __init__(self, table: Table, partition: str, error: Exception) -> None:
        self._table = table
        self._partition = partition
        self._error = error

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of a table
        return getattr(self._table, name)

    def rows(self, query: str, parameters: dict[str, Any], **options: Any) -> Any:  # noqa: ANN401 - as of a table
        if parameters["partition"] == self._partition:
            raise self._error
        return self._table.rows(query, parameters, **options)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StorageUnreachable("busy"), "storage_unreachable"),
        (ChangeRefused("no"), "storage_refused"),
        (KeyError("x"), "unforeseen"),
    ],
)
def test_trouble_with_one_endpoint_stops_the_retries_of_no_other(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    second_receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    clock: FakeClock,
    error: Exception,
    reason: str,
) -> None:
    troubled = add_endpoint(receiver)
    add_endpoint(second_receiver)
    for one in (receiver, second_receiver):
        one.behaviour = lambda _: Reply(500)
    webhooks = open_instance(deliveries_table=TroubledTable(webhook_tables[1], troubled.id, error))
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    clock.advance(60)
    report = webhooks.retry_cycle.run()
    assert (len(receiver.requests), len(second_receiver.requests)) == (1, 2)
    assert (report.ok, report.reason, report.all_counted) == (False, reason, False)


def test_a_log_line_that_is_too_late_for_its_invocation_is_written_in_the_next(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Azure drops what is logged after a function has answered."""
    import threading

    go_on = threading.Event()

    def hold(_: object) -> Reply:
        go_on.wait(0.4)
        return Reply()

    add_endpoint(receiver)
    receiver.behaviour = hold
    caplog.set_level("INFO")
    webhooks.announcer.announce_and_wait([event()], 0)
    receiver.wait_for(1)
    go_on.set()
    webhooks.deliverer.finish(5)
    assert "delivery_attempt" not in caplog.text
    webhooks.retry_cycle.run()
    assert caplog.text.count("delivery_attempt ") == 1


def test_announcing_can_wait_for_the_first_attempts(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    add_endpoint(receiver)
    caplog.set_level("INFO")
    webhooks.announcer.announce_and_wait([event()], 5)
    assert len(receiver.requests) == 1
    assert caplog.text.count("delivery_attempt ") == 1


@pytest.mark.parametrize("hours", [1, 23, 70])
def test_a_retry_planned_before_the_clock_was_set_back_is_made_in_the_next_cycle(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock, hours: int
) -> None:
    add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    clock.advance(-hours * 3600)
    assert webhooks.retry_cycle.run().attempted == 1
    assert webhooks.retry_cycle.run().attempted == 0
    clock.advance(300)
    receiver.behaviour = lambda _: Reply(200)
    assert webhooks.retry_cycle.run().delivered == 1


def test_an_attempt_that_is_under_way_while_the_clock_is_set_back_by_seconds_is_left_alone(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> None:
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    clock.advance(60)
    [due] = webhooks.deliverer._deliveries.due(endpoint.id, clock.now())
    webhooks.deliverer._deliveries.claim(due, clock.now())
    clock.advance(-30)
    assert webhooks.retry_cycle.run().due == 0
