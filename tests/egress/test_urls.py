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
