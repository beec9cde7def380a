"""Reads host.json: the members that matter on one machine."""

import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.host.errors import HostError

# .NET's level names, which host.json uses.
_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
DEFAULT_FUNCTION_TIMEOUT_SECONDS = 30 * 60.0  # the Flex Consumption plan's default
_TIME_SPAN = re.compile(
    r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2}(\.\d+)?))?"
)


@dataclass(frozen=True)
class HostJson:
    """`route_prefix` has no slashes at its ends and may be empty; `log_level` is a `logging` level.

    `function_timeout_seconds` is None if host.json switches the timeout off.
    """

    route_prefix: str
    log_level: int
    function_timeout_seconds: float | None


def read_host_json(app_directory: Path) -> HostJson:
    """Read `host.json`. Raises HostError if it is missing or the real host would not accept it."""
    path = app_directory / "host.json"
    content = read_json_object(path)
    if content.get("version") != "2.0":
        raise HostError(f'{path}: "version" must be "2.0".')
    prefix = _member(content, "extensions", "http", "routePrefix")
    level = _member(content, "logging", "logLevel", "default")
    level_name = "information" if level is None else str(level).lower()
    if level_name not in _LEVELS:
        raise HostError(f"{path}: logging.logLevel.default is {level!r}, which is not a log level.")
    return HostJson(
        route_prefix="api" if prefix is None else str(prefix).strip("/"),
        log_level=_LEVELS[level_name],
        function_timeout_seconds=_function_timeout_seconds(path, content.get("functionTimeout")),
    )


def read_json_object(path: Path) -> dict[str, Any]:
    """Read the JSON object in `path`. Raises HostError that names the file and the line at fault."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise HostError(f"{path} does not exist.") from None
    except OSError as error:
        raise HostError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise HostError(f"{path} is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise HostError(f"{path} should contain a JSON object.")
    return content


def _function_timeout_seconds(path: Path, text: object) -> float | None:
    if text is None:
        return DEFAULT_FUNCTION_TIMEOUT_SECONDS
    if text == "-1":
        return None
    found = _TIME_SPAN.fullmatch(str(text))
    seconds = 0.0
    if found:
        days, hours, minutes = (int(found[name] or 0) for name in ("days", "hours", "minutes"))
        seconds = ((days * 24 + hours) * 60 + minutes) * 60 + float(found["seconds"] or 0)
    if seconds <= 0:
        raise HostError(f'{path}: functionTimeout is {text!r}, not a time such as "00:05:00".')
    return seconds


def _member(content: dict[str, Any], *names: str) -> object:
    """The value at the nested `names`, or None."""
    value: object = content
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
