"""A row that someone has changed by hand harms only its own delivery or endpoint."""

import logging
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.json_codec import dumps
from shared.storage.errors import RecordBroken
from shared.storage.table import Table
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.delivery_rows import created_at_in, dead_of, delivery_id_in, delivery_of, due_of, payload_of
from shared.webhooks.endpoints import endpoint_of
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event
from tests.webhooks.stored import counts, listed

FAR = datetime(9999, 12, 31, tzinfo=UTC)
ABSURD = [None, "", "text", -1, 2**31, 2**40, True, 1.5, b"bytes", FAR, datetime(1601, 1, 1, tzinfo=UTC)]


@pytest.fixture
def waiting(
    webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock
) -> tuple[Webhooks, str, list[str]]:
    """Two deliveries that wait for their first retry, which is due: the endpoint and their ids."""
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.announcer.announce([event(event_id="evt_broken"), event(event_id="evt_whole")])
    webhooks.deliverer.finish(5)
    clock.advance(60)
    receiver.behaviour = lambda _: Reply()
    page = listed(webhooks, endpoint.id)
    by_event = {delivery.event_id: delivery.id for delivery in page}
    return webhooks, endpoint.id, [by_event["evt_broken"], by_event["evt_whole"]]


@pytest.mark.parametrize(
    "column", ["logKey", "eventId", "type", "failures", "attempts", "nextAttemptAt", "claimedUntil"]
)
@pytest.mark.parametrize("value", [None, "text"], ids=repr)
def test_an_unreadable_due_row_stops_no_other_delivery(
    waiting: tuple[Webhooks, str, list[str]],
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    column: str,
    value: object,
) -> None:
    webhooks, endpoint_id, [broken, _] = waiting
    change(webhook_tables[1], endpoint_id, f"due~{broken}", column, value)
    receiver.requests.clear()
    report = webhooks.retry_cycle.run()
    assert "evt_whole" in {request.webhook_id for request in receiver.requests}
    assert report.ok
    if not (isinstance(value, str) and column in {"eventId", "type"}):
        assert {request.webhook_id for request in receiver.requests} == {"evt_whole"}
        assert report.unreadable == 1


def test_an_unreadable_due_row_is_logged_once_a_cycle_and_repaired_by_redelivering(
    waiting: tuple[Webhooks, str, list[str]],
    webhook_tables: tuple[Table, Table],
    caplog: pytest.LogCaptureFixture,
) -> None:
    webhooks, endpoint_id, [broken, _] = waiting
    change(webhook_tables[1], endpoint_id, f"due~{broken}", "failures", "many")
    webhooks.retry_cycle.run()
    assert caplog.text.count(f'delivery_unreadable {{"webhookId":"{endpoint_id}","rowKey":"due~{broken}"') == 1
    delivery = webhooks.deliveries.get(endpoint_id, broken)
    assert delivery is not None
    assert webhooks.deliverer.redeliver(delivery).status is DeliveryStatus.DELIVERED
    assert webhooks.retry_cycle.run().unreadable == 0


def test_a_claim_further_ahead_than_any_real_one_does_not_count(
    waiting: tuple[Webhooks, str, list[str]], webhook_tables: tuple[Table, Table]
) -> None:
    webhooks, endpoint_id, [broken, _] = waiting
    change(webhook_tables[1], endpoint_id, f"due~{broken}", "claimedUntil", FAR)
    webhooks.retry_cycle.run()
    assert counts(webhooks, endpoint_id) == (0, 0)


def test_an_attempt_planned_further_ahead_than_any_real_one_is_made_now(
    waiting: tuple[Webhooks, str, list[str]], webhook_tables: tuple[Table, Table]
) -> None:
    webhooks, endpoint_id, [broken, _] = waiting
    change(webhook_tables[1], endpoint_id, f"due~{broken}", "nextAttemptAt", FAR)
    assert webhooks.retry_cycle.run().delivered == 2


