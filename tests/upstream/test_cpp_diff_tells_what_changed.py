"""What would change if one state of a CPP offer were published over another."""

from decimal import Decimal

import pytest

from sandbox.cpp_offers import definition_of
from shared.json_codec import dumps
from shared.upstream.cpp_diff import (
    Diff,
    offer_diff,
)
from tests.upstream.diffs import changes_of, told

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
