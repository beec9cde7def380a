"""Whatever a receiver answers, the attempt is recorded, its texts are bounded, and the delivery comes to an end."""

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from shared.storage.errors import ChangeRefused
from shared.storage.table import Change, Committed, Table
from shared.webhooks.delivery import MAX_ATTEMPTS, Delivery, DeliveryStatus
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.egress.answering import serving
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import event
from tests.webhooks.stored import counts, listed

COLUMN_MAX_BYTES = 64 * 1024
ENTITY_MAX_BYTES = 1024 * 1024


def answering(answer: bytes) -> Callable[[socket.socket], None]:
    def answer_each(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            connection.sendall(answer)

    return answer_each


def delivery_of(webhooks: Webhooks, endpoint_id: str) -> Delivery:
    [delivery] = listed(webhooks, endpoint_id)
    return delivery


def utf16_bytes(value: object) -> int:
    return len(value.encode("utf-16-le")) if isinstance(value, str) else 16


OK = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n"
HOSTILE_ANSWERS = {
    "a Retry-After beyond all dates": OK + b"Retry-After: Mon, 01 Jan 99999999999999999999 00:00:00 GMT\r\n\r\n",
    "a Retry-After of a huge number": OK + b"Retry-After: " + b"9" * 5000 + b"\r\n\r\n",
    "a Retry-After that is not text": OK + b"Retry-After: \xff\xfe\x00\r\n\r\n",
    "a long status line in ASCII": b"x" * 60_000 + b"\r\n\r\n",
    "a status line of 0xFF": b"\xff" * 6_000 + b"\r\n\r\n",
    "a status beyond all numbers": b"HTTP/1.1 99999999999999999999 Oops\r\n\r\n",
    "a negative length": b"HTTP/1.1 500 Oops\r\nContent-Length: -1\r\n\r\nbody",
    "a chunk size beyond all numbers": b"HTTP/1.1 500 O\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
    "a body of 0xFF": b"HTTP/1.1 500 Oops\r\n\r\n" + b"\xff" * 30_000,
    "no answer at all": b"",
}


@pytest.mark.parametrize("answer", HOSTILE_ANSWERS.values(), ids=HOSTILE_ANSWERS)
def test_an_attempt_is_recorded_whatever_the_receiver_answers(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, clock: FakeClock, answer: bytes
) -> None:
    webhooks = open_instance(timeout_seconds=0.3)
    with serving(answering(answer)) as port:
        endpoint = add_endpoint(f"http://127.0.0.1:{port}/")
        webhooks.announcer.announce([event()])
        webhooks.deliverer.finish(5)
        delivery = delivery_of(webhooks, endpoint.id)
        assert (delivery.status, len(delivery.attempts)) == (DeliveryStatus.PENDING, 1)
        assert len(delivery.attempts[0].error or "") <= 1000
        assert delivery.next_attempt_at is not None
        assert delivery.next_attempt_at > clock.now()


def test_a_delivery_to_a_hostile_receiver_dies_like_any_other(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, clock: FakeClock
) -> None:
    webhooks = open_instance()
    with serving(answering(b"\xff" * 6_000 + b"\r\n\r\n")) as port:
        endpoint = add_endpoint(f"http://127.0.0.1:{port}/")
        webhooks.announcer.announce([event()])
        webhooks.deliverer.finish(5)
        while (next_at := delivery_of(webhooks, endpoint.id).next_attempt_at) is not None:
            clock.advance((next_at - clock.now()).total_seconds())
            webhooks.retry_cycle.run()
    delivery = delivery_of(webhooks, endpoint.id)
    assert (delivery.status, len(delivery.attempts)) == (DeliveryStatus.DEAD, MAX_ATTEMPTS)


@pytest.mark.parametrize(
    "character",
    ["x", "\U0001f600", "\x00", '"', "\\", "\x7f", "\u2028", "\ufffd"],
    ids=["letter", "emoji", "NUL", "quote", "backslash", "DEL", "line separator", "replacement"],
)
def test_the_largest_log_row_fits_into_an_entity(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    monkeypatch: pytest.MonkeyPatch,
    character: str,
) -> None:
    kept = 3
    monkeypatch.setattr("shared.webhooks.columns.ATTEMPTS_KEPT", kept)
    receiver.behaviour = lambda _: Reply(500, character.encode() * 2000)
    endpoint = add_endpoint(receiver)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    for _ in range(kept):
        webhooks.deliverer.redeliver(delivery_of(webhooks, endpoint.id))
    assert delivery_of(webhooks, endpoint.id).attempts[0].response == character * 1000
    row = webhook_tables[1].get(endpoint.id, delivery_of(webhooks, endpoint.id).log_key)
    assert row is not None
    attempts = [utf16_bytes(value) for name, value in row.items() if name.startswith("attempt0")]
    assert len(attempts) == kept
    assert max(attempts) < COLUMN_MAX_BYTES
    assert (
        sum(utf16_bytes(name) + utf16_bytes(value) for name, value in row.items()) + 50 * max(attempts)
        < ENTITY_MAX_BYTES
    )


def test_of_very_many_attempts_the_first_and_the_newest_are_kept(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.webhooks.columns.ATTEMPTS_KEPT", 4)
    answers = iter(range(100))
    receiver.behaviour = lambda _: Reply(500, str(next(answers)).encode())
    endpoint = add_endpoint(receiver)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    for _ in range(8):
        webhooks.deliverer.redeliver(delivery_of(webhooks, endpoint.id))
    assert [attempt.response for attempt in delivery_of(webhooks, endpoint.id).attempts] == ["0", "6", "7", "8"]


class RefusingTable:
    """Refuses transactions that are larger than allowed, as Azure does; Azurite takes them."""

    def __init__(self, table: Table, refuses: Callable[[Sequence[Change]], bool]) -> None:
        self._table = table
        self._refuses = refuses

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of a table
        return getattr(self._table, name)

    def commit(self, changes: Sequence[Change]) -> list[str]:
        if self._refuses(changes):
            raise ChangeRefused("storage did not take the change")
        return self._table.commit(changes)

    def commit_each(self, groups: Sequence[Sequence[Change]]) -> list[Committed]:
        refused = ChangeRefused("storage did not take the change")
        return [refused if self._refuses(group) else self._table.commit_each([group])[0] for group in groups]


@pytest.mark.parametrize("refused", ["texts", "the log row"])
def test_an_attempt_whose_texts_storage_refuses_still_counts(
    open_instance: OpenWebhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    webhook_tables: tuple[Table, Table],
    clock: FakeClock,
    refused: str,
) -> None:
    def refuses(changes: Sequence[Change]) -> bool:
        if refused == "texts":
            return any("much text" in str(change.row) for change in changes)
        return any(str(change.row["RowKey"]).startswith("log~") for change in changes) and bool(receiver.requests)

    receiver.behaviour = lambda _: Reply(500, b"much text")
    endpoint = add_endpoint(receiver)
    webhooks = open_instance(deliveries_table=RefusingTable(webhook_tables[1], refuses))
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    due_key = f"due~{delivery_of(webhooks, endpoint.id).id}"
    while (row := webhook_tables[1].get(endpoint.id, due_key)) is not None:
        clock.advance((row["nextAttemptAt"] - clock.now()).total_seconds())
        webhooks.retry_cycle.run()
    assert len(receiver.requests) == MAX_ATTEMPTS
    assert counts(webhooks, endpoint.id) == (0, 1)
    if refused == "texts":
        assert [attempt.status for attempt in delivery_of(webhooks, endpoint.id).attempts] == [500]


def test_an_error_of_the_app_while_sending_is_a_failed_attempt(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("sig=SECRET")

    monkeypatch.setattr("shared.webhooks.sender.signed_headers", broken)
    endpoint = add_endpoint(receiver)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    [attempt] = delivery_of(webhooks, endpoint.id).attempts
    assert attempt.error == "the attempt failed unexpectedly (KeyError)"
    assert 'delivery_fault {"error":"KeyError","at":["sender.py:' in caplog.text
    assert "SECRET" not in caplog.text


def test_an_error_of_the_app_while_planning_the_next_attempt_leaves_the_schedule(
    webhooks: Webhooks,
    add_endpoint: AddEndpoint,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    clock: FakeClock,
) -> None:
    def overflowing(header: str | None, _: object) -> None:
        if header is not None:
            raise OverflowError

    monkeypatch.setattr("shared.webhooks.delivery.retry_after_seconds", overflowing)
    receiver.behaviour = lambda _: Reply(503, headers={"Retry-After": "soon"})
    endpoint = add_endpoint(receiver)
    webhooks.announcer.announce([event()])
    webhooks.deliverer.finish(5)
    next_at = delivery_of(webhooks, endpoint.id).next_attempt_at
    assert next_at is not None
    assert (next_at - clock.now()).total_seconds() == 60
