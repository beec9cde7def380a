"""What holds for the diff of any two offers."""

import copy
import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.json_codec import InvalidJson, JsonValue, dumps, loads
from shared.upstream.cpp_diff import (
    LONGEST_VALUE_CHARACTERS,
    offer_diff,
)
from tests.json_texts import json_bytes
from tests.upstream.diffs import changes_of

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
