"""Which function answers a method and a path: ASP.NET's route templates, as far as function apps use them."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from local.host.errors import HostError
from local.host.percent_encoding import decode_but_slash

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
    """The part of a template between two slashes: literal text, or a parameter's name with its constraints."""

    literal: str | None = None
    parameter: str = ""
    constraints: tuple[str, ...] = ()
    is_optional: bool = False
    takes_rest: bool = False

    def admits(self, text: str) -> bool:
        """Whether this segment matches `text` (already decoded)."""
        if self.literal is not None:
            return self.literal.lower() == text.lower()
        return all(_CONSTRAINTS[constraint](text) for constraint in self.constraints)


@dataclass(frozen=True)
class RouteTemplate:
    """A parsed template, such as `api/jobs/{jobId}`."""

    text: str
    segments: tuple[Segment, ...]

    def match(self, path: str) -> dict[str, str] | None:
        """The route parameters if the decoded `path` matches, else None.

        One slash at the end makes no difference, except that a catch-all keeps it. An empty part matches nothing.
        """
        if not path.startswith("/"):
            return None
        rest = path[1:]
        values: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            if not rest:
                remaining = self.segments[index:]
                return values if all(later.is_optional or later.takes_rest for later in remaining) else None
            if rest.startswith("/"):
                return None
            if segment.takes_rest:
                return {**values, segment.parameter: rest} if segment.admits(rest) else None
            part, _, rest = rest.partition("/")
            if not segment.admits(part):
                return None
            if segment.literal is None:
                values[segment.parameter] = part
        return None if rest else values


def parse_template(text: str) -> RouteTemplate:
    """Parse a route template. Raises HostError if it uses something that this host does not support."""
    return RouteTemplate(text, tuple(_parse_segment(part, text) for part in text.strip("/").split("/") if part))


def _parse_segment(part: str, template: str) -> Segment:
    if "{" not in part and "}" not in part:
        return Segment(literal=part)
    found = _PARAMETER.fullmatch(part)
    constraints = tuple(found["constraints"].split(":")[1:]) if found else ()
    if found is None or not _CONSTRAINTS.keys() >= set(constraints):
        raise HostError(
            f"The route {template!r} has the segment {part!r}, which the local host does not support. It supports"
            f" literal text, {{name}}, {{name?}}, {{*name}} and the constraints {', '.join(_CONSTRAINTS)}."
        )
    return Segment(
        parameter=found["name"],
        constraints=constraints,
        is_optional=bool(found["optional"]),
        takes_rest=bool(found["all"]),
    )


def decode_path(raw_path: str) -> str | None:
    """A request's path as Kestrel passes it to routing; None if Kestrel refuses it.

    The path is percent-decoded once, except for `%2F`. Dot segments are removed afterwards, so an encoded `..` works
    like a plain one. A backslash is an ordinary character.
    """
    if "%00" in raw_path:
        return None
    if not raw_path.startswith("/"):
        return raw_path  # `*`, or a whole URL: no function matches it
    parts: list[str] = []
    rest = decode_but_slash(raw_path)[1:].split("/")
    for part in rest:
        if part == "..":
            del parts[-1:]
        elif part != ".":
            parts.append(part)
    if rest[-1] in (".", "..") and parts:
        parts.append("")
    return "/" + "/".join(parts)


class RouteTable[Target]:
    """The routes of all HTTP functions. As on Azure, the first route added that matches wins, even a general one."""

    def __init__(self) -> None:
        self._routes: list[tuple[RouteTemplate, frozenset[str], Target]] = []

    def add(self, template: RouteTemplate, methods: frozenset[str], target: Target) -> None:
        """Add a function after those added before. No methods means any method."""
        self._routes.append((template, methods, target))

    def find(self, method: str, path: str) -> tuple[Target, dict[str, str]] | None:
        """The function and its route parameters; None (404), as on Azure, also if only the method differs."""
        for template, methods, target in self._routes:
            if methods and method not in methods:
                continue
            values = template.match(path)
            if values is not None:
                return target, values
        return None
