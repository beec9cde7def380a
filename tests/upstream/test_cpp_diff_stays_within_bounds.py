"""How long values and paths may be, how many changes are told, and which offers are refused."""

import copy
import json
import logging

import pytest

from shared.json_codec import DEEPEST_NESTING, MOST_ELEMENTS, InvalidJson, loads
from shared.upstream.cpp_diff import (
    LONGEST_PATH_CHARACTERS,
    LONGEST_VALUE_CHARACTERS,
    MOST_CHANGES,
    Diff,
    offer_diff,
)
from tests.upstream.diffs import changes_of, diff_of, told


def test_a_value_of_exactly_the_longest_length_is_whole() -> None:
    fits = "x" * (LONGEST_VALUE_CHARACTERS - 2)  # and its quotes

    assert changes_of({}, {"v": fits}) == [{"path": "/definition/v", "op": "add", "from": None, "to": fits}]


@pytest.mark.parametrize(
    "value",
    [
        "x" * (LONGEST_VALUE_CHARACTERS - 1),
        'a"\\\n\x00' * 300,
        "\N{SNOWMAN}\N{GRINNING FACE}" * 600,
        ["\N{SNOWMAN}"] * 400,
        {"\N{SNOWMAN}" * 5000: 1},
        {"nested": [{"a": None, "b": True, "c": [], "d": {}, "e": "\ud800", "f": 1.5}] * 40},
        10**1000,
    ],
    ids=range(7),
)
def test_a_longer_value_becomes_the_start_of_its_json_as_text(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    (added,) = changes_of({}, {"v": value})
    (removed,) = changes_of({"v": value}, {})
    (old,) = changes_of({"v": value}, {"v": 1})
    (new,) = changes_of({"v": 1}, {"v": value})

    cut = text[:LONGEST_VALUE_CHARACTERS]
    assert added == {"path": "/definition/v", "op": "add", "from": None, "to": cut, "truncated": True}
    assert removed == {"path": "/definition/v", "op": "remove", "from": cut, "to": None, "truncated": True}
    assert old == {"path": "/definition/v", "op": "replace", "from": cut, "to": 1, "truncated": True}
    assert new == {"path": "/definition/v", "op": "replace", "from": 1, "to": cut, "truncated": True}


def test_length_counts_characters_not_their_escapes() -> None:
    text = "\N{SNOWMAN}" * (LONGEST_VALUE_CHARACTERS - 2)

    assert changes_of({}, {"v": text})[0]["to"] == text


def test_long_values_that_are_equal_are_not_a_change() -> None:
    long = ["x" * 5000, {"y": "z" * 5000}]

    assert changes_of({"v": long}, {"v": copy.deepcopy(long)}) == []
    assert len(changes_of({"v": "x" * 5000 + "a"}, {"v": "x" * 5000 + "b"})) == 1


def test_a_thousand_changes_are_told_and_then_that_there_are_more() -> None:
    after = {f"m{number}": number for number in range(MOST_CHANGES + 1)}
    exactly = dict(list(after.items())[:MOST_CHANGES])

    assert (len(diff_of({}, exactly).changes), diff_of({}, exactly).more_changes) == (MOST_CHANGES, False)
    assert diff_of({}, after) == Diff(diff_of({}, exactly).changes, more_changes=True)


def test_a_change_with_too_long_a_path_is_left_out_and_the_others_are_told() -> None:
    longest = "n" * (LONGEST_PATH_CHARACTERS - len("/definition/"))

    assert told({}, {longest: 1}) == [("add", f"/definition/{longest}")]
    for name in (longest + "n", longest[:-1] + "/"):
        for before, after in [
            ({}, {name: 1, "a": 1}),
            ({name: 1}, {"a": 1}),
            ({name: [1, {}]}, {name: [2, {}], "a": 1}),
        ]:
            diff = diff_of(before, after)
            assert ([change["path"] for change in diff.changes], diff.more_changes) == (["/definition/a"], True)
    assert changes_of({longest + "n": [1]}, {longest + "n": [1]}) == []


def test_numbers_with_the_same_hash_do_not_make_it_slow() -> None:
    """They would take minutes if they were compared each with each."""
    keys = [number * (2**61 - 1) for number in range(1, 30_001)]
    before = [{"id": key} for key in keys]

    assert told(before, [*before[::-1], {"id": "new"}]) == [("add", "/definition/30000")]
    assert told(keys, [*keys, 0]) == [("add", "/definition/30000")]


def test_a_huge_name_is_not_written_out_for_each_change_below_it() -> None:
    """That would copy a hundred gigabytes."""
    name = "n" * 1_000_000
    before = {name: [False] * 100_000}

    assert diff_of(before, {name: [True] * 100_000}) == Diff([], more_changes=True)


def test_numbers_far_apart_are_compared_without_writing_them_out() -> None:
    before = b'{"definition":[1E+999999999999999999, 1E-999999999999999999, 5]}'
    after = b'{"definition":[10E+999999999999999998, 5, 6]}'

    assert [(change["op"], change["path"]) for change in offer_diff(before, after).changes] == [
        ("add", "/definition/2"),
        ("remove", "/definition/1"),
    ]


def test_the_deepest_nesting_is_compared() -> None:
    levels = DEEPEST_NESTING - 1
    before = loads("[" * levels + "1" + "]" * levels)
    after = loads("[" * levels + "null" + "]" * levels)

    assert told(before, after) == [("replace", "/definition" + "/0" * levels)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"null",
        b'{"definition":{"a":NaN}}',
        b'{"definition":{"a":1}',
        b'{"definition":"\xff"}',
        b'{"definition":' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"definition":' + b"[" * 100_000,
        b'{"definition":[' + b"1," * MOST_ELEMENTS + b"1]}",
        b'{"definition":[' + b"[[]]," * (MOST_ELEMENTS // 3 + 1) + b"1]}",
        b'{"definition":[' + b'{"a":{}},' * (MOST_ELEMENTS // 3 + 1) + b"1]}",
    ],
    ids=range(12),
)
def test_an_offer_that_cannot_be_read_is_refused_on_either_side(body: bytes) -> None:
    readable = b'{"definition":{}}'

    with pytest.raises(InvalidJson):
        offer_diff(body, readable)
    with pytest.raises(InvalidJson):
        offer_diff(readable, body)


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    link = "https://logos.blob.core.windows.example/small.png?sig=c2lnbmF0dXJl"

    assert changes_of({}, {"smallLogo": link})[0]["to"] == link
    with pytest.raises(InvalidJson) as caught:
        offer_diff(f'{{"definition":"{link}"'.encode(), b"{}")
    assert "sig" not in caplog.text + str(caught.value)
