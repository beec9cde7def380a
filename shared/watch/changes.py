"""Which of the watched members of a private offer changed.

These are equal:

- `null`, an absent member, a date in year 1 (upstream's word for "none"), and a list or object without content;
- enum values in another case, and numbers of the same value (5 and 5.0);
- lists with the same elements in another order.

Elements of a list are matched first by equality, then by their `id` or by product and plan, then by order.
Time and memory grow with the size of the offers, never with its square.
"""

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from hashlib import blake2b

from shared.json_codec import JsonObject, JsonValue

WATCHED_MEMBERS = (
    *("state", "subState", "start", "end", "acceptBy", "variableStartDate"),
    *("pricing", "originatorPricing", "markupPercentage", "beneficiaries", "partners"),
)
MOST_PATHS = 100
# Real pointers have about 40. A change behind a longer one is named by the nearest pointer that is short enough.
LONGEST_PATH_CHARACTERS = 200
# In these members case does not matter, at any depth.
_ENUM_MEMBERS = frozenset(
    ("state", "subState", "privateOfferType", "offerPricingType", "discountType", "recipientType", "billingFrequency")
)
_IDENTITY_MEMBERS = (("id",), ("product", "plan", "basePlan"))
_YEAR_ONE = re.compile(r"0001-\d{2}-\d{2}(?:[Tt ].{0,40})?", re.ASCII)
_FINGERPRINT_BYTES = 16
# Rounds no number that can be parsed.
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


@dataclass(frozen=True, slots=True)
class _Node:
    """A value without its empty members. Equal values have equal fingerprints, and no others have."""

    fingerprint: bytes
    members: "dict[str, _Node] | None" = field(default=None, compare=False)
    elements: "list[_Node] | None" = field(default=None, compare=False)


@dataclass(slots=True)
class _Paths:
    """The pointers found so far, each once."""

    found: dict[str, None] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        return len(self.found) >= MOST_PATHS

    def add(self, pointer: str) -> None:
        if not self.full:
            self.found[pointer] = None


def enum_value(value: JsonValue) -> str:
    """An enum value in the form in which two are compared; empty for any value that is not a text."""
    return value.strip().casefold() if isinstance(value, str) else ""


def present_members(offer: JsonObject) -> frozenset[str]:
    """The watched members of an offer that have a value."""
    return frozenset(_watched(offer))


def changed_paths(before: JsonObject, after: JsonObject) -> list[str]:
    """JSON Pointers into `after` to the watched values that differ from `before`, MOST_PATHS at most.

    Both are private offers as `json_codec.loads` parses them. A removed member is named by the pointer that it had, a
    removed element of a list by the list's pointer.
    """
    paths = _Paths()
    old, new = _watched(before), _watched(after)
    for name in WATCHED_MEMBERS:
        _compare(old.get(name), new.get(name), "", name, paths)
    return list(paths.found)


def _watched(offer: JsonObject) -> dict[str, _Node]:
    found = ((name, _node(offer.get(name), name)) for name in WATCHED_MEMBERS)
    return {name: node for name, node in found if node is not None}


def _compare(before: _Node | None, after: _Node | None, parent: str, token: str, paths: _Paths) -> None:
    """Add the pointers to the differences of two values at `parent`/`token`; None for a value that is not there."""
    if before == after or paths.full:
        return
    pointer = f"{parent}/{token.replace('~', '~0').replace('/', '~1')}"
    if len(pointer) > LONGEST_PATH_CHARACTERS:
        paths.add(parent)
    elif before is None or after is None:
        paths.add(pointer)
    elif before.members is not None and after.members is not None:
        for name in after.members | before.members:
            _compare(before.members.get(name), after.members.get(name), pointer, name, paths)
    elif before.elements is not None and after.elements is not None:
        _compare_elements(before.elements, after.elements, pointer, paths)
    else:
        paths.add(pointer)


def _compare_elements(before: list[_Node], after: list[_Node], pointer: str, paths: _Paths) -> None:
    matched = _matched(before, after)
    for position, node in enumerate(after):
        old = before[matched[position]] if position in matched else None
        _compare(old, node, pointer, str(position), paths)
    if len(matched) < len(before):
        paths.add(pointer)


def _matched(before: list[_Node], after: list[_Node]) -> dict[int, int]:
    """The position in `before` of each element of `after` that was there, by its position in `after`."""
    rounds: tuple[Callable[[_Node], bytes | None], ...] = (lambda node: node.fingerprint, _identity, lambda _: b"any")
    matched: dict[int, int] = {}
    for key in rounds:
        waiting: defaultdict[bytes, deque[int]] = defaultdict(deque)
        taken = set(matched.values())
        for position, node in enumerate(before):
            if position not in taken and (found := key(node)) is not None:
                waiting[found].append(position)
        for position, node in enumerate(after):
            if position not in matched and (found := key(node)) is not None and waiting[found]:
                matched[position] = waiting[found].popleft()
    return matched


def _identity(node: _Node) -> bytes | None:
    """What stays the same when an element of a list is edited; None if it has nothing of the kind."""
    for names in _IDENTITY_MEMBERS:
        values = [(node.members or {}).get(name) for name in names]
        if any(values):
            return _digest(b"identity", (b"" if value is None else value.fingerprint for value in values))
    return None


def _node(value: JsonValue, name: str) -> _Node | None:
    """The value of the member `name`, or of an element of its list; None if it counts as absent."""
    match value:
        case None | []:
            return None
        case dict():
            found = ((member, _node(each, member)) for member, each in value.items())
            members = {member: node for member, node in found if node is not None}
            parts = (part for member in sorted(members) for part in (_text(member), members[member].fingerprint))
            return _Node(_digest(b"object", parts), members=members) if members else None
        case list():
            elements = [_node(each, name) or _EMPTY for each in value]
            return _Node(_digest(b"list", sorted(each.fingerprint for each in elements)), elements=elements)
        case str():
            if _YEAR_ONE.fullmatch(value):
                return None
            return _Node(_digest(b"text", [_text(enum_value(value) if name in _ENUM_MEMBERS else value)]))
        case bool():
            return _Node(_digest(b"boolean", [str(value).encode()]))
        case _:
            return _Node(_digest(b"number", [str(Decimal(value).normalize(_EXACT) if value else 0).encode()]))


def _text(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _digest(kind: bytes, parts: Iterable[bytes]) -> bytes:
    digest = blake2b(kind, digest_size=_FINGERPRINT_BYTES)
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()


_EMPTY = _Node(_digest(b"empty", ()))
