"""Sockets with a deadline lose no bytes, notice those after an answer, and give each operation the time left."""

import io
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
import trustme

from shared.egress.deadline import (
    DeadlineSocket,
    DeadlineTLSSocket,
    answer_within,
    connect_to_first,
)
from tests.egress.answering import authority_context


@contextmanager
def connected() -> Iterator[tuple[DeadlineSocket, socket.socket]]:
    """A connection: this end, and the server's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = connect_to_first(["127.0.0.1"], listener.getsockname()[1])
        far, _ = listener.accept()
        with near, far:
            assert isinstance(near, DeadlineSocket)
            yield near, far


def test_looking_for_unread_bytes_loses_none_and_does_not_wait() -> None:
    with connected() as (near, far):
        assert not near.has_unread()
        far.sendall(b"abc")
        far.shutdown(socket.SHUT_WR)
        with near.makefile("rb") as reader:
            near.settimeout(5)
            while not near.has_unread():
                pass
            assert near.has_unread()
            assert near.gettimeout() == 5
            assert reader.read() == b"abc"


def test_a_connection_without_bytes_after_its_answer_has_no_surplus() -> None:
    with connected() as (near, far):
        far.sendall(b"abc")
        with near.makefile() as reader:
            assert reader.read(3) == b"abc"
        assert not near.has_surplus


def test_bytes_after_an_answer_are_surplus_and_stay_so() -> None:
    with connected() as (near, far):
        far.sendall(b"abcd")
        with near.makefile() as reader:
            while len(reader.peek()) < 4:
                pass
            assert reader.read(3) == b"abc"
        assert near.has_surplus
        far.sendall(b"e")
        with near.makefile() as reader:
            assert reader.read(1) == b"e"
        assert near.has_surplus


def test_nothing_more_is_received_when_an_answer_ends() -> None:
    class Reader(io.BufferedReader):
        def peek(self, _size: int = 0) -> bytes:
            with pytest.raises(BlockingIOError, match=r"^\[Errno 11\] the answer has ended$"):
                near.recv_into(bytearray(1))
            return b""

    with connected() as (near, far):
        far.sendall(b"a")
        near.answer_ends(Reader(io.BytesIO()))
        assert not near.has_surplus
        assert near.recv_into(bytearray(1)) == 1


def test_an_answer_whose_reading_timed_out_leaves_a_surplus() -> None:
    with connected() as (near, far):
        far.sendall(b"ab")
        reader = near.makefile()
        with answer_within(0.05), pytest.raises(TimeoutError):
            reader.read(3)
        with suppress(OSError):
            reader.close()
        assert near.has_surplus


@contextmanager
def secured(authority: trustme.CA) -> Iterator[tuple[ssl.SSLSocket, ssl.SSLSocket]]:
    """A connection over TLS: this end, with a handshake still to do, and the server's."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.sslsocket_class = DeadlineTLSSocket
    with connected() as (plain, far):
        server = authority_context(authority).wrap_socket(far, server_side=True, do_handshake_on_connect=False)
        near = context.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False)
        with near, server:
            near.settimeout(5)
            yield near, server


@pytest.fixture(params=["plain", "over TLS"])
def receiving(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    """A connection over which "abc" has come."""
    if request.param == "plain":
        with connected() as (near, far):
            far.sendall(b"abc")
            near.settimeout(5)
            yield near
        return
    with secured(trustme.CA()) as (near, far), ThreadPoolExecutor(1) as thread:
        shaken = thread.submit(far.do_handshake)
        near.do_handshake()
        shaken.result()
        far.sendall(b"abc")
        yield near


def test_no_more_is_received_than_asked_for(receiving: socket.socket) -> None:
    buffer = bytearray(3)
    assert receiving.recv_into(buffer, 2) == 2
    assert buffer == b"ab\0"
    assert receiving.recv_into(buffer) == 1


def test_bytes_that_are_only_looked_at_are_received_again() -> None:
    with connected() as (near, far):
        far.sendall(b"abc")
        near.settimeout(5)
        for _ in range(2):
            buffer = bytearray(3)
            assert near.recv_into(buffer, 0, socket.MSG_PEEK | socket.MSG_WAITALL) == 3
            assert buffer == b"abc"


def test_an_urgent_byte_is_sent_as_such() -> None:
    with connected() as (near, far):
        near.sendall(b"x", socket.MSG_OOB)
        far.setblocking(False)
        select.select([], [], [far], 5)
        assert far.recv(1, socket.MSG_OOB) == b"x"


@pytest.mark.parametrize("operation", ["send", "receive"])
def test_bytes_cannot_be_sent_or_received_in_a_special_way_over_tls(operation: str) -> None:
    with secured(trustme.CA()) as (near, _), pytest.raises(ValueError, match="flags"):
        near.send(b"x", socket.MSG_OOB) if operation == "send" else near.recv_into(bytearray(1), 1, socket.MSG_PEEK)


def test_a_handshake_does_not_wait_on_a_socket_that_does_not() -> None:
    with secured(trustme.CA()) as (near, far):
        hang_up = threading.Timer(2, far.shutdown, [socket.SHUT_RDWR])  # on one that waits after all
        hang_up.start()
        near.settimeout(0)
        with pytest.raises(ssl.SSLWantReadError):
            near.do_handshake()
        hang_up.cancel()


@pytest.mark.parametrize("operation", ["send", "receive"])
def test_every_operation_gets_the_time_that_is_left(operation: str, stopped_time: list[float]) -> None:
    with connected() as (near, far), answer_within(15):
        stopped_time[0] += 5
        if operation == "send":
            near.sendall(b"x")
        else:
            far.sendall(b"x")
            assert near.recv_into(bytearray(1)) == 1
        assert near.gettimeout() == 10
        stopped_time[0] += 10
        with pytest.raises(TimeoutError):
            near.sendall(b"x") if operation == "send" else near.recv_into(bytearray(1))
