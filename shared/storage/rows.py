"""Rows: as Table Storage writes them, and as whatever someone may have put into them.

On the wire a row is JSON with a type beside each value that JSON cannot tell by itself. Source: Microsoft, "Payload
format for Table service operations" and "Understanding the Table service data model". The SDK converts rows too, at
several times the cost, and fails for a whole page if it cannot convert one value of one row. Here such a value stays
the text that it is on the wire, and only its own row is affected.

Anyone may write a row, so its columns are read one by one: a value is usable, or a BadRow names it. Within `read_row`
whatever goes wrong is a BadRow.
"""

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.storage.errors import StorageUnreachable

type Row = dict[str, Any]

_TYPE_SUFFIX = "@odata.type"
_INT32_MAX = 2**31 - 1
_INT64_MAX = 2**63 - 1


class ValueRefused(ValueError):
    """No column can hold the value."""


class StoredRow(dict[str, Any]):
    """A row as it was read. `metadata` holds its `etag`, and `timestamp`: when storage wrote it, by its own clock."""

    def __init__(self, columns: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        super().__init__(columns)
        self.metadata = metadata


def encoded(row: Row) -> bytes:
    """The row as JSON. A column that is None is left out. Raises ValueRefused."""
    content: dict[str, Any] = {}
    for name, value in row.items():
        if value is None:
            continue
        type_name, content[name] = _encoded_value(name, value)
        if type_name is not None:
            content[name + _TYPE_SUFFIX] = type_name
    return json.dumps(content, separators=(",", ":")).encode("ascii")


def row_in(content: bytes) -> StoredRow:
    """The row in an answer. Raises StorageUnreachable: something else, a proxy say, answered in storage's place."""
    return decoded(_json_object(content))


def rows_in(content: bytes) -> list[StoredRow]:
    """The rows in the answer to a query. Raises StorageUnreachable, for the same reason."""
    entities = _json_object(content).get("value")
    if not isinstance(entities, list) or not all(isinstance(entity, dict) for entity in entities):
        raise StorageUnreachable("storage gave an answer of an unknown shape")
    return [decoded(entity) for entity in entities]


def decoded(entity: Mapping[str, Any]) -> StoredRow:
    """The row in an entity's JSON. A value that is not of its type stays the text it came as."""
    columns: dict[str, Any] = {}
    for name, value in entity.items():
        if name.endswith(_TYPE_SUFFIX) or name.startswith("odata."):
            continue
        decode = _DECODERS.get(str(entity.get(name + _TYPE_SUFFIX)))
        columns[name] = value if decode is None else _decoded_value(decode, value)
    # In the body the time stamp has no type beside it.
    stamp = _decoded_value(_moment, columns.pop("Timestamp", None))
    return StoredRow(
        columns,
        {"etag": entity.get("odata.etag", ""), "timestamp": stamp if isinstance(stamp, datetime) else None},
    )


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StorageUnreachable("storage gave an answer that is not JSON") from error
    if not isinstance(value, dict):
        raise StorageUnreachable("storage gave an answer of an unknown shape")
    return value


def _encoded_value(name: str, value: object) -> tuple[str | None, object]:
    match value:
        case bool():
            return None, value
        case str():
            return None, str(value)
        case int() if abs(value) <= _INT32_MAX:
            return None, int(value)
        case int() if -_INT64_MAX - 1 <= value <= _INT64_MAX:
            return "Edm.Int64", str(int(value))
        case float():
            return "Edm.Double", value if math.isfinite(value) else _NOT_FINITE[str(value)]
        case datetime() if value.tzinfo is not None:
            return "Edm.DateTime", value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case bytes():
            return "Edm.Binary", base64.b64encode(value).decode("ascii")
        case UUID():
            return "Edm.Guid", str(value)
        case _:
            raise ValueRefused(f"the column {name} cannot hold this value ({type(value).__name__})")


def _decoded_value(decode: Callable[[Any], Any], value: object) -> Any:  # noqa: ANN401 - a column of any type
    try:
        return decode(value)
    except Exception:  # noqa: BLE001 - whatever a decoder makes of it, the value is not of its type
        return value


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_DECODERS: dict[str, Callable[[Any], Any]] = {
    "Edm.DateTime": _moment,
    "Edm.Int64": int,
    "Edm.Double": float,
    "Edm.Binary": lambda text: base64.b64decode(text, validate=True),
    "Edm.Guid": UUID,
}


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
