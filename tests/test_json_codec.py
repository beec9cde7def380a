"""Reading and writing JSON without changing a digit."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.json_codec import MOST_ELEMENTS, InvalidJson, dumps, elements, loads, members, text_of
from tests.json_texts import json_bytes


@pytest.mark.parametrize("text", ["2.0", "0.10", "636576975611768314", "12345678901234567890123", "-0.0", "1.5E+400"])
def test_a_number_keeps_its_digits(text: str) -> None:
    assert dumps(loads(f"[{text}]")) == f"[{text}]"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "[Infinity]",
        "{'a': 1}",
        "[1,]",
        "[" * 100_000,
        "[" * 101 + "]" * 101,
        '{"a":[' * 51 + "]}" * 51,
        "1e99999999999999999999",
        '{"label":-1.5E+1000000000000000000}',
        "9" * 5000,
        "\ufeff\ufeff1",
    ],
)
def test_a_text_that_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidJson):
        loads(text)


def test_a_hundred_levels_are_read_and_written() -> None:
    text = "[" * 100 + "]" * 100
    assert dumps(loads(text)) == text


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(InvalidJson):
        loads(b'"\xff"')


def test_a_byte_order_mark_is_accepted() -> None:
    assert loads(b"\xef\xbb\xbf[1]") == [1]


def test_the_message_does_not_repeat_the_text() -> None:
    with pytest.raises(InvalidJson) as error:
        loads('{"secret": hunter2}')
    assert "hunter2" not in str(error.value)


def test_a_lone_surrogate_survives_as_an_escape() -> None:
    assert dumps(loads('"\\ud800"')) == '"\\ud800"'


@settings(max_examples=100, deadline=None)
@given(json_bytes() | st.text())
def test_any_text_is_a_value_that_can_be_written_back_or_invalid(text: bytes | str) -> None:
    with suppress(InvalidJson):
        value = loads(text)
        assert loads(dumps(value)) == value


@settings(max_examples=100, deadline=None)
@given(json_bytes(names=("a", "b")))
def test_any_text_has_members_or_elements_or_is_invalid(data: bytes) -> None:
    with suppress(InvalidJson):
        assert all(loads(bytes(found)) == loads(data)[name] for name, found in members(data, "a", "b").items())
    with suppress(InvalidJson):
        assert [loads(bytes(found)) for found in elements(data)] == loads(data)
    text_of(data)


@pytest.mark.parametrize(
    "data", [b"[", b"[]", b'{"a":1}}', b'{"a":"\xff"}', b"{'a':1}", b"\xef\xbb\xbf{}", b'{"a":' * 10**5]
)
def test_only_the_members_of_a_json_object_are_found(data: bytes) -> None:
    with pytest.raises(InvalidJson):
        members(data, "a")


def test_members_are_unchanged_bytes_and_the_last_of_a_name_counts() -> None:
    found = members(b' {"b" : { "x":2.0 } ,"a":1, "a":[ ], "c":"\\u00e9"}', "a", "b", "d")
    assert {name: bytes(raw) for name, raw in found.items()} == {"a": b"[ ]", "b": b'{ "x":2.0 }'}


def test_more_elements_than_memory_should_hold_are_refused() -> None:
    with pytest.raises(InvalidJson, match="more than"):
        elements(b"[" + b"1," * MOST_ELEMENTS + b"1]")
