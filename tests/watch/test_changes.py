"""Which watched members of an offer changed."""

import copy
import json
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.json_codec import DEEPEST_NESTING, loads
from shared.watch.changes import (
    LONGEST_PATH_CHARACTERS,
    MOST_PATHS,
    WATCHED_MEMBERS,
    changed_paths,
    present_members,
)
from tests.json_texts import json_values
from tests.watch.samples import private_offer, without

INNER_NAMES = ("id", "product", "plan", "discountType", "discountPercentage", "a/b", "~")
TEXTS = ("0001-01-01", "Live", "live", "percentage", "Percentage")


def _as_parsed(offer: dict[str, Any]) -> dict[str, Any]:
    """The offer with the types that reading JSON gives it; numbers that JSON does not have are null."""
    text = json.dumps(offer).replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null")
    parsed: dict[str, Any] = loads(text)
    return parsed


OFFERS = st.dictionaries(
    st.sampled_from(WATCHED_MEMBERS),
    json_values(INNER_NAMES, TEXTS),
    max_size=5,
).map(_as_parsed)


def paths(**members: Any) -> list[str]:  # noqa: ANN401 - any JSON value
    """The changes when the sample gets these members."""
    return changed_paths(private_offer(), private_offer(**members))


def pricing(*discounts: object) -> list[dict[str, object]]:
    return [
        {"product": "product/1", "plan": f"plan/1/{number}", "discountPercentage": discount}
        for number, discount in enumerate(discounts)
    ]


# What is a change


@pytest.mark.parametrize(
    ("members", "changed"),
    [
        ({"state": "withdrawn"}, ["/state"]),
        ({"acceptBy": "2027-01-15"}, ["/acceptBy"]),
        ({"acceptBy": None}, ["/acceptBy"]),
        ({"start": "2026-12-01"}, ["/start"]),
        ({"variableStartDate": False}, ["/variableStartDate"]),
        ({"markupPercentage": 3}, ["/markupPercentage"]),
        ({"partners": [{"id": "p"}]}, ["/partners"]),
        ({"pricing": "free"}, ["/pricing"]),
        ({"end": "2027-02-28", "subState": "accepted"}, ["/subState", "/end"]),
    ],
)
def test_a_watched_member_that_differs_is_named(members: dict[str, Any], changed: list[str]) -> None:
    assert paths(**members) == changed


def test_a_change_deep_inside_is_named_by_its_own_pointer() -> None:
    offer = private_offer()
    offer["pricing"][1]["discountPercentage"] = 8
    offer["beneficiaries"][0]["beneficiaryRecipients"] = [{"id": "r"}]

    assert changed_paths(private_offer(), offer) == [
        "/pricing/1/discountPercentage",
        "/beneficiaries/0/beneficiaryRecipients",
    ]


@pytest.mark.parametrize("name", ["name", "notes", "notificationContacts", "acceptanceLinks", "lastModified", "eTag"])
def test_a_member_that_is_not_watched_changes_nothing(name: str) -> None:
    assert paths(**{name: ["something else"]}) == []


@pytest.mark.parametrize("value", ["5", True, None, 6])
def test_values_of_another_type_or_number_differ(value: object) -> None:
    before, after = private_offer(pricing=pricing(5)), private_offer(pricing=pricing(value))

    assert changed_paths(before, after) == ["/pricing/0/discountPercentage"]


def test_one_and_true_differ() -> None:
    assert changed_paths({"markupPercentage": 1}, {"markupPercentage": True}) == ["/markupPercentage"]


# What is equal


