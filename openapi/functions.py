"""Finds the calls of the API: the HTTP functions, and the handler behind each one."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import cleandoc
from types import SimpleNamespace
from typing import Any, get_type_hints
from unittest.mock import patch

import function_app
from shared.http.api import Api, StorageApi
from shared.http.messages import Response
from shared.http.operations import HttpOperation, operation_of


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call: the function's name, its route with `/` in front, what the handler declares, and its docstring."""

    name: str
    method: str
    path: str
    declared: HttpOperation
    text: str

    def has_in_path(self, parameter: str) -> bool:
        return f"{{{parameter}}}" in self.path


class UndeclaredCalls(Exception):
    """Handlers without `@operation`: what these calls take and answer is unknown."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(names)
        super().__init__(f"these calls declare nothing: {', '.join(self.names)}")


def find_calls(functions: Iterable[Any]) -> list[Call]:
    """The calls behind an app's functions, in their order. A page is not a call.

    Raises UndeclaredCalls. Raises ValueError if a function and its handler differ on who may call.
    """
    calls, undeclared = [], []
    for function in functions:
        name, trigger = function.get_function_name(), json.loads(str(function))["bindings"][0]
        # A page is a catch-all: one function for the page and its files.
        if trigger["type"] != "httpTrigger" or "{*" in trigger["route"]:
            continue
        handler = _handler_behind(function.get_user_function())
        try:
            declared = operation_of(handler)
        except AttributeError:
            undeclared.append(name)
            continue
        if declared.anonymous != (trigger["authLevel"] == "ANONYMOUS"):
            raise ValueError(f"{name}: the function and its handler differ on whether the call needs a key")
        (method,) = trigger["methods"]
        path = f"/{trigger['route']}"
        calls.append(
            Call(name=name, method=method, path=path, declared=declared, text=cleandoc(handler.__doc__ or ""))
        )
    if undeclared:
        raise UndeclaredCalls(undeclared)
    return calls


def _handler_behind(function: Callable[[Any], Any]) -> Callable[..., Response]:
    """The handler that a function calls, found by calling the function with an app that only looks handlers up."""
    # Where the process has handlers, this has their classes: a method of a class has its declaration, too.
    classes = SimpleNamespace(
        api=lambda: SimpleNamespace(**get_type_hints(Api)),
        storage_api=lambda: SimpleNamespace(**get_type_hints(StorageApi)),
    )

    def look_up(_: object, find_handler: Callable[[], Callable[..., Response]], **__: object) -> Any:  # noqa: ANN401 - see below
        return find_handler()

    with patch.multiple(function_app, _answer=look_up, _process=lambda: classes):
        handler: Callable[..., Response] = function(None)
        return handler
