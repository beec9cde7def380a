"""The names of JSON members and of their Python counterparts."""

import re
from collections.abc import Mapping

from sandbox.answers import JsonObject

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


def snake_case(body: Mapping[str, object]) -> JsonObject:
    """The members with their Python names: `retryAfterSeconds` is `retry_after_seconds`. Nested ones stay."""
    return {_HUMP.sub(r"_\1", name).lower(): value for name, value in body.items()}


def camel_case(values: Mapping[str, object]) -> JsonObject:
    """The other way round."""
    return {re.sub(r"_(\w)", lambda match: match.group(1).upper(), name): value for name, value in values.items()}
