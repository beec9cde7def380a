import pytest
from requests.structures import CaseInsensitiveDict

from shared.upstream.answer import Answer
from shared.upstream.errors import UpstreamUnreadable


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


def test_another_shape_than_the_one_asked_for_is_unreadable() -> None:
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


def test_a_weak_entity_tag_of_the_header_serves_where_the_body_has_none() -> None:
    tag = "W/\"datetime'2024-06-07T06%3A15%3A40.4771399Z'\""

    assert answer(b'{"eTag": null}', etag=tag).etag == tag


@pytest.mark.parametrize("tag", ["two words", 'half"quoted', "line\\nbreak", ""])
def test_what_cannot_stand_in_a_header_is_no_entity_tag(tag: str) -> None:
    body = f'{{"eTag": "{tag.replace(chr(34), chr(92) + chr(34))}"}}'

    assert answer(body.encode()).etag is None
