"""The hooks: functions that change a module as soon as it has been imported."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from tests.reliability.marked.evidence import EvidenceFile

type Hook = Callable[[EvidenceFile, Any], None]
HOOKS: dict[str, Hook] = {}


def of(module: str) -> Callable[[Hook], Hook]:
    """Register a hook that changes a module when it is imported."""

    def register(hook: Hook) -> Hook:
        HOOKS[module] = hook
        return hook

    return register


def after_init(kind: Any, do: Callable[[Any], None]) -> None:  # noqa: ANN401 - a class
    """Have `do` called with every new instance of a class."""
    make = kind.__init__

    @wraps(make)
    def made(self: Any, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - as in the class
        make(self, *arguments, **named)
        do(self)

    kind.__init__ = made
