"""Entities as Table Storage writes them: JSON with a type beside each value that JSON cannot tell by itself.

Source: Microsoft, "Payload format for Table service operations" and "Understanding the Table service data model".
The SDK converts entities too, at several times the cost, and fails for a whole page of rows if it cannot convert one
value of one row. Here such a value stays the text that it is on the wire, and only its own row is affected.
"""

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

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
