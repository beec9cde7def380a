"""What the guard reads of an answer, how long it waits, and what it says of a failure."""

import io
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from types import SimpleNamespace

import pytest
import requests
import urllib3

from shared.egress.guard import (
    ANSWER_READ_BYTES,
    ERROR_MAX_CHARACTERS,
    AddressRefused,
    AttemptFailed,
    NetworkGuard,
    _beginning,
)
from tests.egress.answering import serving
from tests.egress.posts import HEADERS
from tests.webhooks.receiver import Receiver, Reply, receiving


def test_the_beginning_of_an_answer_is_read(receiver: Receiver, local_guard: NetworkGuard) -> None:
    receiver.behaviour = lambda _: Reply(400, "ü".encode() * 50_000, {"Retry-After": "7"})
    answer = local_guard.post(receiver.url, b"{}", HEADERS)
    assert (answer.status, answer.retry_after, answer.beginning) == (400, "7", "ü" * 8192)


def test_a_compressed_answer_is_not_unpacked(receiver: Receiver, local_guard: NetworkGuard) -> None:
    receiver.behaviour = lambda _: Reply(200, b"\x1f\x8b not gzip", {"Content-Encoding": "gzip"})
    assert "not gzip" in local_guard.post(receiver.url, b"{}", HEADERS).beginning


