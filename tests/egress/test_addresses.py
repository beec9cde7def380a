"""Where webhooks may go, address by address."""

import pytest

from shared.egress.urls import why_refused

PUBLIC = ["93.184.215.14", "20.50.2.1", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"]
PUBLIC_BEHIND_A_TRANSLATOR = ["64:ff9b::5db8:d70e", "2002:5db8:d70e::1"]
LOCAL = ["127.0.0.1", "127.9.9.9", "::1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd12:3456::1"]
NEVER = [
    "169.254.169.254",  # metadata of most clouds, link-local
    "169.254.170.2",
    "168.63.129.16",  # Azure's wire server
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%eth0",
    "0.0.0.0",  # noqa: S104 - nothing is bound to it
    "0.1.2.3",
    "100.64.0.1",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "ff02::1",
    "ff0e::1",
    "100::1",
    "2001::1",  # Teredo
    "2001:0:53aa:64c:0:7ef7:d7d6:ddf0",
    "2001:db8::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fec0::1",
    "64:ff9b:1::5db8:d70e",  # NAT64 of local use, even to a public address
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::a83f:8110",  # the wire server behind NAT64
    "2002:a9fe:a9fe::1",
    "::a9fe:a9fe",
    "::ffff:0:169.254.169.254",
]
LOCAL_IN_DISGUISE = [
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::c0a8:101",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
]


@pytest.mark.parametrize("address", PUBLIC + PUBLIC_BEHIND_A_TRANSLATOR)
def test_a_public_address_is_allowed(address: str) -> None:
    assert why_refused(address, allow_private=False) is None


@pytest.mark.parametrize("address", LOCAL + LOCAL_IN_DISGUISE + NEVER)
def test_an_address_of_special_purpose_is_refused(address: str) -> None:
    assert why_refused(address, allow_private=False) is not None


@pytest.mark.parametrize("address", LOCAL)
def test_local_use_allows_loopback_and_private_addresses(address: str) -> None:
    assert why_refused(address, allow_private=True) is None


@pytest.mark.parametrize("address", NEVER)
def test_local_use_allows_no_other_special_addresses(address: str) -> None:
    assert why_refused(address, allow_private=True) is not None


@pytest.mark.parametrize("text", ["", "example.com", "2130706433", "0x7f.1", "127.1", "1.2.3.4.5", "::1::"])
def test_a_text_that_is_not_an_address_is_refused(text: str) -> None:
    assert why_refused(text, allow_private=True) is not None


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("168.63.129.16", "a metadata address"),
        ("169.254.1.1", "a link-local address"),
        ("127.0.0.1", "a loopback address"),
        ("10.1.2.3", "a private address"),
        ("224.0.0.1", "a multicast address"),
        ("192.0.2.1", "a reserved address"),
        ("4000::1", "a reserved address"),
        ("64:ff9b::a9fe:a9fe", "a link-local address"),
        ("::ffff:0:10.0.0.1", "a private address"),
        ("fe80::1%eth0", "an address with a zone, which only a link-local one needs"),
        ("x", "not an IP address"),
    ],
)
def test_the_reason_names_the_kind_and_not_the_address(address: str, kind: str) -> None:
    assert why_refused(address, allow_private=False) == kind
