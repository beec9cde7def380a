"""Shows that two calls run at the same time: each waits in front of its method until the other is there."""

from threading import Barrier
from typing import Any

import pytest

GIVE_UP_AFTER_SECONDS = 10


def meet_before(monkeypatch: pytest.MonkeyPatch, *methods: tuple[type, str]) -> None:
    """Make two calls of these methods wait for each other. One after the other they raise BrokenBarrierError."""
    barrier = Barrier(2)
    for owner, name in methods:
        method = getattr(owner, name)

        def waiting(*args: Any, _method: Any = method, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
            barrier.wait(GIVE_UP_AFTER_SECONDS)
            return _method(*args, **kwargs)

        monkeypatch.setattr(owner, name, waiting)
