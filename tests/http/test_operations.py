"""What the handlers declare, which the API's description is made of."""

import inspect
from collections.abc import Callable
from typing import get_type_hints

import pytest

from shared.http.api import Api, StorageApi
from shared.http.messages import Request, Response
from shared.http.operations import NoParameters, operation_of
from shared.http.problems import PROBLEM_TYPES

HANDLERS = {
    f"{handlers.__name__}.{name}": handler
    for handlers in (get_type_hints(StorageApi) | get_type_hints(Api)).values()
    for name, handler in inspect.getmembers(handlers, inspect.isfunction)
    if not name.startswith("_")
}


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_a_handler_declares_what_it_is_called_with_its_problems_and_a_summary(
    handler: Callable[..., Response],
) -> None:
    declared = operation_of(handler)
    handed = [model for model in (declared.parameters, declared.body) if model not in {NoParameters, None}]
    hints = get_type_hints(inspect.unwrap(handler))
    assert list(hints.values()) == [Request, *handed, Response]
    assert declared.problems <= PROBLEM_TYPES.keys()
    assert handler.__doc__


def test_only_health_is_for_everyone() -> None:
    assert [name for name, handler in HANDLERS.items() if operation_of(handler).anonymous] == ["HealthHandlers.read"]
