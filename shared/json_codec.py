"""JSON in and out without changing a digit.

Upstream's objects are passed on unchanged, and "unchanged" includes `2.0`, `0.10` and 19-digit integers, which the
standard library would turn into other texts. simplejson keeps every number as a Decimal and writes it back as it was.
"""

from decimal import Decimal
from typing import Any, NoReturn

import simplejson

type JsonValue = bool | int | Decimal | str | list["JsonValue"] | dict[str, "JsonValue"] | None
type JsonObject = dict[str, Any]


# What is read must be writable again, inside another object; the interpreter's own limits for that lie near 10,000.
DEEPEST_NESTING = 5000


class InvalidJson(ValueError):
    """The text is not JSON. The message names the position, never the text itself."""


def loads(text: bytes | str) -> Any:  # noqa: ANN401 - a JSON value is of any of its types until someone looks
    """Parse strict JSON (UTF-8 if bytes; a byte order mark is allowed). Raises InvalidJson."""
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = simplejson.loads(decoded, use_decimal=True, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        position = getattr(error, "pos", None)
        where = "" if position is None else f" at character {position}"
        raise InvalidJson(f"not valid JSON{where}") from error
    # Few brackets cannot nest deep, and most texts have few.
    if decoded.count("[") + decoded.count("{") > DEEPEST_NESTING and _is_deeper_than(DEEPEST_NESTING, value):
        raise InvalidJson("nested too deep")
    return value


def dumps(value: object) -> str:
    """Write compact JSON, pure ASCII: safe in a header, a log line, a table column, and for lone surrogates."""
    text: str = simplejson.dumps(value, use_decimal=True, separators=(",", ":"), ensure_ascii=True)
    return text


def _is_deeper_than(levels: int, value: object) -> bool:
    level = [value]
    for _ in range(levels):
        level = [
            child
            for parent in level
            if isinstance(parent, list | dict)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return False
    return any(isinstance(each, list | dict) for each in level)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