@pytest.mark.parametrize("value", [None, "0001-01-01", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z", [], {}])
@pytest.mark.parametrize("name", WATCHED_MEMBERS)
def test_null_year_one_and_nothing_at_all_are_equal(name: str, value: object) -> None:
    before = without(private_offer(), name)

    assert changed_paths(before, {**before, name: value}) == []
    assert changed_paths({**before, name: value}, before) == []
    assert name not in present_members({name: value})


def test_null_inside_a_value_is_as_if_absent() -> None:
    offer = private_offer()
    offer["pricing"][0] |= {"priceDetails": None, "basePlan": "0001-01-01", "newPlanDetails": {"name": None}}

    assert changed_paths(private_offer(), offer) == []


def test_enum_values_in_another_case_are_equal() -> None:
    offer = private_offer(state="Live", subState="PendingAcceptance")
    offer["pricing"][0]["discountType"] = "Percentage"

    assert changed_paths(private_offer(), offer) == []


def test_other_texts_in_another_case_differ() -> None:
    assert paths(beneficiaries=[{"id": "b:1", "description": "customer a"}]) == ["/beneficiaries/0/description"]


@pytest.mark.parametrize("value", ["5", "5.0", "5.000", "0.5e1"])
def test_numbers_are_equal_if_their_values_are(value: str) -> None:
    assert changed_paths({"markupPercentage": 5}, {"markupPercentage": Decimal(value)}) == []


@pytest.mark.parametrize("zero", ["0", "-0.0", "0e5"])
def test_zero_is_zero(zero: str) -> None:
    assert changed_paths({"markupPercentage": 0}, {"markupPercentage": Decimal(zero)}) == []


def test_zero_and_one_differ() -> None:
    assert changed_paths({"markupPercentage": 0}, {"markupPercentage": 1}) == ["/markupPercentage"]


@pytest.mark.parametrize("digits", [30, 100])
def test_long_numbers_differ_if_their_last_digits_do(digits: int) -> None:
    before, after = Decimal("1." + "3" * digits + "1"), Decimal("1." + "3" * digits + "2")

    assert changed_paths({"markupPercentage": before}, {"markupPercentage": after}) == ["/markupPercentage"]


# Lists


def test_a_list_in_another_order_is_equal() -> None:
    offer = private_offer()
    offer["pricing"].reverse()

    assert changed_paths(private_offer(), offer) == []


def test_an_element_is_found_again_in_another_place() -> None:
    before, after = pricing(1, 2, 3), pricing(1, 2, 4)
    after.reverse()

    assert changed_paths({"pricing": before}, {"pricing": after}) == ["/pricing/0/discountPercentage"]


def test_elements_are_matched_by_their_plan_or_id_before_their_order() -> None:
    before, after = pricing(1, 2), pricing(3, 4)
    after.reverse()
    assert changed_paths({"pricing": before}, {"pricing": after}) == [
        "/pricing/0/discountPercentage",
        "/pricing/1/discountPercentage",
    ]

    a, b, c = ({"id": name, "description": name} for name in "abc")
    assert changed_paths({"beneficiaries": [a, b]}, {"beneficiaries": [{**b, "description": "x"}, c, a]}) == [
        "/beneficiaries/0/description",
        "/beneficiaries/1",
    ]


def test_lists_inside_of_lists_are_equal_in_any_order() -> None:
    assert changed_paths({"partners": [["a", "b"], ["c", "d"]]}, {"partners": [["d", "c"], ["b", "a"]]}) == []


def test_an_added_element_is_named_by_its_place() -> None:
    assert changed_paths({"pricing": pricing(1)}, {"pricing": pricing(1, 2)}) == ["/pricing/1"]


def test_a_removed_element_is_named_by_its_list() -> None:
    assert changed_paths({"pricing": pricing(1, 2)}, {"pricing": pricing(1)}) == ["/pricing"]


def test_elements_that_stay_are_found_again_though_nothing_but_their_content_identifies_them() -> None:
    assert changed_paths({"partners": ["a", "b", "c"]}, {"partners": ["b", "c"]}) == ["/partners"]
    assert changed_paths({"partners": ["a", "b"]}, {"partners": ["c", "a", "b"]}) == ["/partners/0"]


def test_one_of_two_equal_elements_is_a_difference() -> None:
    assert changed_paths({"partners": ["a", "a"]}, {"partners": ["a"]}) == ["/partners"]
    assert changed_paths({"partners": ["a"]}, {"partners": ["a", "a"]}) == ["/partners/1"]


def test_an_element_that_is_null_is_an_element() -> None:
    assert changed_paths({"partners": [None, None]}, {"partners": [None]}) == ["/partners"]
    assert changed_paths({"partners": [None]}, {"partners": [None, {}]}) == ["/partners/1"]


def test_an_element_with_another_plan_is_the_same_element_changed() -> None:
    offer = private_offer()
    offer["pricing"][1]["plan"] = "plan/1/c"

    assert changed_paths(private_offer(), offer) == ["/pricing/1/plan"]


# Properties and limits


@settings(max_examples=100, deadline=None)
@given(OFFERS)
def test_an_offer_equals_itself(offer: dict[str, Any]) -> None:
    assert changed_paths(offer, copy.deepcopy(offer)) == []


@settings(max_examples=100, deadline=None)
@given(OFFERS, OFFERS)
def test_a_difference_is_seen_from_both_sides(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert bool(changed_paths(before, after)) == bool(changed_paths(after, before))


@settings(max_examples=100, deadline=None)
@given(OFFERS, st.randoms(use_true_random=False))
def test_another_way_to_write_an_offer_changes_nothing(offer: dict[str, Any], rng: random.Random) -> None:
    assert changed_paths(offer, _rewritten(offer, rng)) == []


def _rewritten(value: Any, rng: random.Random) -> Any:  # noqa: ANN401 - any JSON value
    match value:
        case dict():
            named = [
                (name, each.upper() if name == "discountType" and each in TEXTS else _rewritten(each, rng))
                for name, each in value.items()
            ]
            return dict(rng.sample([*named, ("x-null", None), ("x-date", "0001-01-01T00:00:00")], len(named) + 2))
        case list():
            return rng.sample([_rewritten(each, rng) for each in value], len(value))
        case int() if not isinstance(value, bool):
            return Decimal(f"{value}.0")
        case _:
            return value


@settings(max_examples=100, deadline=None)
@given(OFFERS, OFFERS)
def test_the_pointers_are_few_short_and_different(before: dict[str, Any], after: dict[str, Any]) -> None:
    found = changed_paths(before, after)

    assert len(found) == len(set(found)) <= MOST_PATHS
    assert all(path.startswith("/") and path.split("/")[1] in WATCHED_MEMBERS for path in found)


def test_of_many_changes_the_first_are_named() -> None:
    found = changed_paths({"pricing": pricing(*range(500))}, {"pricing": pricing(*range(1, 501))})

    assert found == [f"/pricing/{number}/discountPercentage" for number in range(MOST_PATHS)]


def test_a_change_behind_huge_names_is_named_by_the_nearest_short_pointer() -> None:
    before = {"pricing": [{"id": "p", "x" * LONGEST_PATH_CHARACTERS: {f"{n}": 1 for n in range(9)}}]}
    after = {"pricing": [{"id": "p", "x" * LONGEST_PATH_CHARACTERS: {f"{n}": 2 for n in range(9)}}]}

    assert changed_paths(before, after) == ["/pricing/0"]


def test_the_longest_pointer_is_kept_whole() -> None:
    longest = "x" * (LONGEST_PATH_CHARACTERS - len("/pricing/"))

    assert changed_paths({"pricing": {longest: 1}}, {"pricing": {longest: 2}}) == [f"/pricing/{longest}"]
    assert changed_paths({"pricing": {longest + "x": 1}}, {"pricing": {longest + "x": 2}}) == ["/pricing"]


def test_names_are_escaped_as_in_a_json_pointer() -> None:
    assert changed_paths({"pricing": {"a/b~c": 1}}, {"pricing": {"a/b~c": 2}}) == ["/pricing/a~1b~0c"]


def test_the_deepest_value_that_can_be_parsed_is_compared() -> None:
    def nested(inner: str) -> dict[str, Any]:
        levels = DEEPEST_NESTING - 1
        found: dict[str, Any] = loads('{"pricing":' + '{"a":' * levels + inner + "}" * levels + "}")
        return found

    assert changed_paths(nested("1"), nested("1.0")) == []
    assert len(changed_paths(nested("1"), nested("2"))) == 1


def test_lone_surrogates_are_compared_like_any_text() -> None:
    assert changed_paths({"pricing": ["\ud800"]}, {"pricing": ["\ud800"]}) == []
    assert changed_paths({"pricing": ["\ud800"]}, {"pricing": ["\ud801"]}) == ["/pricing/0"]


def test_a_number_with_a_huge_exponent_is_compared_at_once() -> None:
    assert changed_paths({"markupPercentage": Decimal("1e999999")}, {"markupPercentage": 1}) == ["/markupPercentage"]