def test_a_delivery_whose_log_row_was_deleted_is_dead_once_its_endpoint_is_disabled(
    waiting: tuple[Webhooks, str, list[str]], webhook_tables: tuple[Table, Table]
) -> None:
    webhooks, endpoint_id, [broken, _] = waiting
    delivery = webhooks.deliveries.get(endpoint_id, broken)
    endpoint = webhooks.endpoints.get(endpoint_id)
    assert delivery is not None
    assert endpoint is not None
    webhook_tables[1].delete(endpoint_id, delivery.log_key)
    webhooks.endpoints.disable_gone(endpoint)
    for _ in range(2):
        report = webhooks.retry_cycle.run()
    assert (report.waiting, report.dead) == (0, 2)


def test_a_dead_delivery_whose_mark_was_deleted_can_be_sent_again(
    waiting: tuple[Webhooks, str, list[str]], webhook_tables: tuple[Table, Table], clock: FakeClock
) -> None:
    webhooks, endpoint_id, [broken, _] = waiting
    webhooks.deliveries.mark_pending_dead(endpoint_id, clock.now(), lambda: True)
    webhook_tables[1].delete(endpoint_id, f"dead~{broken}")
    delivery = webhooks.deliveries.get(endpoint_id, broken)
    assert delivery is not None
    assert webhooks.deliverer.redeliver(delivery).status is DeliveryStatus.DELIVERED


def test_a_delivery_whose_log_row_was_deleted_is_recorded_in_a_new_one(
    waiting: tuple[Webhooks, str, list[str]], receiver: Receiver, webhook_tables: tuple[Table, Table]
) -> None:
    webhooks, endpoint_id, [broken, _] = waiting
    delivery = webhooks.deliveries.get(endpoint_id, broken)
    assert delivery is not None
    webhook_tables[1].delete(endpoint_id, delivery.log_key)
    receiver.behaviour = lambda _: Reply(500)
    webhooks.retry_cycle.run()
    restored = webhooks.deliveries.get(endpoint_id, broken)
    assert restored is not None
    assert (restored.created_at, restored.attempts_made) == (delivery.created_at, 2)
    assert restored.status is DeliveryStatus.PENDING


@pytest.mark.parametrize("value", [None, "text", 10**6])
def test_a_delivery_whose_body_cannot_be_read_fails_its_attempt(
    waiting: tuple[Webhooks, str, list[str]],
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    value: object,
) -> None:
    webhooks, endpoint_id, [broken, _] = waiting
    change(webhook_tables[1], endpoint_id, f"body~{broken}", "parts", value)
    receiver.requests.clear()
    webhooks.retry_cycle.run()
    assert [request.webhook_id for request in receiver.requests] == ["evt_whole"]
    delivery = webhooks.deliveries.get(endpoint_id, broken)
    assert delivery is not None
    assert delivery.attempts[-1].error == "the stored body cannot be read"


def test_an_unreadable_log_row_is_left_out_of_a_listing(
    waiting: tuple[Webhooks, str, list[str]], webhook_tables: tuple[Table, Table]
) -> None:
    webhooks, endpoint_id, [broken, whole] = waiting
    delivery = webhooks.deliveries.get(endpoint_id, broken)
    assert delivery is not None
    change(webhook_tables[1], endpoint_id, delivery.log_key, "status", "lost")
    page = listed(webhooks, endpoint_id)
    assert [each.id for each in page] == [whole]


def test_a_log_row_under_a_key_that_is_not_its_own_is_left_out_of_a_listing(
    waiting: tuple[Webhooks, str, list[str]], webhook_tables: tuple[Table, Table]
) -> None:
    webhooks, endpoint_id, _ = waiting
    page = listed(webhooks, endpoint_id)
    row = webhook_tables[1].get(endpoint_id, page[0].log_key)
    assert row is not None
    for row_key in ("log~0", "log~0\u00e9", f"log~{'0' * 14}~dlv_{'0' * 32}"):
        webhook_tables[1].upsert(dict(row) | {"RowKey": row_key})
    assert listed(webhooks, endpoint_id) == page


