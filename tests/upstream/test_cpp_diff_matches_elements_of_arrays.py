"""Which elements of two arrays are compared with each other."""

from decimal import Decimal

import pytest

from shared.upstream.cpp_diff import (
    NATURAL_KEYS,
)
from tests.upstream.diffs import changes_of, told

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
