"""The functions that function_app.py declares. An app can list them only once per process, and several tests look."""

from functools import cache
from typing import Any

import function_app


@cache
def declared_functions() -> tuple[Any, ...]:
    """Each function as `FunctionApp.get_functions` gives it."""
    return tuple(function_app.app.get_functions())
