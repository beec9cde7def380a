"""Compares two states of a CPP offer: the changes that publishing one over the other would make.

- Only `definition` is compared. A missing one counts as an empty object; one that is not an object, as a value.
- An array of texts and numbers without duplicates has one change per element that comes or goes. If the elements
  that stay change their order, the whole array is one change.
- Objects in an array are matched by the first of NATURAL_KEYS that every one of them has on both sides, with a text
  or number that is unique in its array: plans by `planId`. Each object that comes or goes is one change. Their order
  does not matter.
- Elements of all other arrays are matched by position.
- Numbers are equal if their values are (1 and 1.0), and never equal a text or a boolean. A member that is null is
  not the same as a missing one.
- Additions and replacements come in the order of the newer offer, then the removals from the same object or array.

Time and memory grow with the size of the offers, never with its square. The values may contain signed links: they go
to the caller, never to a log.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Literal, NamedTuple, NotRequired, TypedDict, cast

from shared.json_codec import MOST_ELEMENTS, InvalidJson, JsonValue, dumps, loads

MOST_CHANGES = 1000
LONGEST_VALUE_CHARACTERS = 1000
# Real pointers have a few hundred. Without a limit, a thousand changes below one huge name would repeat it each time.
LONGEST_PATH_CHARACTERS = 2000
# In order of preference: identifiers, then the names and codes that offers have instead, the vaguest last.
NATURAL_KEYS = (
    *("planId", "id", "key", "name", "regionCode", "countryCode", "currencyCode"),
    *("categoryL1", "linkTitle", "lun", "type"),
)
# Rounds no number that can be parsed.
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)

# A number's key is a tuple, so that it never equals a text's.
type _Key = str | tuple[str] | int
type _Positions = dict[_Key, int]

Change = TypedDict(
    "Change",
    {
        "path": str,
        "op": Literal["add", "remove", "replace"],
        "from": JsonValue,
        "to": JsonValue,
        "truncated": NotRequired[Literal[True]],
    },
)
Change.__doc__ = """One change, as it goes out as JSON.

`path` is a JSON Pointer (RFC 6901) into the newer offer, of a removal into the older one. `from` and `to` are always
there: `from` is null for an `add`, `to` is null for a `remove`. If the compact JSON of a value, not escaped to ASCII,
is longer than LONGEST_VALUE_CHARACTERS, the change has its start of that length instead, as text, and `truncated`. A
text of exactly that length is always such a start: a whole one would be too long with its quotes.
"""


@dataclass(frozen=True, slots=True)
class Diff:
    """The changes, MOST_CHANGES at most. `more_changes` is true if others are left out, beyond that number or because
    their path is longer than LONGEST_PATH_CHARACTERS."""

    changes: list[Change]
    more_changes: bool


class _Place(NamedTuple):
    """Where a value is: a member's name or an element's position, which may differ between the offers."""

    before: str | int
    after: str | int
    parent: "_Place | None"


def offer_diff(before: bytes, after: bytes) -> Diff:
    """What changes in the definition from one CPP offer to the other, each as upstream's JSON.

    Raises InvalidJson if one is not a JSON object, nests too deep or holds more than MOST_ELEMENTS values.
    """
    changes: list[Change] = []
    left_out = False
    place = _Place("definition", "definition", None)
    for change in _differences(_definition(before), _definition(after), place):
        if change is None:
            left_out = True
        elif len(changes) == MOST_CHANGES:
            return Diff(changes, more_changes=True)
        else:
            changes.append(change)
    return Diff(changes, more_changes=left_out)


def _definition(offer: bytes) -> JsonValue:
    # Each value follows one of these, so this bounds their number before any takes memory.
    if sum(offer.count(sign) for sign in (b",", b"[", b"{")) > MOST_ELEMENTS:
        raise InvalidJson(f"more than {MOST_ELEMENTS} values")
    value = loads(offer)
    if not isinstance(value, dict):
        raise InvalidJson("not a JSON object")
    return cast("JsonValue", value.get("definition", {}))


def _differences(before: JsonValue, after: JsonValue, place: _Place) -> Iterator[Change | None]:
    """The changes from one value to the other; None for each whose path is too long."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _differences_of_objects(before, after, place)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _differences_of_arrays(before, after, place)
    elif not _same(before, after):
        yield _change("replace", place, before, after)


def _differences_of_objects(
    before: dict[str, JsonValue], after: dict[str, JsonValue], place: _Place
) -> Iterator[Change | None]:
    for name, value in after.items():
        if name in before:
            yield from _differences(before[name], value, _Place(name, name, place))
        else:
            yield _change("add", _Place(name, name, place), None, value)
    for name, value in before.items():
        if name not in after:
            yield _change("remove", _Place(name, name, place), value, None)