def test_the_beginning_of_an_answer_is_read_without_what_follows(local_guard: NetworkGuard) -> None:
    """Not even the end of the chunk that holds it."""

    def begin(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.sendall(f"{ANSWER_READ_BYTES:x}\r\n".encode() + b"x" * ANSWER_READ_BYTES)
            connection.recv(65536)  # the end of the chunk never comes

    with serving(begin) as port:
        assert local_guard.post(f"http://127.0.0.1:{port}/", b"{}", HEADERS).beginning == "x" * ANSWER_READ_BYTES


@pytest.mark.parametrize(
    ("framing", "pieces"),
    [
        ("Content-Length: 6", ["ab", "cd", "ef"]),
        ("Transfer-Encoding: chunked", ["2\r\nab", "\r\n4\r\ncdef\r\n0\r\n\r\n"]),
    ],
    ids=["with a length", "in chunks"],
)
def test_an_answer_that_comes_in_pieces_is_put_together(
    local_guard: NetworkGuard, framing: str, pieces: list[str]
) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        for piece in pieces:
            connection.sendall(piece.encode())

    with serving(answer) as port:
        assert local_guard.post(f"http://127.0.0.1:{port}/", b"{}", HEADERS).beginning == "abcdef"


class ShortReads(io.BytesIO):
    """Gives at most 1000 bytes at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(1000 if size is None or size < 0 else min(size, 1000))


def test_the_beginning_is_read_up_to_its_limit_and_as_it_came_however_short_the_reads() -> None:
    body = ShortReads(b"x" * (ANSWER_READ_BYTES + 5000))
    response = requests.Response()
    response.raw = urllib3.HTTPResponse(body, {"Content-Encoding": "gzip"}, preload_content=False)
    assert _beginning(response) == b"x" * ANSWER_READ_BYTES
    assert body.tell() == ANSWER_READ_BYTES


def test_an_answer_that_drips_is_given_up_at_the_timeout() -> None:
    def drip(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n")
            while True:
                connection.sendall(b"x")
                threading.Event().wait(0.02)

    guard = NetworkGuard(allow_private=True, timeout_seconds=0.3)
    with serving(drip) as port, pytest.raises(AttemptFailed, match=r"no whole answer within 0\.3 s"):
        guard.post(f"http://127.0.0.1:{port}/", b"{}", HEADERS)
    guard.close()


def test_a_silent_endpoint_is_given_up_at_the_timeout_even_without_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two limits are independent of each other: the deadline of the whole exchange, and the timeout of each wait."""

    def answer_late(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.recv(65536)
            threading.Event().wait(2)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    monkeypatch.setattr("shared.egress.guard.answer_within", nullcontext)
    guard = NetworkGuard(allow_private=True, timeout_seconds=0.2)
    with serving(answer_late) as port, pytest.raises(AttemptFailed, match=r"no whole answer within 0\.2 s"):
        guard.post(f"http://127.0.0.1:{port}/", b"{}", HEADERS)
    guard.close()


def test_a_closed_port_fails_the_attempt_in_plain_words(local_guard: NetworkGuard) -> None:
    with receiving() as gone:
        url = gone.url
    with pytest.raises(AttemptFailed, match="Connection refused"):
        local_guard.post(url, b"{}", HEADERS)


def test_an_answer_that_is_not_http_fails_the_attempt(local_guard: NetworkGuard) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")

    with serving(answer) as port, pytest.raises(AttemptFailed):
        local_guard.post(f"http://127.0.0.1:{port}/", b"{}", HEADERS)


def test_bytes_of_an_answer_that_are_not_text_are_replaced(receiver: Receiver, local_guard: NetworkGuard) -> None:
    receiver.behaviour = lambda _: Reply(500, b"\xff?")
    assert local_guard.post(receiver.url, b"{}", HEADERS).beginning == "\ufffd?"


@pytest.mark.parametrize(("more", "is_cut"), [(-1, False), (0, True), (1, True)])
def test_an_answer_says_whether_there_may_be_more_of_it(
    receiver: Receiver, local_guard: NetworkGuard, more: int, is_cut: bool
) -> None:
    receiver.behaviour = lambda _: Reply(200, b"x" * (ANSWER_READ_BYTES + more))
    answer = local_guard.post(receiver.url, b"{}", HEADERS)
    assert (answer.is_cut, len(answer.beginning)) == (is_cut, min(ANSWER_READ_BYTES + more, ANSWER_READ_BYTES))


@pytest.mark.parametrize(("more", "is_cut"), [(0, False), (1, True)])
def test_a_message_that_is_too_long_is_cut_and_says_so(more: int, is_cut: bool) -> None:
    failed = AttemptFailed("x" * (ERROR_MAX_CHARACTERS + more))
    assert (failed.is_cut, len(str(failed))) == (is_cut, ERROR_MAX_CHARACTERS)


def test_an_answer_without_end_is_read_only_at_its_beginning(local_guard: NetworkGuard) -> None:
    def begin(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * ANSWER_READ_BYTES)
            connection.recv(65536)  # nothing more comes while the guard waits

    with serving(begin) as port:
        assert local_guard.post(f"http://127.0.0.1:{port}/", b"{}", HEADERS).is_cut


def test_an_answer_that_breaks_off_fails_the_attempt(local_guard: NetworkGuard) -> None:
    def break_off(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    with serving(break_off) as port, pytest.raises(AttemptFailed, match="no connection or no readable answer: "):
        local_guard.post(f"http://127.0.0.1:{port}/", b"{}", HEADERS)


def test_an_error_without_words_is_named_by_its_type() -> None:
    def failing(_: str) -> Sequence[str]:
        raise OSError

    with pytest.raises(AttemptFailed) as caught:
        NetworkGuard(resolver=failing).post("https://hooks.example/", b"{}", HEADERS)
    assert str(caught.value) == "no connection or no readable answer: OSError"


def test_the_latency_is_the_time_until_the_answer_in_milliseconds(
    receiver: Receiver, local_guard: NetworkGuard
) -> None:
    def hold(_: object) -> Reply:
        threading.Event().wait(0.03)
        return Reply()

    receiver.behaviour = hold
    began = time.monotonic()
    latency_ms = local_guard.post(receiver.url, b"{}", HEADERS).latency_ms
    assert 30 <= latency_ms <= (time.monotonic() - began) * 1000 + 1


def test_the_latency_of_a_failure_is_the_time_until_it(local_guard: NetworkGuard) -> None:
    def hold_and_hang_up(connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            threading.Event().wait(0.03)

    began = time.monotonic()
    with serving(hold_and_hang_up) as port, pytest.raises(AttemptFailed) as caught:
        local_guard.post(f"http://127.0.0.1:{port}/", b"{}", HEADERS)
    assert 30 <= caught.value.latency_ms <= (time.monotonic() - began) * 1000 + 1


def test_the_latency_is_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("shared.egress.guard.time", SimpleNamespace(monotonic=lambda: now[0]))

    def late(_: str) -> Sequence[str]:
        now[0] += 12.3456
        return ["10.0.0.1"]

    with pytest.raises(AddressRefused) as caught:
        NetworkGuard(resolver=late).post("https://hooks.example/", b"{}", HEADERS)
    assert caught.value.latency_ms == 12_346


def test_a_resolver_that_hangs_is_given_up_at_the_timeout() -> None:
    def hanging(_: str) -> Sequence[str]:
        threading.Event().wait(2)
        return []

    with pytest.raises(AttemptFailed, match=r"no whole answer within 0\.1 s"):
        NetworkGuard(resolver=hanging, timeout_seconds=0.1).post("https://hooks.example/", b"{}", HEADERS)
