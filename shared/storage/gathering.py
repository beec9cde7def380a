"""Requests of many threads about the same thing, answered together.

A transaction costs about the same whether it holds one change or fifty, and a row that is read for one thread is read
for all that ask at the same time. A thread that comes while another's request is under way waits, and the next
request is for everyone who waits by then; a single thread never waits. A request costs milliseconds of CPU time, so
this decides how fast a burst of events to one endpoint goes out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition


@dataclass
class _Asked[Item, Result]:
    item: Item
    result: Result | None = None
    error: Exception | None = None
    done: bool = False


class Gathered[Item, Result]:
    """Calls `ask(key, items)` for the items of many threads; it returns one result for each. Thread-safe.

    A result is never older than its caller's request: `ask` begins after it.
    """

    def __init__(self, ask: Callable[[str, Sequence[Item]], Sequence[Result]]) -> None:
        self._ask = ask
        self._waiting: dict[str, list[_Asked[Item, Result]]] = {}
        self._busy: set[str] = set()
        self._changed = Condition()

    def __call__(self, key: str, item: Item) -> Result:
        """The result for this item. Raises what `ask` raises, in every thread whose item was in it."""
        asked = _Asked[Item, Result](item)
        with self._changed:
            self._waiting.setdefault(key, []).append(asked)
            self._changed.wait_for(lambda: asked.done or key not in self._busy)
            together = [] if asked.done else self._waiting.pop(key)
            if together:
                self._busy.add(key)
        if together:
            self._ask_for(key, together)
        if asked.error is not None:
            raise asked.error
        return asked.result  # type: ignore[return-value]  # `ask` has returned one

    def _ask_for(self, key: str, together: Sequence[_Asked[Item, Result]]) -> None:
        try:
            results = self._ask(key, [asked.item for asked in together])
            for asked, result in zip(together, results, strict=True):
                asked.result = result
        except Exception as error:  # noqa: BLE001 - raised again in every thread that waits for it
            for asked in together:
                asked.error = error
        finally:
            with self._changed:
                for asked in together:
                    asked.done = True
                self._busy.discard(key)
                self._changed.notify_all()
