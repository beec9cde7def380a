"""Successful responses of upstream. docs/upstream.md has the quirks."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from shared.json_codec import dumps
from shared.upstream.answers import Answer
from shared.upstream.errors import UpstreamUnreadable
from tests.json_texts import json_bytes


def answer(body: bytes, **headers: str) -> Answer:
    return Answer("Product Ingestion", 200, CaseInsensitiveDict(headers), body, "request-1")


def test_json_keeps_every_digit() -> None:
    parsed = answer(b'{"version": 636576975611768314, "discountPercentage": 2.0}').json()

    assert (str(parsed["version"]), str(parsed["discountPercentage"])) == ("636576975611768314", "2.0")


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"", "empty"), (b"  <!DOCTYPE html>", "HTML"), (b'{"a": "b', "cut short"), (b'{"a": 1}}', "not JSON")],
)
def test_a_body_that_is_not_json_is_unreadable_and_says_what_it_is(body: bytes, said: str) -> None:
    """Quirk 17: the documentation's own CPP sample ends in a surplus brace, and is refused as any invalid JSON."""
    with pytest.raises(UpstreamUnreadable, match=said) as caught:
        answer(body).json()

    assert caught.value.request_id == "request-1"


def test_a_body_of_another_shape_than_requested_is_unreadable() -> None:
    with pytest.raises(UpstreamUnreadable, match="not a JSON object"):
        answer(b"[]").members()
    with pytest.raises(UpstreamUnreadable, match="not a JSON array"):
        answer(b"{}").elements()


@pytest.mark.parametrize("name", ["eTag", "_etag"])
def test_the_body_holds_the_entity_tag_with_its_quotes(name: str) -> None:
    """Quirk 10: eTag holds embedded quotes; quirk 14: an older `$version` calls it _etag."""
    assert answer(rb'{"%s": "\"7d02cb1b-0000\""}' % name.encode()).etag == '"7d02cb1b-0000"'


def test_an_entity_tag_without_quotes_gets_them() -> None:
    assert answer(b'{"eTag": "7d02cb1b"}').etag == '"7d02cb1b"'


def test_a_weak_entity_tag_in_the_header_is_used_if_the_body_has_none() -> None:
    tag = "W/\"datetime'2024-06-07T06%3A15%3A40.4771399Z'\""

    assert answer(b'{"eTag": null}', etag=tag).etag == tag


@pytest.mark.parametrize("tag", ["\x80", '"\xe9"', "tab\there", 'W/"\x7f"', "x" * 2000])
def test_a_tag_with_anything_but_printable_ascii_is_not_used(tag: str) -> None:
    """The Functions host turns an answer with anything else in a header into a 500."""
    assert answer(dumps({"eTag": tag}).encode()).etag is None
    assert answer(b"{}", etag=tag).etag is None


@settings(max_examples=100, deadline=None)
@given(body=json_bytes(names=("eTag", "_etag", "id"), texts=('"1"', "private-offer/1")), tag=st.text())
def test_any_body_is_read_or_unreadable(body: bytes, tag: str) -> None:
    came = answer(body, etag=tag)
    for read in (came.json, came.members, came.elements, lambda: came.check_about("id", "1", "private-offer/")):
        with suppress(UpstreamUnreadable):
            read()
    with suppress(UpstreamUnreadable):
        assert came.etag is None or came.etag.isascii()


@pytest.mark.parametrize("tag", ["two words", 'half"quoted', "line\\nbreak", ""])
def test_a_text_that_a_header_cannot_hold_is_not_an_entity_tag(tag: str) -> None:
    body = f'{{"eTag": "{tag.replace(chr(34), chr(92) + chr(34))}"}}'

    assert answer(body.encode()).etag is None
