"""What would change if one state of a CPP offer were published over another."""

import copy
import json
import logging
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.cpp_offers import definition_of
from shared.json_codec import DEEPEST_NESTING, MOST_ELEMENTS, InvalidJson, JsonValue, dumps, loads
from shared.upstream.cpp_diff import (
    LONGEST_PATH_CHARACTERS,
    LONGEST_VALUE_CHARACTERS,
    MOST_CHANGES,
    NATURAL_KEYS,
    Change,
    Diff,
    offer_diff,
)
from tests.json_texts import json_bytes


def diff_of(before: object, after: object) -> Diff:
    """The diff of two definitions."""
    return offer_diff(dumps({"definition": before}).encode(), dumps({"definition": after}).encode())


def changes_of(before: object, after: object) -> list[Change]:
    diff = diff_of(before, after)
    assert not diff.more_changes
    return diff.changes


def told(before: object, after: object) -> list[tuple[str, str]]:
    return [(change["op"], change["path"]) for change in changes_of(before, after)]


# What is compared


def test_two_versions_of_an_offer_differ_in_what_was_edited() -> None:
    assert told(definition_of("contoso-vm", 1), definition_of("contoso-vm", 2)) == [
        ("replace", "/definition/offer/microsoft-azure-marketplace.title"),
        ("add", "/definition/plans/0/microsoft-azure-corevm.vmImagesPublicAzure/2.0.0"),
        ("remove", "/definition/plans/0/microsoft-azure-corevm.vmImagesPublicAzure/1.0.0"),
    ]


def test_only_the_definition_is_compared() -> None:
    before = (
        b'{"version":1,"status":"succeeded","definition":{"displayText":"A"},"changedTime":"2024-06-01T05:41:25Z"}'
    )
    after = b'{"version":2,"status":"running","definition":{"displayText":"A"}}'

    assert offer_diff(before, after) == Diff([], more_changes=False)


def test_a_change_has_both_values_and_the_one_that_is_missing_is_null() -> None:
    assert changes_of({"kept": 1, "gone": 2}, {"kept": 3, "new": 4}) == [
        {"path": "/definition/kept", "op": "replace", "from": 1, "to": 3},
        {"path": "/definition/new", "op": "add", "from": None, "to": 4},
        {"path": "/definition/gone", "op": "remove", "from": 2, "to": None},
    ]


def test_changes_come_in_the_newer_offers_order_and_removals_last() -> None:
    before = {"gone": 1, "a": {"gone": 1, "x": 1}, "b": 1}
    after = {"b": 2, "new": 1, "a": {"x": 2}}

    assert told(before, after) == [
        ("replace", "/definition/b"),
        ("add", "/definition/new"),
        ("replace", "/definition/a/x"),
        ("remove", "/definition/a/gone"),
        ("remove", "/definition/gone"),
    ]


def test_a_member_that_comes_or_goes_is_one_change_with_its_whole_value() -> None:
    plans = [{"planId": "a"}, {"planId": "b"}]

    assert changes_of({}, {"plans": plans}) == [{"path": "/definition/plans", "op": "add", "from": None, "to": plans}]
    assert changes_of({"plans": plans}, {}) == [
        {"path": "/definition/plans", "op": "remove", "from": plans, "to": None}
    ]


def test_a_missing_definition_counts_as_an_empty_object() -> None:
    whole, without = b'{"definition":{"displayText":"A"}}', b'{"version":0}'

    assert offer_diff(without, whole).changes == [
        {"path": "/definition/displayText", "op": "add", "from": None, "to": "A"}
    ]
    assert offer_diff(whole, without).changes == [
        {"path": "/definition/displayText", "op": "remove", "from": "A", "to": None}
    ]
    assert offer_diff(without, b'{"definition":{}}').changes == []


@pytest.mark.parametrize("other", [None, True, 7, "text", ["text"]])
def test_a_definition_that_is_not_an_object_is_compared_as_a_value(other: object) -> None:
    assert changes_of(other, {"a": 1}) == [{"path": "/definition", "op": "replace", "from": other, "to": {"a": 1}}]
    assert changes_of({"a": 1}, other) == [{"path": "/definition", "op": "replace", "from": {"a": 1}, "to": other}]
    assert changes_of(other, other) == []


def test_of_members_with_the_same_name_the_last_counts() -> None:
    assert offer_diff(b'{"definition":{"a":1,"a":2}}', b'{"definition":{"a":2}}').changes == []
    assert offer_diff(b'{"definition":{"a":1},"definition":{"a":2}}', b'{"definition":{"a":2}}').changes == []


