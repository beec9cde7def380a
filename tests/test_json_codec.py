"""JSON in and out without changing a digit."""

import pytest

from shared.json_codec import InvalidJson, dumps, loads


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
        "[" * 6000 + "]" * 6000,
        "\ufeff\ufeff1",
    ],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidJson):
        loads(text)


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(InvalidJson):
        loads(b'"\xff"')


def test_a_byte_order_mark_is_no_fault() -> None:
    assert loads(b"\xef\xbb\xbf[1]") == [1]


def test_the_message_does_not_repeat_the_text() -> None:
    with pytest.raises(InvalidJson) as error:
        loads('{"secret": hunter2}')
    assert "hunter2" not in str(error.value)


def test_a_lone_surrogate_survives_as_an_escape() -> None:
    assert dumps(loads('"\\ud800"')) == '"\\ud800"'
