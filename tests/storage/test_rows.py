"""Rows on the wire."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.storage.rows import StoredRow, ValueRefused, decoded, encoded

WHOLE_MICROSECONDS = st.datetimes(
    min_value=datetime(1601, 1, 2, tzinfo=UTC).replace(tzinfo=None),
    max_value=datetime(9999, 12, 30, tzinfo=UTC).replace(tzinfo=None),
    timezones=st.just(UTC),
)
NAIVE = datetime(2026, 11, 20, tzinfo=UTC).replace(tzinfo=None)
COLUMN_VALUES = st.one_of(
    st.text(),
    st.booleans(),
    st.integers(min_value=-(2**63), max_value=2**63 - 1),
    st.floats(allow_nan=False),
    st.binary(),
    st.uuids(),
    WHOLE_MICROSECONDS,
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def sent_and_read(row: dict[str, Any]) -> StoredRow:
    return decoded(json.loads(encoded(row)))


@given(COLUMN_VALUES)
def test_every_value_of_a_column_is_read_back_unchanged(value: object) -> None:
    assert sent_and_read({"column": value})["column"] == value


def test_a_nan_is_read_back_as_one() -> None:
    assert math.isnan(sent_and_read({"column": math.nan})["column"])


def test_a_moment_in_another_zone_is_stored_in_utc() -> None:
    moment = datetime(2026, 11, 20, 10, tzinfo=timezone(timedelta(hours=1)))
    assert sent_and_read({"at": moment}) == {"at": datetime(2026, 11, 20, 9, tzinfo=UTC)}


def test_a_column_without_a_value_is_left_out() -> None:
    assert sent_and_read({"label": None, "state": ""}) == {"state": ""}


@pytest.mark.parametrize("value", [2**63, object(), NAIVE, [1], {"a": 1}])
def test_a_value_that_a_column_cannot_hold_is_refused_with_its_name(value: object) -> None:
    with pytest.raises(ValueRefused, match="column label"):
        encoded({"label": value})


def test_seven_digits_of_a_second_are_read_as_six() -> None:
    read = decoded({"at@odata.type": "Edm.DateTime", "at": "2026-11-21T13:34:35.5801865Z"})
    assert read["at"] == datetime(2026, 11, 21, 13, 34, 35, 580186, tzinfo=UTC)


@pytest.mark.parametrize(
    ("type_name", "text"),
    [
        ("Edm.DateTime", "0001-01-01T00:00:00+01:00"),
        ("Edm.DateTime", "yesterday"),
        ("Edm.Int64", "many"),
        ("Edm.Guid", "no guid"),
        ("Edm.Binary", "?"),
        ("Edm.Double", "much"),
        ("Edm.Unheard", "of"),
    ],
)
def test_a_value_that_does_not_fit_its_type_stays_a_text(type_name: str, text: str) -> None:
    assert decoded({"column@odata.type": type_name, "column": text})["column"] == text


def test_the_etag_and_the_timestamp_are_not_columns() -> None:
    row = decoded({"odata.etag": 'W/"1"', "Timestamp": "2026-11-21T13:34:35.5801865Z", "RowKey": "k"})
    assert row == {"RowKey": "k"}
    assert row.metadata == {
        "etag": 'W/"1"',
        "timestamp": datetime(2026, 11, 21, 13, 34, 35, 580186, tzinfo=UTC),
    }


@given(st.dictionaries(st.text() | st.just("a") | st.just("a@odata.type") | st.just("Timestamp"), JSON_VALUES))
def test_an_entity_of_any_content_is_read(entity: dict[str, Any]) -> None:
    decoded(entity)


@given(st.sampled_from(["Edm.DateTime", "Edm.Int64", "Edm.Guid", "Edm.Binary", "Edm.Double"]), JSON_VALUES)
def test_any_content_under_any_type_is_read(type_name: str, value: object) -> None:
    decoded({"column": value, "column@odata.type": type_name})
