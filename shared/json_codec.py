"""Reading and writing JSON without changing a digit.

Upstream's objects are passed on unchanged, including `2.0`, `0.10` and 19-digit integers, which the standard library
would write differently. simplejson keeps each number as a Decimal and writes it back as it was. An object that is
only passed on is not parsed at all: `RawJson` carries its bytes, and `members` and `elements` find parts of it
without building the rest.
"""

import codecs
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

import simplejson

if TYPE_CHECKING:
    from msgspec import Raw
    from msgspec.json import Decoder

type JsonValue = bool | int | Decimal | str | list["JsonValue"] | dict[str, "JsonValue"] | None
type JsonObject = dict[str, Any]


# No real value nests deeper, so functions over parsed JSON can be recursive.
DEEPEST_NESTING = 100
# The UTF-8 check decodes a text in pieces of this size.
_CHECKED_BYTES = 64 * 1024
# An element takes far more memory as an object than as text, so a few hostile megabytes could exhaust it.
MOST_ELEMENTS = 500_000
# msgspec rejects lone surrogates, which JSON allows. A text with some is parsed whole, at eight times its size.
LONGEST_TEXT_WITH_SURROGATES_BYTES = 1024 * 1024
_TOO_DEEP = f"nested deeper than {DEEPEST_NESTING} levels"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class InvalidJson(ValueError):
    """The text is not JSON. The message may give a position and does not repeat the text."""


@dataclass(frozen=True, slots=True)
class RawJson:
    """A JSON value that is written as these bytes: valid JSON in UTF-8 without a byte order mark.

    Only `dumps_bytes` writes it. `dumps` refuses it, to keep it out of headers, log lines and columns.
    """

    data: bytes


def loads(text: bytes | str) -> Any:  # noqa: ANN401 - a JSON value is of any of its types until someone looks
    """Parse strict JSON. Bytes are UTF-8, and may begin with a byte order mark.

    Raises InvalidJson, also if the text nests deeper than DEEPEST_NESTING or a number exceeds the range of a Decimal.
    """
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = simplejson.loads(decoded, use_decimal=True, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise InvalidJson(_TOO_DEEP) from error
    except ArithmeticError as error:
        raise InvalidJson("not valid JSON: a number is out of range") from error
    except ValueError as error:
        position = getattr(error, "pos", None)
        where = "" if position is None else f" at character {position}"
        raise InvalidJson(f"not valid JSON{where}") from error
    # Most texts have too few brackets to nest deep.
    if decoded.count("[") + decoded.count("{") > DEEPEST_NESTING and _nests_deeper_than(DEEPEST_NESTING, value):
        raise InvalidJson(_TOO_DEEP)
    return value


def dumps(value: object) -> str:
    """Write compact JSON in ASCII: safe in a header, a log line or a column, even with lone surrogates."""
    text: str = simplejson.dumps(value, use_decimal=True, separators=(",", ":"), ensure_ascii=True)
    return text


def dumps_bytes(value: object) -> bytes:
    """Write compact JSON in UTF-8: each RawJson unchanged, everything else in ASCII."""
    # Latin-1 maps each byte to one character and back, so the raw bytes pass through simplejson's text unchanged.
    text: str = simplejson.dumps(value, use_decimal=True, separators=(",", ":"), ensure_ascii=True, default=_raw)
    return text.encode("latin-1")


def members(data: "bytes | Raw", *names: str) -> "dict[str, Raw]":
    """The members of a JSON object that have one of `names`, each as its own bytes, unparsed.

    The whole text is checked: strict JSON, UTF-8, no byte order mark. Other members take no memory. A Raw keeps all
    of `data` in memory; `bytes(raw)` is a copy that does not. Raises InvalidJson, also for any other value.
    """
    import msgspec  # here, because an idle tick does not need it

    try:
        found = msgspec.structs.astuple(_decoded(data, _members_decoder(names)))
        return {name: raw for name, raw in zip(names, found, strict=True) if raw is not msgspec.UNSET}
    except _HasSurrogates:
        value = loads(bytes(data))
    if not isinstance(value, dict):
        raise InvalidJson("not a JSON object")
    return {name: msgspec.Raw(dumps(value[name]).encode("ascii")) for name in names if name in value}


def elements(data: "bytes | Raw") -> "list[Raw]":
    """The elements of a JSON array, unparsed, as in `members`. Raises InvalidJson, also for any other value."""
    import msgspec

    if bytes(data).count(b",") >= MOST_ELEMENTS:
        raise InvalidJson(f"more than {MOST_ELEMENTS} values")
    try:
        return list(_decoded(data, _elements_decoder()))
    except _HasSurrogates:
        value = loads(bytes(data))
    if not isinstance(value, list):
        raise InvalidJson("not a JSON array")
    return [msgspec.Raw(dumps(element).encode("ascii")) for element in value]


def text_of(data: "bytes | Raw | None") -> str | None:
    """The text that `data` holds as JSON; None for a value of another type, or if `data` is None."""
    import msgspec

    try:
        return None if data is None else msgspec.json.decode(data, type=str)
    except (ValueError, RecursionError):
        return None


class _HasSurrogates(Exception):
    """msgspec cannot read the text, perhaps because of lone surrogates."""


@lru_cache(maxsize=32)
def _members_decoder(names: tuple[str, ...]) -> "Decoder[Any]":
    import msgspec

    # msgspec checks and skips members that the struct does not have.
    fields = [(f"member{place}", msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for place in range(len(names))]
    rename = {field[0]: name for field, name in zip(fields, names, strict=True)}
    return msgspec.json.Decoder(msgspec.defstruct("Members", fields, rename=rename))


@lru_cache(maxsize=1)
def _elements_decoder() -> "Decoder[Any]":
    import msgspec

    return msgspec.json.Decoder(list[msgspec.Raw])


def _decoded(data: "bytes | Raw", decoder: "Decoder[Any]") -> Any:  # noqa: ANN401 - of the decoder's type
    _check_utf_8(data)
    try:
        return decoder.decode(data)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        view = memoryview(data)
        if len(view) <= LONGEST_TEXT_WITH_SURROGATES_BYTES and _SURROGATE.search(view):
            raise _HasSurrogates from error
        raise InvalidJson("not valid JSON, or not of the expected shape") from error


def _raw(value: object) -> object:
    if isinstance(value, RawJson):
        return simplejson.RawJSON(value.data.decode("latin-1"))
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _check_utf_8(data: "bytes | Raw") -> None:
    view = memoryview(data)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(view), _CHECKED_BYTES):
            decoder.decode(view[start : start + _CHECKED_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise InvalidJson("not UTF-8") from error


def _nests_deeper_than(levels: int, value: object) -> bool:
    if not isinstance(value, list | dict):
        return False
    children = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_nests_deeper_than(levels - 1, child) for child in children)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
