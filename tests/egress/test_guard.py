"""What the guard lets through, and how it sends it."""

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from shared.egress.deadline import Resolver, connect_to_first
from shared.egress.guard import AddressRefused, AttemptFailed, NetworkGuard, check_endpoint_url
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


def test_an_endpoint_that_closes_a_connection_it_promised_to_keep_loses_no_request(local_guard: NetworkGuard) -> None:
    def take_request(connection: socket.socket) -> None:
        received = b""
        while not received.endswith(b"{}") and (piece := connection.recv(65536)):
            received += piece

    def answer_once(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            take_request(connection)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            take_request(connection)  # the next one as well, and closes without a word

    with serving(answer_once) as port:
        statuses = [local_guard.post(f"http://127.0.0.1:{port}/", b"{}", HEADERS).status for _ in range(3)]
    assert statuses == [204] * 3


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