def _differences_of_arrays(before: list[JsonValue], after: list[JsonValue], place: _Place) -> Iterator[Change | None]:
    old, new = _unique(before), _unique(after)
    if old is None or new is None:
        old, new = _by_natural_key(before, after) or (_by_position(before), _by_position(after))
    elif [key for key in old if key in new] != [key for key in new if key in old]:
        yield _change("replace", place, before, after)
        return
    for key, position in new.items():
        if key in old:
            yield from _differences(before[old[key]], after[position], _Place(old[key], position, place))
        else:
            yield _change("add", _Place(position, position, place), None, after[position])
    for key, position in old.items():
        if key not in new:
            yield _change("remove", _Place(position, position, place), before[position], None)


def _by_position(array: list[JsonValue]) -> _Positions:
    return {position: position for position in range(len(array))}


def _by_natural_key(before: list[JsonValue], after: list[JsonValue]) -> tuple[_Positions, _Positions] | None:
    firsts = [array[0] for array in (before, after) if array]
    for name in NATURAL_KEYS:
        if not all(isinstance(first, dict) and name in first for first in firsts):
            continue  # saves most arrays from being walked through for every key
        old, new = _unique(_members(before, name)), _unique(_members(after, name))
        if old is not None and new is not None:
            return old, new
    return None


def _members(array: list[JsonValue], name: str) -> Iterator[JsonValue]:
    """That member of each element; None for an element without it."""
    return (element.get(name) if isinstance(element, dict) else None for element in array)


def _unique(values: Iterable[JsonValue]) -> _Positions | None:
    """The position of each value, in order; None if two are equal or one is neither a text nor a number."""
    positions: _Positions = {}
    for position, value in enumerate(values):
        key = _key(value)
        if key is None or key in positions:
            return None
        positions[key] = position
    return positions


def _key(value: JsonValue) -> _Key | None:
    """A text or number as the key of a dict; equal for equal numbers."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    # Numbers can be chosen to have the same hash, which would make the dict quadratic. Texts cannot.
    return (str(Decimal(value).normalize(_EXACT)) if value else "0",)


def _same(before: JsonValue, after: JsonValue) -> bool:
    """Whether two values are equal. They are not both objects, nor both arrays."""
    numbers = [isinstance(value, int | Decimal) and not isinstance(value, bool) for value in (before, after)]
    return (all(numbers) or type(before) is type(after)) and before == after


def _change(
    op: Literal["add", "remove", "replace"], place: _Place, before: JsonValue, after: JsonValue
) -> Change | None:
    """The change; None if its path is too long."""
    path = _pointer(place, into_before=op == "remove")
    if path is None:
        return None
    (shown_before, before_is_cut), (shown_after, after_is_cut) = _shown(before), _shown(after)
    change: Change = {"path": path, "op": op, "from": shown_before, "to": shown_after}
    if before_is_cut or after_is_cut:
        change["truncated"] = True
    return change


def _pointer(place: _Place, *, into_before: bool) -> str | None:
    """The JSON Pointer to a place in one of the offers; None if it is longer than LONGEST_PATH_CHARACTERS."""
    tokens: list[str] = []
    characters = 0
    step: _Place | None = place
    while step is not None:
        token = str(step.before if into_before else step.after)
        characters += 1 + len(token)
        if characters > LONGEST_PATH_CHARACTERS:
            return None
        tokens.append(token.replace("~", "~0").replace("/", "~1"))
        step = step.parent
    pointer = "".join(f"/{token}" for token in reversed(tokens))
    return pointer if len(pointer) <= LONGEST_PATH_CHARACTERS else None


def _shown(value: JsonValue) -> tuple[JsonValue, bool]:
    """The value, or the start of its JSON if that is too long; and whether it was cut."""
    start = ""
    for piece in _json_pieces(value):
        start += piece
        if len(start) > LONGEST_VALUE_CHARACTERS:
            return start[:LONGEST_VALUE_CHARACTERS], True
    return value, False


def _json_pieces(value: JsonValue) -> Iterator[str]:
    """The value's compact JSON, written only as far as it is read, so that cutting a long value costs little."""
    if isinstance(value, dict):
        yield "{"
        for number, (name, member) in enumerate(value.items()):
            yield f"{',' if number else ''}{json.dumps(name, ensure_ascii=False)}:"
            yield from _json_pieces(member)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for number, element in enumerate(value):
            yield "," if number else ""
            yield from _json_pieces(element)
        yield "]"
    else:
        yield json.dumps(value, ensure_ascii=False) if isinstance(value, str) else dumps(value)
