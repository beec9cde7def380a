"""What the guard lets through, and how it sends it."""

import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
import trustme
import urllib3

from shared.egress.deadline import Resolver, connect_to_first
from shared.egress.guard import (
    ANSWER_READ_BYTES,
    ERROR_MAX_CHARACTERS,
    AddressRefused,
    AttemptFailed,
    NetworkGuard,
    _beginning,
    check_endpoint_url,
)
from tests.egress.test_deadline import serving
from tests.webhooks.receiver import Receiver, Reply, receiving

HEADERS = {"content-type": "application/json", "webhook-id": "msg_1"}
PUBLIC_ADDRESS = "93.184.215.14"


def resolving(*addresses: str) -> Resolver:
    return lambda _: addresses


def faults(url: str, *addresses: str, allow_private: bool = False) -> list[str]:
    return check_endpoint_url(url, allow_private=allow_private, resolver=resolving(*(addresses or (PUBLIC_ADDRESS,))))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def local_guard() -> Iterator[NetworkGuard]:
    guard = NetworkGuard(allow_private=True, timeout_seconds=2)
    yield guard
    guard.close()


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com/a/b?c=d%20e",
        "https://HOOKS.example.com:8443/",
        "https://hooks.example.com./",
        "https://93.184.215.14/",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
        "https://bücher.example/",
    ],
)
def test_an_https_url_on_a_public_address_can_be_registered(url: str) -> None:
    assert faults(url) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "//hooks.example.com/",
        "hooks.example.com",
        "https://",
        "https:///path",
        "",
        "https://user@hooks.example.com/",
        "https://user:password@hooks.example.com/",
        "https://@hooks.example.com/",
        "https://hooks.example.com@127.0.0.1/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com:port/",
        "https://hooks.example.com/#top",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://hooks .example.com/",
        "https://hooks.example.com/\r\nX-Header: 1",
        "https://" + "a" * 2050 + ".example/",
        # Addresses, in the usual spelling and in others that some resolvers take for one
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.1/",
        "https://10.0.1/",
        "https://0/",
        "https://1572395022/",  # 93.184.215.14: public, but this spelling hides something
        "https://①②⑦.0.0.1/",
        "https://127。0。0。1/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[0:0:0:0:0:ffff:7f00:0001]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fe80::1%25eth0]/",
        "https://[2606:2800::1%25eth0]/",
        "https://[fd00:ec2::254]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://168.63.129.16/",
        "https://100.64.0.1/",
        "https://192.168.0.1:8443/",
        # Names of the machine itself
        "https://localhost/",
        "https://LOCALHOST./",
        "https://printer.localhost/",
        "https://localhost.localdomain/",
    ],
)
def test_a_hostile_url_is_refused(url: str) -> None:
    assert faults(url) != []
    with pytest.raises(AddressRefused):
        NetworkGuard(resolver=resolving(PUBLIC_ADDRESS)).post(url, b"{}", HEADERS)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:192.168.0.1"])
def test_a_name_that_leads_to_a_private_address_is_refused(address: str) -> None:
    assert faults("https://inside.example/", address) != []


def test_a_name_with_public_and_private_addresses_is_refused() -> None:
    assert faults("https://mixed.example/", PUBLIC_ADDRESS, "10.0.0.1") != []


@pytest.mark.parametrize("allow_private", [False, True])
def test_each_kind_of_refused_address_is_named_once(allow_private: bool) -> None:
    found = faults(
        "https://mixed.example/", "10.0.0.1", PUBLIC_ADDRESS, "169.254.1.1", "10.0.0.2", allow_private=allow_private
    )
    private = [] if allow_private else ["the host leads to a private address, where webhooks may not go"]
    assert found == [*private, "the host leads to a link-local address, where webhooks may not go"]


def test_the_log_names_the_host_and_the_refused_address(caplog: pytest.LogCaptureFixture) -> None:
    faults("https://inside.example/", "10.1.2.3")
    [line] = caplog.messages
    assert line == (
        'webhook_address_refused {"host":"inside.example","address":"10.1.2.3","reason":"a private address"}'
    )
    assert caplog.records[0].levelname == "WARNING"


