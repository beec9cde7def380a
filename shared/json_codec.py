"""JSON in and out without changing a digit.

Upstream's objects are passed on unchanged, and "unchanged" includes `2.0`, `0.10` and 19-digit integers, which the
standard library would turn into other texts. simplejson keeps every number as a Decimal and writes it back as it was.
An object that is only passed on is not parsed at all: `RawJson` carries its bytes.
"""

import codecs
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import simplejson

type JsonValue = bool | int | Decimal | str | list["JsonValue"] | dict[str, "JsonValue"] | None
type JsonObject = dict[str, Any]


# What is read must be writable again, inside another object; the interpreter's own limits for that lie near 10,000.
DEEPEST_NESTING = 5000


# How much of a text is decoded at once to see whether it is UTF-8.
_CHECKED_BYTES = 64 * 1024


class InvalidJson(ValueError):
    """The text is not JSON. The message names the position, never the text itself."""


@dataclass(frozen=True, slots=True)
class RawJson:
    """One JSON value that is written as the bytes it came as: valid JSON in UTF-8 without a byte order mark.

    Only `dumps_bytes` writes it. `dumps` refuses it, so it reaches no header, log line or column.
    """

    data: bytes


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


def dumps_bytes(value: object) -> bytes:
    """Write compact JSON in UTF-8, every RawJson in it unchanged and everything else in ASCII."""
    # Latin-1 maps each byte to one character and back, so the raw bytes pass through simplejson's text as they are.
    text: str = simplejson.dumps(value, use_decimal=True, separators=(",", ":"), ensure_ascii=True, default=_raw)
    return text.encode("latin-1")


def members(data: bytes) -> dict[str, bytes]:
    """The members of a JSON object, each as the bytes it came as, unparsed. Raises InvalidJson."""
    # Loaded here, since an idle tick has no use for it.
    import msgspec

    _check_utf_8(data)
    try:
        return {name: bytes(raw) for name, raw in msgspec.json.decode(data, type=dict[str, msgspec.Raw]).items()}
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # msgspec refuses a lone surrogate, which may stand in upstream's JSON.
        value = loads(data)
    if not isinstance(value, dict):
        raise InvalidJson("not a JSON object")
    return {name: dumps(member).encode("ascii") for name, member in value.items()}


def _raw(value: object) -> object:
    if isinstance(value, RawJson):
        return simplejson.RawJSON(value.data.decode("latin-1"))
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _check_utf_8(data: bytes) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _CHECKED_BYTES):
            decoder.decode(data[start : start + _CHECKED_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise InvalidJson("not UTF-8") from error


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
