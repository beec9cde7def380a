"""JSON in and out without changing a digit.

Upstream's objects are passed on unchanged, and "unchanged" includes `2.0`, `0.10` and 19-digit integers, which the
standard library would turn into other texts. simplejson keeps every number as a Decimal and writes it back as it was.
"""

from decimal import Decimal
from typing import Any, NoReturn

import simplejson

type JsonValue = bool | int | Decimal | str | list["JsonValue"] | dict[str, "JsonValue"] | None
type JsonObject = dict[str, Any]


class InvalidJson(ValueError):
    """The text is not JSON. The message names the position, never the text itself."""


def loads(text: bytes | str) -> Any:  # noqa: ANN401 - a JSON value is of any of its types until someone looks
    """Parse strict JSON (UTF-8 if bytes; a byte order mark is allowed). Raises InvalidJson."""
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        return simplejson.loads(decoded, use_decimal=True, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        position = getattr(error, "pos", None)
        where = "" if position is None else f" at character {position}"
        raise InvalidJson(f"not valid JSON{where}") from error


def dumps(value: object) -> str:
    """Write compact JSON, pure ASCII: safe in a header, a log line, a table column, and for lone surrogates."""
    text: str = simplejson.dumps(value, use_decimal=True, separators=(",", ":"), ensure_ascii=True)
    return text


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
