"""Reads columns of rows that someone may have changed by hand. Each function raises RecordBroken."""

from datetime import datetime
from typing import Any

from shared.storage.errors import RecordBroken
from shared.storage.rows import stored_moment
from shared.storage.table import Row

_LARGEST_COUNT = 2**31 - 1


def text(row: Row, column: str) -> str:
    value = text_or_none(row, column)
    if not value:
        raise RecordBroken(f"the column {column} is missing or not a text")
    return value


def text_or_none(row: Row, column: str) -> str | None:
    """A text; None if the column is missing."""
    value = row.get(column)
    if value is not None and not isinstance(value, str):
        raise RecordBroken(f"the column {column} is not a text")
    return value


def count(row: Row, column: str) -> int:
    value: Any = row.get(column)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST_COUNT:
        raise RecordBroken(f"the column {column} is missing or not a count")
    return value


def moment(row: Row, column: str) -> datetime:
    value = stored_moment(row.get(column))
    if value is None:
        raise RecordBroken(f"the column {column} is missing or not a time")
    return value
