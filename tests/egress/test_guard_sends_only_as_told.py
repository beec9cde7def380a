"""How the guard connects and sends: to whom, with what, and on which connections."""

import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme

from shared.egress.guard import AttemptFailed, NetworkGuard
from tests.egress.answering import serving
from tests.egress.posts import HEADERS, resolving
from tests.webhooks.receiver import Receiver, Reply, receiving


def test_the_next_address_is_tried_when_one_does_not_answer(receiver: Receiver) -> None:
    guard = NetworkGuard(allow_private=True, resolver=resolving("127.0.0.2", "127.0.0.1"))
    # The receiver listens on 127.0.0.1 only.
    assert guard.post(f"http://two.example:{receiver.port}/", b"{}", HEADERS).status == 200
    guard.close()


def test_tls_and_the_host_header_are_for_the_name_not_the_address(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hooks.example").configure_cert(context)
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    guard = NetworkGuard(allow_private=True, ca_bundle=str(tmp_path / "ca.pem"), resolver=resolving("127.0.0.1"))
    with receiving(context) as receiver:
        assert guard.post(f"https://hooks.example:{receiver.port}/", b"{}", HEADERS).status == 200
        assert names == ["hooks.example"]
        assert receiver.requests[0].headers["host"] == f"hooks.example:{receiver.port}"
        with pytest.raises(AttemptFailed, match="TLS failed"):
            guard.post(f"https://other.example:{receiver.port}/", b"{}", HEADERS)
    guard.close()


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver, local_guard: NetworkGuard) -> None:
    receiver.behaviour = lambda _: Reply(302, headers={"Location": f"{receiver.url}/elsewhere"})
    assert local_guard.post(receiver.url, b"{}", HEADERS).status == 302
    assert len(receiver.requests) == 1


def test_no_proxy_and_no_netrc_of_the_environment_is_used(
    receiver: Receiver, local_guard: NetworkGuard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert local_guard.post(receiver.url, b"{}", HEADERS).status == 200
    assert "authorization" not in receiver.requests[0].headers


def test_no_cookie_of_an_endpoint_is_sent_back(receiver: Receiver, local_guard: NetworkGuard) -> None:
    receiver.behaviour = lambda _: Reply(headers={"Set-Cookie": "a=b"})
    for _ in range(2):
        local_guard.post(receiver.url, b"{}", HEADERS)
    assert "cookie" not in receiver.requests[1].headers


def test_the_request_has_the_body_and_the_headers_that_were_given(
    receiver: Receiver, local_guard: NetworkGuard
) -> None:
    local_guard.post(receiver.url, b'{"type": "job.succeeded"}', HEADERS)
    [request] = receiver.requests
    assert request.body == b'{"type": "job.succeeded"}'
    assert HEADERS.items() <= request.headers.items()


def take_request(connection: socket.socket) -> bytes:
    """A whole request whose body is {}, or the part that came before the connection was closed."""
    received = b""
    while not received.endswith(b"{}") and (piece := connection.recv(65536)):
        received += piece
    return received


def test_an_endpoint_that_closes_a_connection_it_promised_to_keep_loses_no_request(local_guard: NetworkGuard) -> None:
    def answer_once(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            take_request(connection)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            take_request(connection)  # the next one as well, and closes without a word

    with serving(answer_once) as port:
        statuses = [local_guard.post(f"http://127.0.0.1:{port}/", b"{}", HEADERS).status for _ in range(3)]
    assert statuses == [204] * 3


class Kept:
    """Answers each request once `at_once` have come, and counts the connections."""

    def __init__(self, at_once: int = 1) -> None:
        self.connections = 0
        self._all_asked = threading.Barrier(at_once)

    def __call__(self, connection: socket.socket) -> None:
        self.connections += 1
        with suppress(OSError, threading.BrokenBarrierError):
            while take_request(connection):
                self._all_asked.wait(5)
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


@pytest.fixture
def stopped_adapter_time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds by which connections are idle, which only the test moves."""
    now = [1000.0]
    monkeypatch.setattr("shared.egress.adapter.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_connection_that_was_idle_for_four_seconds_is_not_used_again(
    local_guard: NetworkGuard, stopped_adapter_time: list[float]
) -> None:
    kept = Kept()
    with serving(kept) as port:
        opened = []
        for idle_seconds in (0, 3.9, 4):
            stopped_adapter_time[0] += idle_seconds
            assert local_guard.post(f"http://127.0.0.1:{port}/", b"{}", HEADERS).status == 204
            opened.append(kept.connections)
    assert opened == [1, 1, 2]


@pytest.mark.usefixtures("stopped_adapter_time")
def test_connections_to_64_hosts_are_kept_open() -> None:
    kept = Kept()
    guard = NetworkGuard(allow_private=True, resolver=resolving("127.0.0.1"))
    with serving(kept) as port:
        for number in (*range(64), 0):
            assert guard.post(f"http://host{number}.example:{port}/", b"{}", HEADERS).status == 204
        guard.close()
    assert kept.connections == 64


@pytest.mark.usefixtures("stopped_adapter_time")
def test_eight_connections_to_a_host_are_kept_open() -> None:
    kept = Kept(at_once=10)
    guard = NetworkGuard(allow_private=True)
    with serving(kept) as port, ThreadPoolExecutor(10) as pool:
        for _ in range(2):
            sent = [pool.submit(guard.post, f"http://127.0.0.1:{port}/", b"{}", HEADERS) for _ in range(10)]
            assert {each.result().status for each in sent} == {204}
        guard.close()
    assert kept.connections == 10 + (10 - 8)


def test_connections_are_closed_with_the_guard(local_guard: NetworkGuard) -> None:
    closed = threading.Event()

    def answer(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            while connection.recv(65536):
                pass
            closed.set()

    with serving(answer) as port:
        local_guard.post(f"http://127.0.0.1:{port}/", b"{}", HEADERS)
        assert not closed.is_set()
        local_guard.close()
        assert closed.wait(5)