def test_the_name_that_is_looked_up_is_the_one_that_is_connected_to() -> None:
    looked_up: list[str] = []

    def noted(host: str) -> list[str]:
        looked_up.append(host)
        return [PUBLIC_ADDRESS]

    check_endpoint_url("https://BÜCHER.example:8443/a?b", allow_private=False, resolver=noted)
    assert looked_up == ["xn--bcher-kva.example"]


def test_a_name_that_cannot_be_looked_up_yet_can_be_registered() -> None:
    def unknown(_: str) -> Sequence[str]:
        raise OSError("name or service not known")

    assert check_endpoint_url("https://soon.example/", allow_private=False, resolver=unknown) == []


def test_every_fault_of_a_url_is_listed() -> None:
    assert len(faults("http://user@127.0.0.1:0/#x")) == 5


def test_local_use_allows_http_and_loopback_and_private_addresses() -> None:
    for url in ("http://localhost:7072/", "http://127.0.0.1:7072/", "http://[::1]:7072/", "http://10.0.0.1/"):
        assert faults(url, "127.0.0.1", allow_private=True) == []


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "http://0.0.0.0/", "http://u@localhost/", "http://0x7f.1/"]
)
def test_local_use_allows_nothing_else(url: str) -> None:
    assert faults(url, "127.0.0.1", allow_private=True) != []


@pytest.mark.parametrize("addresses", [("127.0.0.1",), (PUBLIC_ADDRESS, "127.0.0.1"), ("127.0.0.1", PUBLIC_ADDRESS)])
def test_nothing_is_sent_to_a_name_that_leads_to_a_private_address(addresses: tuple[str, ...]) -> None:
    connections: list[socket.socket] = []
    with serving(connections.append) as port, pytest.raises(AddressRefused):
        NetworkGuard(resolver=resolving(*addresses)).post(f"https://inside.example:{port}/", b"{}", HEADERS)
    assert connections == []


def test_a_name_is_looked_up_once_for_the_check_and_the_connection(receiver: Receiver) -> None:
    """DNS rebinding: a second look-up, after the check, could give another address."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    guard = NetworkGuard(allow_private=True, resolver=lambda _: next(answers))
    assert guard.post(f"http://rebinding.example:{receiver.port}/", b"{}", HEADERS).status == 200
    guard.close()


def test_a_name_that_changed_since_it_was_registered_is_refused(receiver: Receiver) -> None:
    answers = iter([[PUBLIC_ADDRESS], ["127.0.0.1"]])

    def changing(_: str) -> Sequence[str]:
        return next(answers)

    url = f"https://changing.example:{receiver.port}/"
    assert check_endpoint_url(url, allow_private=False, resolver=changing) == []
    with pytest.raises(AddressRefused, match="the host leads to a loopback address"):
        NetworkGuard(resolver=changing).post(url, b"{}", HEADERS)
    assert receiver.requests == []


def test_nothing_is_sent_to_a_peer_that_is_not_where_the_guard_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def redirected(_addresses: Sequence[str], port: int) -> socket.socket:
        return connect_to_first(["127.0.0.1"], port)

    monkeypatch.setattr("shared.egress.guard.connect_to_first", redirected)
    guard = NetworkGuard(resolver=resolving(PUBLIC_ADDRESS))
    with pytest.raises(AddressRefused, match="the host leads to a loopback address"):
        guard.post(f"https://hooks.example:{receiver.port}/", b"{}", HEADERS)
    assert receiver.requests == []


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


def test_the_request_has_the_body_and_the_headers_that_were_given(
    receiver: Receiver, local_guard: NetworkGuard
) -> None:
    local_guard.post(receiver.url, b'{"type": "job.succeeded"}', HEADERS)
    [request] = receiver.requests
    assert request.body == b'{"type": "job.succeeded"}'
    assert HEADERS.items() <= request.headers.items()


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


def test_the_first_fault_of_a_url_is_why_nothing_is_sent_to_it() -> None:
    with pytest.raises(AddressRefused, match=r"^does not begin with https://$"):
        NetworkGuard().post("http://10.0.0.1/", b"{}", HEADERS)


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


def test_a_resolver_that_hangs_is_given_up_at_the_timeout() -> None:
    def hanging(_: str) -> Sequence[str]:
        threading.Event().wait(2)
        return []

    with pytest.raises(AttemptFailed, match=r"no whole answer within 0\.1 s"):
        NetworkGuard(resolver=hanging, timeout_seconds=0.1).post("https://hooks.example/", b"{}", HEADERS)
