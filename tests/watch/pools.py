"""How many threads the watch takes for what it reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shared.log import InvocationThreadPool


@contextmanager
def recorded_pools(module: str) -> Iterator[list[int]]:
    """The sizes of the thread pools that the module makes inside the block."""
    sizes: list[int] = []

    def recorded(size: int, **options: Any) -> InvocationThreadPool:  # noqa: ANN401 - passed through
        sizes.append(size)
        return InvocationThreadPool(size, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{module}.InvocationThreadPool", recorded)
        yield sizes
