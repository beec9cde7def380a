"""The receiver fails as often as it is told to, and notes senders that are gone before their answer."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests
from standardwebhooks import Webhook

from tests.reliability.kills.receiver import FailingReceiver, receiving


@pytest.fixture
def receiver() -> Iterator[FailingReceiver]:
    failures = {"twice": 2, "never": 0}
    with receiving(FailingReceiver(failures.__getitem__, lambda: 0.05)) as running:
        yield running


def answer(receiver: FailingReceiver, webhook_id: str) -> int | None:
    """The status; None after a reset."""
    try:
        return requests.post(receiver.url("hook"), json={}, headers={"webhook-id": webhook_id}, timeout=5).status_code
    except requests.ConnectionError:
        return None


def test_an_event_fails_as_often_as_planned_by_a_reset_or_a_503(receiver: FailingReceiver) -> None:
    assert [answer(receiver, "twice") for _ in range(4)] == [None, 503, 200, 200]
    assert answer(receiver, "never") == 200
    assert [each.answer for each in receiver.deliveries] == [
        "reset",
        "refused",
        "delivered",
        "delivered",
        "delivered",
    ]


def test_a_sender_that_is_gone_before_the_answer_is_noted(receiver: FailingReceiver) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port)) as connection:
        connection.sendall(b"POST /hook HTTP/1.1\r\nHost: x\r\nwebhook-id: never\r\nContent-Length: 2\r\n\r\n{}")
    ends, pause = time.monotonic() + 5, threading.Event()
    while not receiver.deliveries or receiver.deliveries[0].answer == "pending":
        assert time.monotonic() < ends
        pause.wait(0.01)
    assert receiver.deliveries[0].answer == "sender gone"


def test_a_request_that_breaks_off_is_counted_and_is_not_a_delivery(receiver: FailingReceiver) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port)) as connection:
        connection.sendall(b"POST /hook HTTP/1.1\r\nHost: x\r\nwebhook-id: never\r\nContent-Length: 2\r\n\r\n{")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert (receiver.broken_off, receiver.deliveries) == (1, [])


def test_a_signature_is_checked_when_the_request_comes(receiver: FailingReceiver) -> None:
    secret, now = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", datetime.now(UTC)
    receiver.secrets["hook"] = secret
    signed = {
        "webhook-id": "never",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("never", now, "{}"),
    }
    requests.post(receiver.url("hook"), data="{}", headers=signed, timeout=5)
    requests.post(receiver.url("hook"), data="[]", headers=signed, timeout=5)
    assert [each.signed for each in receiver.deliveries] == [True, False]
