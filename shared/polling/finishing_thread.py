"""Finishing jobs while a cycle goes on, on one thread beside the cycle's own.

Events that the cycle has just made come first, since they are awaited; then those found in storage. They are taken
together, up to a hundred at once: a hundred cost about as many storage requests as one.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import batched
from types import TracebackType
from typing import Self

from shared.clock import Clock
from shared.jobs.finishing import Finishing
from shared.jobs.job_events import JobEvent
from shared.log import InvocationThreadPool
from shared.storage.errors import StorageError
from shared.storage.retrying import retrying_for

# Two rows of history for each: they fit into two transactions.
EVENTS_AT_ONCE = 100
_log = logging.getLogger("offer_monitor.jobs")


class FinishingThread:
    """Finishes the jobs that it is given. What fails, or would begin after `until`, is left to the next tick."""

    def __init__(self, finishing: Finishing, clock: Clock, *, until: datetime) -> None:
        self._finishing = finishing
        self._clock = clock
        self._until = until
        self._thread = InvocationThreadPool(1, thread_name_prefix="finish")
        self._new: deque[JobEvent] = deque()
        self._stored: deque[JobEvent] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    def finish(self, events: Sequence[JobEvent]) -> None:
        """Finish jobs whose events this cycle has just stored, and which are in memory whole."""
        self._add(self._new, events)

    def finish_stored(self, events: Sequence[JobEvent]) -> None:
        """Finish jobs whose events are in storage, their large fields too."""
        self._add(self._stored, events)

    def _add(self, waiting: deque[JobEvent], events: Sequence[JobEvent]) -> None:
        waiting.extend(events)
        for _ in batched(events, EVENTS_AT_ONCE, strict=False):
            self._thread.submit(self._next_batch)

    def _next_batch(self) -> None:
        """Finish one batch; a call that comes late may find that an earlier one has taken its events along."""
        if new := _taken(self._new):
            self._try(self._finishing.finish, new)
        elif stored := _taken(self._stored):
            self._try(self._finishing.finish_stored, stored)

    def _try(self, finish: Callable[[Sequence[JobEvent]], None], events: Sequence[JobEvent]) -> None:
        left = (self._until - self._clock.now()).total_seconds()
        if left < 0:
            return
        try:
            with retrying_for(left):
                finish(events)
        except StorageError as error:
            _log.warning("finished jobs are left to the next tick: %s", error)
        except Exception:  # noqa: BLE001 - nobody waits for this thread's result, so it is said here or nowhere
            _log.exception("finishing jobs failed unexpectedly")
            # One job that cannot be finished must not hold back the others.
            for event in events if len(events) > 1 else ():
                self._try(finish, [event])


def _taken(waiting: deque[JobEvent]) -> list[JobEvent]:
    return [waiting.popleft() for _ in range(min(len(waiting), EVENTS_AT_ONCE))]
