"""Which URLs are accepted, and where they lead."""

import unicodedata
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.egress.urls import origin, prepared_url, url_faults

BLANKS = [
    chr(code) for code in range(0x11000) if chr(code).isspace() or unicodedata.category(chr(code)) in {"Zs", "Cf"}
]


@pytest.mark.parametrize("blank", BLANKS, ids=lambda blank: f"U+{ord(blank):04X}")
def test_a_blank_anywhere_is_refused(blank: str) -> None:
    url = "https://user:hunter2@hooks.example:0/path#x"
    for place in (0, 8, len(url) // 2, len(url)):
        [fault] = url_faults(url[:place] + blank + url[place:], allow_private=False)
        assert fault == "contains a blank, a control character or a backslash"


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("https://HOOKS.Example.com", "https://hooks.example.com/"),
        ("https://bücher.example/ä?q=ü", "https://xn--bcher-kva.example/%C3%A4?q=%C3%BC"),
    ],
)
def test_a_url_is_stored_as_it_is_sent(url: str, stored: str) -> None:
    assert url_faults(url, allow_private=False) == ()
    assert prepared_url(url) == stored
    assert url_faults(stored, allow_private=False) == ()
    assert prepared_url(stored) == stored


@pytest.mark.parametrize(
    ("host", "fault"),
    [
        ("[2606:2800::1%25eth0]", "has a host with a zone or an escaped character"),
        ("127.1", "has an IP address in an unusual spelling"),
        ("0X7F.1", "has an IP address in an unusual spelling"),
        ("127.0.0.0x1", "has an IP address in an unusual spelling"),
        ("10.0.0.1", "the host is a private address, where webhooks may not go"),
        ("[::1]", "the host is a loopback address, where webhooks may not go"),
        ("localhost", "the host is this machine itself"),
        ("printer.localhost.", "the host is this machine itself"),
        ("printer.localdomain", "the host is this machine itself"),
    ],
)
def test_the_fault_of_a_host_is_named(host: str, fault: str) -> None:
    assert url_faults(f"https://{host}/", allow_private=False) == (fault,)


def test_a_url_has_2048_characters_at_most_as_it_is_given_and_as_it_is_sent() -> None:
    longest = "https://hooks.example/".ljust(2048, "x")
    assert url_faults(longest, allow_private=False) == ()
    assert url_faults(longest + "x", allow_private=False) == ("is longer than 2048 characters",)
    sent_longer = longest[:-1] + "ä"
    assert url_faults(sent_longer, allow_private=False) == (
        "is longer than 2048 characters once it is percent-encoded",
    )


def test_a_url_without_a_host_is_refused() -> None:
    assert url_faults("mailto:offers", allow_private=False) == ("does not begin with https://", "has no host")


@pytest.mark.parametrize("host", ["localhost.example", "mylocalhost", "a0x7f.example", "7.example", "x0x7f", "0x7g"])
def test_a_name_that_only_looks_like_the_machine_itself_or_an_address_is_accepted(host: str) -> None:
    assert url_faults(f"https://{host}/", allow_private=False) == ()


@given(st.text(max_size=60).map(lambda text: f"https://hooks.example/{text}") | st.text(max_size=60))
def test_any_text_is_accepted_or_refused_in_words(text: str) -> None:
    faults = url_faults(text, allow_private=False)
    assert all(faults)
    if not faults:
        parts = urlsplit(prepared_url(text))
        assert (parts.scheme, parts.username, parts.fragment) == ("https", None, "")


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://hooks.example:443/other?x=1", True),
        ("https://hooks.example:8443/", False),
        ("http://hooks.example/", False),
        ("https://other.example/", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, same: bool) -> None:
    assert (origin(url) == origin("https://hooks.example/hook")) is same


def test_a_url_without_a_host_has_an_origin_without_one() -> None:
    assert origin("mailto:offers") == ("mailto", None, None)


def test_an_origin_over_http_has_port_80_unless_the_url_names_another() -> None:
    assert origin("http://hooks.example/") == ("http", "hooks.example", 80)
    assert origin("http://hooks.example:8080/") == ("http", "hooks.example", 8080)