# When values are equal


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1", "1.0"),
        ("100", "1E2"),
        ("0", "-0.0"),
        ("1.50", "1.5"),
        ("9223372036854775807", "9223372036854775807.0"),
        ('"\\u00e9"', '"\N{LATIN SMALL LETTER E WITH ACUTE}"'),
        ('{"a":1,"b":2}', '{"b":2,"a":1}'),
    ],
)
def test_values_written_differently_are_equal(before: str, after: str) -> None:
    offers = [f'{{"definition":{{"v":{value}}}}}'.encode() for value in (before, after)]

    assert offer_diff(*offers).changes == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1, "1"),
        (1, True),
        (0, False),
        (0, None),
        ("", None),
        (False, None),
        ([], {}),
        ([], None),
        ({}, None),
        ("a", ["a"]),
        (9223372036854775807, 9223372036854775808),
        (Decimal("0.1000000000000000000000000000000000001"), Decimal("0.1")),
        ("a", "A"),
        ("e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
    ],
)
def test_values_of_different_types_or_digits_differ(before: object, after: object) -> None:
    for old, new in [(before, after), (after, before)]:
        (change,) = changes_of({"v": old}, {"v": new})
        assert (change["op"], type(change["from"]), type(change["to"])) == ("replace", type(old), type(new))


def test_a_null_member_is_not_a_missing_one() -> None:
    assert changes_of({}, {"v": None}) == [{"path": "/definition/v", "op": "add", "from": None, "to": None}]
    assert changes_of({"v": None}, {}) == [{"path": "/definition/v", "op": "remove", "from": None, "to": None}]


def test_numbers_keep_their_digits() -> None:
    before, after = b'{"definition":{"v":2.0}}', b'{"definition":{"v":12345678901234567890.10}}'

    assert dumps(offer_diff(before, after).changes) == (
        '[{"path":"/definition/v","op":"replace","from":2.0,"to":12345678901234567890.10}]'
    )


# Paths


def test_a_path_escapes_tilde_and_slash() -> None:
    assert told({}, {"a/b": 1, "m~n": 1, "~1": 1, "": 1, " \N{SNOWMAN}": 1}) == [
        ("add", "/definition/a~1b"),
        ("add", "/definition/m~0n"),
        ("add", "/definition/~01"),
        ("add", "/definition/"),
        ("add", "/definition/ \N{SNOWMAN}"),
    ]


def test_a_path_leads_into_the_newer_offer_and_of_a_removal_into_the_older() -> None:
    before = {"plans": [{"planId": "a"}, {"planId": "b", "old": 1, "both": 1}]}
    after = {"plans": [{"planId": "b", "both": 2, "new": 1}, {"planId": "a"}]}

    assert told(before, after) == [
        ("replace", "/definition/plans/0/both"),
        ("add", "/definition/plans/0/new"),
        ("remove", "/definition/plans/1/old"),
    ]


# Arrays of objects


def test_a_plan_that_comes_or_goes_is_one_change_with_the_whole_plan() -> None:
    kept, gone, new = ({"planId": name, "regions": ["US"], "nested": {"x": 1}} for name in ("kept", "gone", "new"))

    assert changes_of({"plans": [gone, kept]}, {"plans": [kept, new]}) == [
        {"path": "/definition/plans/1", "op": "add", "from": None, "to": new},
        {"path": "/definition/plans/0", "op": "remove", "from": gone, "to": None},
    ]
    assert told({"plans": []}, {"plans": [kept, new]}) == [
        ("add", "/definition/plans/0"),
        ("add", "/definition/plans/1"),
    ]


def test_the_order_of_matched_objects_does_not_matter() -> None:
    plans = [{"planId": name, "diskGenerations": [{"planId": f"{name}-{n}"} for n in range(3)]} for name in "abc"]
    reordered = [{**plan, "diskGenerations": plan["diskGenerations"][::-1]} for plan in plans[::-1]]

    assert changes_of({"plans": plans}, {"plans": reordered}) == []


@pytest.mark.parametrize("key", NATURAL_KEYS)
def test_objects_in_any_array_are_matched_by_their_natural_key(key: str) -> None:
    before = [{key: "a", "v": 1}, {key: "b", "v": 1}]
    after = [{key: "b", "v": 1}, {key: "c", "v": 1}, {key: "a", "v": 2}]

    assert told({"x": {"things": before}}, {"x": {"things": after}}) == [
        ("add", "/definition/x/things/1"),
        ("replace", "/definition/x/things/2/v"),
    ]


