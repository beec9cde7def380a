"""Which URLs and addresses the guard refuses, when an endpoint is registered and when it connects."""

import socket
from collections.abc import Sequence

import pytest

from shared.egress.deadline import connect_to_first
from shared.egress.guard import AddressRefused, NetworkGuard, check_endpoint_url
from tests.egress.answering import serving
from tests.egress.posts import HEADERS, resolving
from tests.webhooks.receiver import Receiver

PUBLIC_ADDRESS = "93.184.215.14"


def faults(url: str, *addresses: str, allow_private: bool = False) -> list[str]:
    return check_endpoint_url(url, allow_private=allow_private, resolver=resolving(*(addresses or (PUBLIC_ADDRESS,))))


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


def test_the_first_fault_of_a_url_is_why_nothing_is_sent_to_it() -> None:
    with pytest.raises(AddressRefused, match=r"^does not begin with https://$"):
        NetworkGuard().post("http://10.0.0.1/", b"{}", HEADERS)