def test_an_unreadable_attempt_is_left_out_of_its_delivery(
    waiting: tuple[Webhooks, str, list[str]], webhook_tables: tuple[Table, Table]
) -> None:
    webhooks, endpoint_id, [broken, _] = waiting
    delivery = webhooks.deliveries.get(endpoint_id, broken)
    assert delivery is not None
    whole = {"at": "2026-11-20T09:00:00Z", "status": 200, "latencyMs": 1, "response": None, "error": None}
    absurd: list[tuple[str, object]] = [("at", "0001-01-01T00:00:00+14:00"), ("at", "9999-12-31T23:59:59-14:00")]
    absurd += [
        ("latencyMs", Decimal("1e9999999")),
        ("number", Decimal("1e9999999")),
        ("number", -1),
        ("status", True),
    ]
    absurd += [("status", 2**40), ("response", 7), ("error", [])]
    for value in ("text", "{}", "[]", '{"at": "soon"}', 7, *(dumps(whole | {name: each}) for name, each in absurd)):
        change(webhook_tables[1], endpoint_id, delivery.log_key, "attempt01", value)
        read = webhooks.deliveries.get(endpoint_id, broken)
        assert read is not None
        assert read.attempts == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((column, 7) for column in ("url", "secret", "enabled", "events", "format")),
        *(("url", url) for url in ("https://[::1", "https://[")),
        pytest.param("url", "https://h\u2100.example/?code=12345678", id="url-with a letter for a/c"),
    ],
)
def test_an_unreadable_endpoint_row_stops_no_other_endpoint(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    caplog: pytest.LogCaptureFixture,
    column: str,
    value: object,
) -> None:
    broken, whole = add_endpoint(receiver), add_endpoint(receiver)
    change(webhook_tables[0], "endpoint", broken.id, column, value)
    caplog.set_level(logging.ERROR)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    assert len(receiver.requests) == 1
    assert webhooks.endpoints.all() == [whole]
    report = webhooks.retry_cycle.run()
    assert (report.ok, report.unreadable) == (True, 1)
    assert caplog.text.count(f'webhook_unreadable {{"webhookId":"{broken.id}"}}') == 1


def change(table: Table, partition: str, row_key: str, column: str, value: object) -> None:
    """Put something else into a column of a row, or take the column out."""
    row = table.get(partition, row_key)
    assert row is not None
    altered = {name: kept for name, kept in row.items() if name != column}
    table.upsert(altered if value is None else altered | {column: value})


class _Row(dict[str, Any]):
    metadata = {"etag": "etag", "timestamp": None}  # noqa: RUF012 - as an entity of the SDK has it


_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes()
_COLUMNS = """url secret enabled events format description oldSecret createdAt failingSince disabledReason
oldSecretUntil logKey eventId type failures attempts nextAttemptAt claimedUntil status deliveryId attempt01 attempt50
parts part0 contentType jobId headers removedAt lastAttemptAt"""
_columns = st.sampled_from(_COLUMNS.split())
_rows = st.dictionaries(_columns, _values | st.sampled_from(ABSURD))


@settings(max_examples=50)
@given(_rows, st.text(max_size=60))
def test_any_row_is_read_or_raises_record_broken(columns: dict[str, Any], row_key: str) -> None:
    row = _Row(columns | {"PartitionKey": "wh_1", "RowKey": row_key})
    for read in (due_of, dead_of, delivery_of, payload_of, endpoint_of):
        try:
            read(row)
        except RecordBroken:
            continue


@pytest.mark.parametrize(
    "row_key", ["", "log~", f"log~{'9' * 14}~dlv_{'0' * 32}", f"log~{'0' * 14}~dlv_{'f' * 32}", "log~\x00"]
)
def test_any_row_key_has_a_delivery_and_a_time_or_none(row_key: str) -> None:
    delivery_id_in(row_key)
    created_at_in(row_key)
