"""A deadline holds for a whole exchange, whatever the server does to stretch it."""

import io
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
import trustme

from shared.egress.adapter import DeadlineAdapter
from shared.egress.deadline import (
    DeadlineSocket,
    DeadlineTLSSocket,
    answer_within,
    connect_to_first,
    dial_by_name,
    remaining_seconds,
    resolve_in_time,
    system_resolver,
)

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on a free port that lets `answer` deal with each connection in a thread of its own."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def accept() -> None:
            with suppress(OSError):  # the listener is closed at the end of the test
                while True:
                    connection, _ = listener.accept()
                    stack.callback(connection.close)
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()  # so that the last connection is closed as well


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


def authority_context(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


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


def test_a_slow_name_look_up_is_given_up_at_the_deadline() -> None:
    def slow(_: str) -> list[str]:
        threading.Event().wait(2)
        return ["127.0.0.1"]

    with answer_within(0.2), pytest.raises(TimeoutError):
        resolve_in_time(slow, "slow.example")


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


@pytest.fixture
def stopped_time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of the monotonic clock in seconds, which only the test moves."""
    now = [1000.0]
    monkeypatch.setattr("shared.egress.deadline.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


class Tried(DeadlineSocket):
    """Notes with which family and timeout each address is tried; none answers."""

    stopped_time: list[float]
    made: list[tuple[str, int, float | None]]

    def connect(self, address: tuple[str, int]) -> None:  # type: ignore[override] # as it is called
        timeout = self.gettimeout()
        self.made.append((address[0], self.family, timeout))
        self.stopped_time[0] += timeout or 0
        raise TimeoutError("no answer")


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch, stopped_time: list[float]) -> list[tuple[str, int, float | None]]:
    monkeypatch.setattr(Tried, "stopped_time", stopped_time, raising=False)
    monkeypatch.setattr(Tried, "made", [], raising=False)
    monkeypatch.setattr("shared.egress.deadline.DeadlineSocket", Tried)
    return Tried.made


def test_every_address_gets_the_same_share_of_the_time(tried: list[tuple[str, int, float | None]]) -> None:
    with answer_within(12), pytest.raises(TimeoutError, match="no answer"):
        connect_to_first(["192.0.2.1", "2001:db8::1", "192.0.2.3"], 443)
    assert tried == [
        ("192.0.2.1", socket.AF_INET, 4),
        ("2001:db8::1", socket.AF_INET6, 4),
        ("192.0.2.3", socket.AF_INET, 4),
    ]


def test_without_a_deadline_connecting_takes_as_long_as_it_takes(tried: list[tuple[str, int, float | None]]) -> None:
    with pytest.raises(TimeoutError):
        connect_to_first(["192.0.2.1"], 443)
    assert tried == [("192.0.2.1", socket.AF_INET, None)]


def test_a_name_without_addresses_cannot_be_connected_to() -> None:
    with pytest.raises(OSError, match=r"^the name has no address$"):
        connect_to_first([], 443)


def test_a_connection_sends_small_pieces_at_once() -> None:
    with serving(lambda _: None) as port, connect_to_first(["127.0.0.1"], port) as connection:
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_the_ordinary_way_to_connect_is_by_the_systems_addresses() -> None:
    with serving(lambda _: None) as port, dial_by_name("127.0.0.1", port) as connection:
        assert connection.getpeername() == ("127.0.0.1", port)


def test_the_system_finds_each_address_once() -> None:
    assert system_resolver("127.0.0.1") == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["a" * 64, "a..b", "no-such-name.invalid"])
def test_a_name_that_the_system_cannot_look_up_has_no_address(host: str) -> None:
    with pytest.raises(socket.gaierror):
        system_resolver(host)


@pytest.mark.parametrize("host", ["a" * 64, "a..b"])
def test_a_text_that_cannot_be_a_name_is_unknown_in_so_many_words(host: str) -> None:
    with pytest.raises(socket.gaierror) as caught:
        system_resolver(host)
    assert (caught.value.errno, caught.value.strerror) == (socket.EAI_NONAME, "not a host name")


def test_a_look_up_gives_the_resolvers_addresses_or_its_error() -> None:
    def failing(_: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    assert resolve_in_time(lambda host: [f"{host}'s address"], "a.example") == ["a.example's address"]
    with pytest.raises(socket.gaierror, match="not known"):
        resolve_in_time(failing, "a.example")


def test_a_look_up_that_hangs_does_not_keep_the_process_from_ending() -> None:
    threads: list[threading.Thread] = []

    def noted(_: str) -> list[str]:
        threads.append(threading.current_thread())
        return []

    resolve_in_time(noted, "a.example")
    assert [thread.daemon for thread in threads] == [True]


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
