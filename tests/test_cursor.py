"""Page cursors: what a listing hands out it takes back, and nothing else."""

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cursor import LONGEST_CURSOR_CHARACTERS, LONGEST_KEY_CHARACTERS, InvalidCursor, make_cursor, read_cursor
from tests.json_texts import json_values

FILTERS = ["jobs", "running", None]
KEYS = st.text(
    st.characters(exclude_categories=["Cs"], min_codepoint=0x20), max_size=LONGEST_KEY_CHARACTERS
) | st.integers(0, 2**31 - 1)


def encoded(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def forged(*place: object) -> str:
    """A cursor of the right listing with a place of the test's own making."""
    made = make_cursor([], filters=FILTERS)
    [digest] = json.loads(base64.urlsafe_b64decode(made + "=" * (-len(made) % 4)))
    return encoded([digest, *place])


@given(st.lists(KEYS, max_size=3), st.lists(st.none() | st.text(), max_size=3))
def test_a_place_comes_back_as_it_was(place: list[str | int], filters: list[str | None]) -> None:
    cursor = make_cursor(place, filters=filters)

    if len(cursor) <= LONGEST_CURSOR_CHARACTERS:
        assert read_cursor(cursor, filters=filters) == place


def test_a_cursor_needs_no_quoting_in_a_url() -> None:
    cursor = make_cursor(["job~\u00ff\u00fe>?", 7], filters=FILTERS)

    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_the_longest_key_fits_into_a_cursor_however_it_is_escaped() -> None:
    key = "\u20ac" * LONGEST_KEY_CHARACTERS

    assert read_cursor(make_cursor([key], filters=FILTERS), filters=FILTERS) == [key]


@pytest.mark.parametrize("other", [["jobs", "failed", None], ["jobs", "running", ""], ["set-aside"], []])
def test_a_cursor_is_refused_by_a_listing_with_other_filters(other: list[str | None]) -> None:
    cursor = make_cursor(["key"], filters=FILTERS)

    with pytest.raises(InvalidCursor, match=r"^cursor belongs to a listing with other filters$"):
        read_cursor(cursor, filters=other)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "not base64!",
        "é",
        "\ud800",
        "AAAA",
        make_cursor(["key"], filters=FILTERS) + "!",
        encoded([]),
        encoded("key"),
        encoded({"place": "key"}),
        encoded([1, "key"]),
        encoded(["short", "key"]),
        "[" * 1_000,
        base64.urlsafe_b64encode(b"[" * 5_000).decode(),
    ],
)
def test_a_text_that_is_not_a_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor, match=r"^cursor should be the nextCursor of an earlier answer$"):
        read_cursor(cursor, filters=FILTERS)


@pytest.mark.parametrize(
    "value",
    ["line\nbreak", "\x00", "\ud800", "k" * (LONGEST_KEY_CHARACTERS + 1), -1, 2**31, True, 1.5, None, ["key"], {}],
)
def test_a_forged_value_that_no_place_has_is_refused(value: object) -> None:
    with pytest.raises(InvalidCursor, match=r"^cursor should be the nextCursor of an earlier answer$"):
        read_cursor(forged(value), filters=FILTERS)


def test_a_listing_of_longer_texts_says_how_long_they_may_be() -> None:
    link = "a" * (LONGEST_KEY_CHARACTERS + 1)

    assert read_cursor(forged(link), filters=FILTERS, longest_text=len(link)) == [link]


def test_a_cursor_that_is_too_long_is_refused_unread() -> None:
    with pytest.raises(InvalidCursor):
        read_cursor(forged(*["key"] * LONGEST_CURSOR_CHARACTERS), filters=FILTERS)


@given(st.text() | json_values().map(encoded) | st.lists(st.integers() | st.text()).map(lambda place: forged(*place)))
def test_any_text_is_read_or_refused(cursor: str) -> None:
    with suppress(InvalidCursor):
        read_cursor(cursor, filters=FILTERS)
