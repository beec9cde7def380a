"""A deadline holds for a whole exchange, whatever the server does to stretch it."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import requests
import trustme

from shared.egress.adapter import DeadlineAdapter
from shared.egress.deadline import (
    answer_within,
    remaining_seconds,
)
from tests.egress.answering import authority_context, serving

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def dripping(text: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.recv(65536)
            for position in range(len(text)):
                connection.sendall(text[position : position + 1])
                threading.Event().wait(0.05)

    return answer


def session(ca_bundle: str | None = None, *, idle_seconds: float = 100) -> requests.Session:
    made = requests.Session()
    made.mount("http://", DeadlineAdapter(idle_seconds=idle_seconds))
    made.mount("https://", DeadlineAdapter(ca_bundle=ca_bundle))
    return made


def late(answer: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """Do nothing with a connection for longer than any deadline here, then answer a client that still waits."""

    def wait_and_answer(connection: socket.socket) -> None:
        threading.Event().wait(5)
        answer(connection)

    return wait_and_answer


def assert_given_up_at_the_deadline(url: str, *, body: bytes = b"", ca_bundle: str | None = None) -> None:
    """Every server here answers in the end, so an error means that the request was given up."""
    with session(ca_bundle) as client, answer_within(0.4):
        with pytest.raises(requests.RequestException):
            client.post(url, data=body, timeout=30)
        with pytest.raises(TimeoutError):  # not before the deadline
            remaining_seconds()


def test_a_server_that_drips_its_headers_is_given_up_at_the_deadline() -> None:
    with serving(dripping(ANSWER)) as port:
        assert_given_up_at_the_deadline(f"http://127.0.0.1:{port}/")


def test_a_server_that_drips_its_body_is_given_up_at_the_deadline() -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        dripping(b"x" * 100)(connection)

    with serving(answer) as port:
        assert_given_up_at_the_deadline(f"http://127.0.0.1:{port}/")


def test_a_server_that_never_reads_the_request_is_given_up_at_the_deadline() -> None:
    body = b"x" * 20_000_000

    def read_and_answer(connection: socket.socket) -> None:
        with suppress(OSError):
            unread = len(body)
            while unread > 0:
                unread -= len(connection.recv(1_000_000))
            connection.sendall(ANSWER)

    with serving(late(read_and_answer)) as port:
        assert_given_up_at_the_deadline(f"http://127.0.0.1:{port}/", body=body)


def test_a_server_that_never_shakes_hands_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = authority_context(authority)

    def shake_hands_and_answer(connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(65536)
            secured.sendall(ANSWER)

    with serving(late(shake_hands_and_answer)) as port:
        assert_given_up_at_the_deadline(f"https://localhost:{port}/", ca_bundle=str(tmp_path / "ca.pem"))


def test_a_server_that_drips_over_tls_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = authority_context(authority)

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
            dripping(ANSWER * 10)(secured)

    with serving(answer) as port:
        assert_given_up_at_the_deadline(f"https://localhost:{port}/", ca_bundle=str(tmp_path / "ca.pem"))


class Counter:
    """Answers every request of a connection, and counts the connections."""

    def __init__(self) -> None:
        self.connections = 0

    def __call__(self, connection: socket.socket) -> None:
        self.connections += 1
        with suppress(OSError):
            while connection.recv(65536):
                connection.sendall(ANSWER)


def test_a_pooled_connection_takes_the_deadline_of_the_request_that_uses_it() -> None:
    counter = Counter()
    with serving(counter) as port, session() as shared:
        with answer_within(0.3):
            assert shared.get(f"http://127.0.0.1:{port}/", timeout=5).text == "ok"
        threading.Event().wait(0.35)
        with answer_within(5):
            assert shared.get(f"http://127.0.0.1:{port}/", timeout=5).text == "ok"
        assert counter.connections == 1


def test_a_connection_that_was_idle_too_long_is_not_used_again() -> None:
    counter = Counter()
    with serving(counter) as port, session(idle_seconds=0.1) as shared:
        shared.get(f"http://127.0.0.1:{port}/", timeout=5)
        threading.Event().wait(0.15)
        shared.get(f"http://127.0.0.1:{port}/", timeout=5)
        assert counter.connections == 2


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = authority_context(authority, "elsewhere.example")

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True):
            pass

    refused = pytest.raises(requests.exceptions.SSLError, match="localhost")
    with serving(answer) as port, session(str(tmp_path / "ca.pem")) as client, refused:
        client.get(f"https://localhost:{port}/", verify=False, timeout=5)


def test_outside_the_block_there_is_no_deadline() -> None:
    with answer_within(0):
        pass
    assert remaining_seconds() is None


def test_inside_the_block_the_time_left_is_counted_down(stopped_time: list[float]) -> None:
    with answer_within(15):
        assert remaining_seconds() == 15
        stopped_time[0] += 14
        assert remaining_seconds() == 1
        stopped_time[0] += 1
        with pytest.raises(TimeoutError):
            remaining_seconds()
