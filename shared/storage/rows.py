"""Rows: their form on the wire, and reading columns that anyone may have written.

On the wire a row is JSON, with a type beside each value whose type JSON cannot express. Source: Microsoft, "Payload
format for Table service operations" and "Understanding the Table service data model". The SDK converts rows too, but
at several times the cost, and one value that it cannot convert fails a whole page. Here such a value remains the text
that it is on the wire, and only its own row is affected.

Other systems write rows too. So a column's value is either usable, or named as the reason for a BadRow; `read_row`
turns every other error into a BadRow as well.
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
    """A column cannot hold the value."""


class StoredRow(dict[str, Any]):
    """A row as it was read. `metadata` holds its `etag`, and its `timestamp`: when it was written, by storage's
    clock."""

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
    """The row in an answer. Raises StorageUnreachable if it is not storage's own answer, but perhaps a proxy's."""
    return decoded(_json_object(content))


def rows_in(content: bytes) -> list[StoredRow]:
    """The rows in the answer to a query. Raises StorageUnreachable likewise."""
    entities = _json_object(content).get("value")
    if not isinstance(entities, list) or not all(isinstance(entity, dict) for entity in entities):
        raise StorageUnreachable("storage sent an answer of an unknown shape")
    return [decoded(entity) for entity in entities]


def decoded(entity: Mapping[str, Any]) -> StoredRow:
    """The row in an entity's JSON. A value that does not fit its type remains the text that it came as."""
    columns: dict[str, Any] = {}
    for name, value in entity.items():
        if name.endswith(_TYPE_SUFFIX) or name.startswith("odata."):
            continue
        decode = _DECODERS.get(str(entity.get(name + _TYPE_SUFFIX)))
        columns[name] = value if decode is None else _decoded_value(decode, value)
    # The body gives no type for the timestamp.
    stamp = _decoded_value(_moment, columns.pop("Timestamp", None))
    return StoredRow(
        columns,
        {"etag": entity.get("odata.etag", ""), "timestamp": stamp if isinstance(stamp, datetime) else None},
    )


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StorageUnreachable("storage sent an answer that is not JSON") from error
    if not isinstance(value, dict):
        raise StorageUnreachable("storage sent an answer of an unknown shape")
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
    except Exception:  # noqa: BLE001 - whatever a decoder raises, the value does not fit its type
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
# A larger float no longer holds every whole number exactly.
_HIGHEST_WHOLE_FLOAT = 2.0**53
# The earliest is storage's own. Up to the latest, adding days cannot overflow.
_EARLIEST = datetime(1601, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)
type Columns = Mapping[str, Any]


class BadRow(ValueError):
    """A row cannot be read as what it should be. The message gives the reason and may be shown."""


def read_row[T](read: Callable[[], T]) -> T:
    """The result of `read`. Raises BadRow, whatever `read` raises."""
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
    """A text, or a number or GUID as text; None for any other value."""
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
    """A count; 0 if the column is missing. Raises BadRow."""
    value = row.get(column)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < HIGHEST_COUNT:
        raise BadRow(f"its {column} is not a count")
    return value


def flag(row: Columns, column: str) -> bool:
    """True or false; false if the column is missing. Raises BadRow."""
    value = row.get(column)
    if value is not None and not isinstance(value, bool):
        raise BadRow(f"its {column} is neither true nor false")
    return value or False


def moment(row: Columns, column: str) -> datetime | None:
    """A date and time. Raises BadRow for another type, and for a date outside of all reason."""
    value = row.get(column)
    if value is None:
        return None
    return _possible(stored_moment(value), column)


def written_moment(row: Columns, column: str) -> datetime | None:
    """A date and time that is stored as text. Raises BadRow."""
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
        raise BadRow(f"its {column} is an impossible date")
    return value


def stored_moment(value: Any) -> datetime | None:  # noqa: ANN401 - a column of any type
    """A column that holds a date and time, which `decoded` has made aware and UTC; None for another type."""
    return value if isinstance(value, datetime) else None
