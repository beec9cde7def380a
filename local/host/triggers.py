"""Which functions Azure would run and what triggers each, and which it would drop and why.

The checks are those of Azure's host. There, a function that fails one is missing and answers 404, and only a platform
log mentions it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.host.binding_settings import resolve_settings
from local.host.errors import FunctionError, HostError
from local.host.routing import RouteTable, parse_template
from local.host.runtime import IndexedFunction
from local.host.schedules import Schedule

_FUNCTION_NAME = re.compile(r"[a-z][a-z0-9_-]{0,127}", re.IGNORECASE | re.ASCII)
_BINDING_NAME = re.compile(r"[a-z][a-z0-9]{0,127}|\$return", re.IGNORECASE | re.ASCII)
# Prefixes of the text, not whole segments: `administration` is reserved too.
_RESERVED_ROUTES = ("admin", "runtime")


@dataclass(frozen=True)
class HttpFunction:
    """An HTTP function. `auth_level` is ANONYMOUS, FUNCTION or ADMIN."""

    function: IndexedFunction
    auth_level: str


@dataclass(frozen=True)
class Triggers:
    """The functions of an app by trigger, except those `dropped` (name and reason).

    `listing` has one line for each function.
    """

    functions: dict[str, IndexedFunction] = field(default_factory=dict)
    routes: RouteTable[HttpFunction] = field(default_factory=RouteTable[HttpFunction])
    schedules: dict[str, Schedule] = field(default_factory=dict)
    listing: list[str] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)


def sort_triggers(functions: list[IndexedFunction], *, prefix: str, environment: Mapping[str, str]) -> Triggers:
    """Read each function's trigger. Raises HostError for a trigger that Azure supports but this host does not.

    Functions are sorted by name, ignoring case. This decides which of two routes that match the same path wins, and
    which of two functions with the same route is dropped.
    """
    triggers = Triggers()
    claimed: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for function in sorted(functions, key=lambda function: function.name.upper()):
        try:
            _check_names(function)
            binding = resolve_settings(function.trigger, environment)
            if binding["type"] == "httpTrigger":
                _add_http_function(function, binding, triggers, prefix=prefix, claimed=claimed)
            elif binding["type"] == "timerTrigger":
                triggers.schedules[function.name] = Schedule(binding["schedule"])
                triggers.listing.append(f"{function.name}: timer {binding['schedule']}")
            else:
                raise HostError(
                    f"The function {function.name} has a {binding['type']}:"
                    " the local host runs only HTTP and timer functions."
                )
        except FunctionError as error:
            triggers.dropped[function.name] = str(error)
        else:
            triggers.functions[function.name] = function
    return triggers


def _check_names(function: IndexedFunction) -> None:
    if not _FUNCTION_NAME.fullmatch(function.name) or function.name.lower() == "host":
        raise FunctionError(
            "its name should be a letter followed by at most 127 letters, digits, hyphens and underscores,"
            " and not 'host'"
        )
    names = [str(binding.get("name")) for binding in function.bindings]
    for name in names:
        if not _BINDING_NAME.fullmatch(name):
            raise FunctionError(
                f"the binding name {name!r} should be a letter followed by at most 127 letters and digits;"
                " the function's parameter has the same name"
            )
    if len({name.lower() for name in names}) < len(names):
        raise FunctionError("two of its bindings have the same name")
    if sum(binding["type"].lower().endswith("trigger") for binding in function.bindings) != 1:
        raise FunctionError("it should have exactly one trigger")


def _add_http_function(
    function: IndexedFunction,
    binding: Mapping[str, Any],
    triggers: Triggers,
    *,
    prefix: str,
    claimed: dict[str, list[tuple[str, frozenset[str]]]],
) -> None:
    route = str(binding.get("route") or "").strip() or function.name
    # Members of the enumeration or plain strings, as in the app's source.
    methods = frozenset(str(method).upper() for method in binding.get("methods") or ())
    level = str(binding.get("authLevel") or "FUNCTION").upper()
    if route.strip("/").lower().startswith(_RESERVED_ROUTES):
        raise FunctionError(f"the route {route!r} begins with 'admin' or 'runtime', which the host reserves")
    same_route = claimed.setdefault(route.strip("/").lower(), [])
    for other, other_methods in same_route:
        if not methods or not other_methods or methods & other_methods:
            raise FunctionError(f"{other} has the same route {route!r}")
    same_route.append((function.name, methods))
    template = parse_template(f"{prefix}/{route}")
    triggers.routes.add(template, methods, HttpFunction(function, level))
    shown_methods = ",".join(sorted(methods)) or "any method"
    triggers.listing.append(f"{function.name}: {shown_methods} /{template.text.strip('/')} ({level.lower()})")
