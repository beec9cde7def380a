"""Columns of a row that anyone may have written: a value makes sense, or it is named as the reason for a BadRow.

The boundary is `read_row`: whatever goes wrong while a row is read, the caller sees a BadRow and nothing else.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

# An Int32 column must still hold the count after the next poll.
HIGHEST_COUNT = 2**31 - 1
# Beyond this a float's digits are no longer those that were meant.
_HIGHEST_WHOLE_FLOAT = 2.0**53
# Storage's own earliest moment; and none before the latest overflows when days are added to it.
_EARLIEST = datetime(1601, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)
type Columns = Mapping[str, Any]


class BadRow(ValueError):
    """A row cannot be read as what it should be; the message says why in words that may be shown."""


def read_row[T](read: Callable[[], T]) -> T:
    """What `read` makes of a row. Raises BadRow, whatever `read` raised."""
    try:
        return read()
    except BadRow:
        raise
    except Exception as error:
        raise BadRow(f"it cannot be read ({type(error).__name__})") from error


def text(row: Columns, column: str) -> str | None:
    """A text; an empty one is None. Raises BadRow for any other type."""
    value = row.get(column)
    if value is not None and not isinstance(value, str):
        raise BadRow(f"its {column} is not a text")
    return value or None


def text_of_any(row: Columns, column: str) -> str | None:
    """A text, or a number or GUID as text; None for a value that makes no sense as one."""
    value = row.get(column)
    if isinstance(value, str):
        return value or None
    if isinstance(value, UUID) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    if isinstance(value, float) and abs(value) < _HIGHEST_WHOLE_FLOAT:
        # JavaScript's larger integers arrive as floats: 4711000000, not 4711000000.0.
        return str(int(value)) if value.is_integer() else str(value)
    return None


def count(row: Columns, column: str) -> int:
    """A count, 0 if there is none. Raises BadRow."""
    value = row.get(column)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < HIGHEST_COUNT:
        raise BadRow(f"its {column} is not a count")
    return value


def flag(row: Columns, column: str) -> bool:
    """True or false, false if there is none. Raises BadRow."""
    value = row.get(column)
    if value is not None and not isinstance(value, bool):
        raise BadRow(f"its {column} is neither true nor false")
    return value or False


def moment(row: Columns, column: str) -> datetime | None:
    """A date and time. Raises BadRow for another type, and for a year in which nothing of ours happens."""
    value = row.get(column)
    if value is None:
        return None
    return _possible(stored_moment(value), column)


def written_moment(row: Columns, column: str) -> datetime | None:
    """A date and time that is kept as text. Raises BadRow."""
    value = text(row, column)
    if value is None:
        return None
    try:
        return _possible(datetime.fromisoformat(value).astimezone(UTC), column)
    except (ValueError, OverflowError) as error:
        raise BadRow(f"its {column} is not a date and time") from error


def _possible(value: datetime | None, column: str) -> datetime:
    if value is None:
        raise BadRow(f"its {column} is not a date and time")
    if not _EARLIEST <= value < _LATEST:
        raise BadRow(f"its {column} is a date that cannot be")
    return value


def stored_moment(value: Any) -> datetime | None:  # noqa: ANN401 - a column of any type
    """A column as a plain aware datetime: the SDK's own subclass would follow every value derived from it."""
    if not isinstance(value, datetime):
        return None
    moment = value.astimezone(UTC) if value.tzinfo else value
    return datetime.combine(moment.date(), moment.time(), UTC)