def test_the_first_key_that_fits_is_taken() -> None:
    before = [{"planId": "a", "id": 1}, {"planId": "b", "id": 2}]
    after = [{"planId": "b", "id": 1}, {"planId": "a", "id": 2}]

    assert told(before, after) == [("replace", "/definition/0/id"), ("replace", "/definition/1/id")]


def test_a_number_can_be_the_key_and_is_not_the_text_with_its_digits() -> None:
    before = [{"lun": 0, "v": 1}, {"lun": Decimal("1.0"), "v": 1}, {"lun": "1", "v": 1}]
    after = [{"lun": "1", "v": 1}, {"lun": 1, "v": 1}, {"lun": 0, "v": 2}]

    assert told(before, after) == [("replace", "/definition/2/v")]
    assert told([{"lun": 0}], [{"lun": Decimal("-0.0"), "v": 1}]) == [("add", "/definition/0/v")]


@pytest.mark.parametrize(
    "spoiler",
    [
        {"v": 9},
        {"id": None},
        {"id": True},
        {"id": ["a"]},
        {"id": {}},
        {"id": "b"},
        "id",
        7,
        None,
        ["id"],
    ],
    ids=str,
)
def test_objects_without_a_unique_key_in_all_of_them_are_matched_by_position(spoiler: object) -> None:
    """An element that spoils the match may be on either side."""
    a, b = {"id": "a", "v": 1}, {"id": "b", "v": 1}
    swapped = [("replace", "/definition/0/id"), ("replace", "/definition/1/id")]

    assert told([a, b, spoiler], [b, a, spoiler]) == swapped
    assert told([a, b], [b, a, spoiler]) == [*swapped, ("add", "/definition/2")]
    assert told([a, b, spoiler], [b, a]) == [*swapped, ("remove", "/definition/2")]


def test_a_key_that_does_not_fit_gives_way_to_the_next_one() -> None:
    before = [{"id": "same", "name": "a"}, {"id": "same", "name": "b"}]

    assert changes_of(before, before[::-1]) == []


def test_numbers_that_are_equal_are_not_unique() -> None:
    before = [{"id": 1, "v": 1}, {"id": 2, "v": 2}]
    after = [{"id": 2, "v": 2}, {"id": Decimal("2.0"), "v": 1}]

    assert ("replace", "/definition/0/v") in told(before, after)


# Other arrays


def test_each_region_that_comes_or_goes_is_one_change() -> None:
    assert changes_of({"regions": ["US", "DE", "FR"]}, {"regions": ["AT", "US", "FR", "CH"]}) == [
        {"path": "/definition/regions/0", "op": "add", "from": None, "to": "AT"},
        {"path": "/definition/regions/3", "op": "add", "from": None, "to": "CH"},
        {"path": "/definition/regions/1", "op": "remove", "from": "DE", "to": None},
    ]
    assert told([], [1, "1"]) == [("add", "/definition/0"), ("add", "/definition/1")]
    assert told([1, Decimal("2.0")], [Decimal("1.0"), 2, 3]) == [("add", "/definition/2")]


@pytest.mark.parametrize("after", [["b", "a"], ["b", "new", "a"], ["b", "a", "c"]])
def test_texts_in_another_order_are_one_change_of_the_whole_array(after: list[str]) -> None:
    """The order may be what a page shows, such as the recommended sizes."""
    assert changes_of({"sizes": ["a", "b"]}, {"sizes": after}) == [
        {"path": "/definition/sizes", "op": "replace", "from": ["a", "b"], "to": after}
    ]


def test_any_other_array_is_matched_by_position() -> None:
    assert told(["a", "a", "b"], ["a", "b", "b", "c"]) == [("replace", "/definition/1"), ("add", "/definition/3")]
    assert told([True, False, None], [True, None]) == [("replace", "/definition/1"), ("remove", "/definition/2")]
    assert told([[1], [2], {"v": 1}], [[1], [3], {"v": 2}]) == [
        ("add", "/definition/1/0"),
        ("remove", "/definition/1/0"),
        ("replace", "/definition/2/v"),
    ]


# Bounds


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


# Whatever the offers hold

