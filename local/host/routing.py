"""Which function answers a method and a path: ASP.NET's route templates, as far as function apps use them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from local.host.errors import HostError

_GUID = r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}"
_CONSTRAINTS: dict[str, Callable[[str], bool]] = {
    "guid": lambda text: re.fullmatch(_GUID, text, re.IGNORECASE) is not None,
    "int": lambda text: re.fullmatch(r"[+-]?\d{1,10}", text) is not None,
    "long": lambda text: re.fullmatch(r"[+-]?\d{1,19}", text) is not None,
    "bool": lambda text: text.lower() in ("true", "false"),
    "alpha": lambda text: re.fullmatch(r"[A-Za-z]*", text) is not None,
}
_PARAMETER = re.compile(r"\{(?P<all>\*{0,2})(?P<name>\w+)(?P<constraints>(:\w+)*)(?P<optional>\??)\}")


@dataclass(frozen=True)
class Segment:
    """One part of a template between slashes: literal text, or a parameter's name with its constraints."""

    literal: str | None = None
    parameter: str = ""
    constraints: tuple[str, ...] = ()
    is_optional: bool = False
    takes_rest: bool = False

    @property
    def precedence(self) -> int:
        """Of two templates that match, the one with the smaller number at the first difference wins."""
        if self.literal is not None:
            return 1
        return (4 if self.takes_rest else 2) + (0 if self.constraints else 1)

    def admits(self, text: str) -> bool:
        """Whether this segment takes `text` (already decoded)."""
        if self.literal is not None:
            return self.literal.lower() == text.lower()
        return all(_CONSTRAINTS[constraint](text) for constraint in self.constraints)


@dataclass(frozen=True)
class RouteTemplate:
    """A parsed template, such as `api/jobs/{jobId}`."""

    text: str
    segments: tuple[Segment, ...]

    @property
    def precedence(self) -> tuple[int, ...]:
        """Sorts literal routes before those with parameters."""
        return tuple(segment.precedence for segment in self.segments)

    @property
    def shape(self) -> str:
        """The template without its parameters' names: two of the same shape match the same paths."""
        return "/".join(
            segment.literal.lower() if segment.literal is not None else f"{{{':'.join(segment.constraints)}}}"
            for segment in self.segments
        )

    def match(self, parts: list[str]) -> dict[str, str] | None:
        """The route parameters if the decoded path `parts` fit, else None."""
        values: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            if segment.takes_rest:
                rest = "/".join(parts[index:])
                return {**values, segment.parameter: rest} if rest else values
            if index >= len(parts):
                return values if all(later.is_optional for later in self.segments[index:]) else None
            if not parts[index] or not segment.admits(parts[index]):
                return None
            if segment.literal is None:
                values[segment.parameter] = parts[index]
        return values if len(parts) <= len(self.segments) else None


def parse_template(text: str) -> RouteTemplate:
    """Parse a route template; raises HostError for what this host does not know."""
    return RouteTemplate(text, tuple(_parse_segment(part, text) for part in text.strip("/").split("/") if part))


def _parse_segment(part: str, template: str) -> Segment:
    if "{" not in part and "}" not in part:
        return Segment(literal=part)
    found = _PARAMETER.fullmatch(part)
    constraints = tuple(found["constraints"].split(":")[1:]) if found else ()
    if found is None or not _CONSTRAINTS.keys() >= set(constraints):
        raise HostError(
            f"The route {template!r} has the segment {part!r}, which the local host does not know. It takes literal"
            f" text, {{name}}, {{name?}}, {{*name}} and the constraints {', '.join(_CONSTRAINTS)}."
        )
    return Segment(
        parameter=found["name"],
        constraints=constraints,
        is_optional=bool(found["optional"]),
        takes_rest=bool(found["all"]),
    )


def decode_path(raw_path: str) -> list[str] | None:
    """The parts of a request's path as Kestrel hands them to routing; None for a path that it refuses.

    Percent-encoding is undone except for %2F, which stays as it came so that it cannot add a part; bytes that are no
    UTF-8 stay encoded too. Dot segments are removed afterwards, so that an encoded `..` climbs as a plain one does.
    """
    if re.search("%00", raw_path):
        return None
    decoded = "/".join(_decode_part(part) for part in raw_path.split("/"))
    parts: list[str] = []
    for part in decoded.removeprefix("/").split("/"):
        if part == "..":
            del parts[-1:]
        elif part != ".":
            parts.append(part)
    while parts and not parts[-1]:  # a slash at the end makes no difference
        parts.pop()
    return parts


def _decode_part(part: str) -> str:
    encoded_slashes = re.split("(%2[fF])", part)
    return "".join(piece if piece.lower() == "%2f" else _unquote_or_keep(piece) for piece in encoded_slashes)


def _unquote_or_keep(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


class RouteTable[Target]:
    """Every HTTP function by method and template, in the order in which they are tried."""

    def __init__(self) -> None:
        self._routes: list[tuple[RouteTemplate, frozenset[str], str, Target]] = []

    def add(self, template: RouteTemplate, methods: frozenset[str], name: str, target: Target) -> None:
        """Add a function. No methods means any. HostError if its route is reserved, or another function's too."""
        first = template.segments[0].literal if template.segments else None
        if first is not None and first.lower() in ("admin", "runtime"):
            raise HostError(f"The route {template.text!r} of {name} begins with {first!r}, which the host keeps.")
        for other, other_methods, other_name, _ in self._routes:
            both = methods & other_methods if methods and other_methods else methods | other_methods | {"ANY"}
            if other.shape == template.shape and both:
                raise HostError(f"The functions {other_name} and {name} have the same route: {template.text!r}.")
        self._routes.append((template, methods, name, target))
        self._routes.sort(key=lambda route: route[0].precedence)

    def find(self, method: str, parts: list[str]) -> tuple[Target, dict[str, str]] | None:
        """The function and its route parameters. None, which Azure answers with 404, also for another method."""
        for template, methods, _, target in self._routes:
            if methods and method not in methods:
                continue
            values = template.match(parts)
            if values is not None:
                return target, values
        return None
