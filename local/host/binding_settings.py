"""`%SETTING%` in binding strings."""

import re
from collections.abc import Mapping
from typing import Any

from local.host.errors import FunctionError

_SETTING = re.compile(r"%([A-Za-z0-9_.:-]+)%")


def resolve_settings(binding: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Replace each `%NAME%` in the strings of `binding`. Raises FunctionError that names a missing setting."""

    def value_of(found: re.Match[str]) -> str:
        name = found[1]
        if name not in environment:
            raise FunctionError(f"its binding needs the setting {name!r} (%{name}%), which is not set")
        return environment[name]

    return {key: _SETTING.sub(value_of, value) if isinstance(value, str) else value for key, value in binding.items()}