_NAMES = ("plans", "planId", "id", "a/b", "m~n", "x")
_SCALARS = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["1", "a", "b", "c", Decimal("1.0")])


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4)
    keyed = st.lists(
        st.builds(lambda key, rest: {**rest, "planId": key}, st.sampled_from(["a", "b", "c", 1, 2]), members),
        max_size=4,
        unique_by=lambda element: str(element["planId"]),
    )
    return members | keyed | st.lists(inner, max_size=4) | st.permutations(["a", "b", "c", 1]).map(lambda p: p[:3])


DEFINITIONS: st.SearchStrategy[Any] = st.recursive(_SCALARS, _containers, max_leaves=20)


def exact(value: JsonValue, *, ordered: bool = True) -> object:
    """A value that equals another's if the two are equal as JSON; unless `ordered`, objects in arrays may move."""
    if isinstance(value, dict):
        return {name: exact(member, ordered=ordered) for name, member in value.items()}
    if isinstance(value, list):
        inner = [exact(element, ordered=ordered) for element in value]
        moves = not ordered and all(isinstance(element, dict) for element in value)
        return sorted(inner, key=_sorted_text) if moves else inner
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return ("number", str(Decimal(value).normalize()))
    return (type(value).__name__, value)


def _sorted_text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def resolved(document: JsonValue, pointer: str) -> JsonValue:
    value: JsonValue = document
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(name)]
        else:
            assert isinstance(value, dict)
            value = value[name]
    return value


def put(document: JsonValue, pointer: str, value: object) -> None:
    parent, token = pointer.rsplit("/", 1)
    container = resolved(document, parent)
    name = token.replace("~1", "/").replace("~0", "~")
    if isinstance(container, list):
        container[int(name)] = value  # type: ignore[call-overload]  # a mark among JSON values
    else:
        assert isinstance(container, dict)
        container[name] = value  # type: ignore[assignment]  # a mark among JSON values


GONE = object()


def swept(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {name: swept(member) for name, member in value.items() if member is not GONE}
    if isinstance(value, list):
        return [swept(element) for element in value if element is not GONE]
    return value


@settings(max_examples=100, deadline=None)
@given(DEFINITIONS)
def test_an_offer_does_not_differ_from_itself(definition: JsonValue) -> None:
    assert changes_of(definition, definition) == []


@settings(max_examples=200, deadline=None)
@given(DEFINITIONS, DEFINITIONS)
def test_the_changes_are_all_that_differs(before: JsonValue, after: JsonValue) -> None:
    """Taking the changes back leaves the same, apart from the order of objects in arrays."""
    older: JsonValue = {"definition": copy.deepcopy(before)}
    newer: JsonValue = {"definition": copy.deepcopy(after)}
    for change in changes_of(before, after):
        assert "truncated" not in change
        if change["op"] == "remove":
            put(older, change["path"], GONE)
        else:
            put(newer, change["path"], GONE if change["op"] == "add" else change["from"])

    assert exact(swept(newer), ordered=False) == exact(swept(older), ordered=False)


@settings(max_examples=200, deadline=None)
@given(DEFINITIONS, DEFINITIONS)
def test_every_path_leads_to_the_value_that_the_change_shows(before: JsonValue, after: JsonValue) -> None:
    older: JsonValue = {"definition": before}
    newer: JsonValue = {"definition": after}
    for change in changes_of(before, after):
        if change["op"] == "remove":
            assert exact(resolved(older, change["path"])) == exact(change["from"])
        else:
            assert exact(resolved(newer, change["path"])) == exact(change["to"])
        if change["op"] == "replace":
            assert exact(change["from"]) != exact(change["to"])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(min_size=0, max_size=30).map(lambda text: text * 60), max_size=5), st.integers(0, 5))
def test_no_value_is_longer_than_the_limit(texts: list[str], cut_at: int) -> None:
    for change in changes_of(texts[:cut_at], [*texts[cut_at:], {"texts": texts}]):
        for value in (change["from"], change["to"]):
            length = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
            cut = change.get("truncated", False) and isinstance(value, str) and len(value) == LONGEST_VALUE_CHARACTERS
            assert cut or length <= LONGEST_VALUE_CHARACTERS


@settings(max_examples=100, deadline=None)
@given(
    json_bytes(names=("definition", "plans", "planId"), texts=("a",)),
    json_bytes(names=("definition", "plans", "planId"), texts=("a",)),
)
def test_whatever_comes_is_compared_or_refused(before: bytes, after: bytes) -> None:
    try:
        diff = offer_diff(before, after)
    except InvalidJson:
        return
    assert loads(dumps(diff.changes)) is not None
