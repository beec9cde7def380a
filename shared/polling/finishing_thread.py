"""Settling while a cycle goes on, on one thread beside the cycle's own.

Jobs that have just finished come first, since their events are awaited; then what earlier cycles left behind; then
jobs flagged as stalled. All of it piece by piece, as many to a piece as came meanwhile: a piece costs about the same
requests however many jobs it holds.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import batched
from types import TracebackType
from typing import Self

from shared.clock import Clock
from shared.jobs.finishing import Outbox
from shared.jobs.job_rows import PendingRow
from shared.jobs.results import OutboxRow
from shared.log import InvocationThreadPool
from shared.storage.errors import StorageError
from shared.storage.retrying import retrying_for

# Two rows of history for each: a piece fits into two transactions.
JOBS_IN_A_PIECE = 100
_log = logging.getLogger("offer_monitor.jobs")


class FinishingThread:
    """Settles what it is given. What fails, or would begin after `until`, is left to the next tick."""

    def __init__(self, outbox: Outbox, clock: Clock, *, until: datetime) -> None:
        self._outbox = outbox
        self._clock = clock
        self._until = until
        self._thread = InvocationThreadPool(1, thread_name_prefix="settle")
        self._finished: deque[OutboxRow] = deque()
        self._left_over: deque[OutboxRow] = deque()
        self._stalled: deque[PendingRow] = deque()
        #: Ids of the stalled events that are on their way: their rows need not name them any longer.
        self.announced: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    def finished(self, rows: Sequence[OutboxRow]) -> None:
        """Settle jobs that have just finished."""
        self._add(self._finished, rows)

    def left_over(self, rows: Sequence[OutboxRow]) -> None:
        """Settle outbox rows that an earlier cycle did not get to."""
        self._add(self._left_over, rows)

    def stalled(self, rows: Sequence[PendingRow]) -> None:
        """Announce jobs that were flagged as stalled."""
        self._add(self._stalled, rows)

    def _add[Item](self, waiting: deque[Item], items: Sequence[Item]) -> None:
        waiting.extend(items)
        for _ in batched(items, JOBS_IN_A_PIECE, strict=False):
            self._thread.submit(self._next_piece)

    def _next_piece(self) -> None:
        """Settle one piece of what waits; a call that comes late may find that an earlier one has taken it along."""
        if finished := _taken(self._finished):
            self._settle(self._outbox.settle, finished)
        elif left_over := _taken(self._left_over):
            self._settle(self._outbox.settle_left_over, left_over)
        elif stalled := _taken(self._stalled):
            self._settle(self._announce_stalled, stalled)

    def _announce_stalled(self, rows: Sequence[PendingRow]) -> None:
        self._outbox.announce_stalled(rows)
        self.announced |= {row.stalled_event_id for row in rows if row.stalled_event_id is not None}

    def _settle[Item](self, settle: Callable[[Sequence[Item]], None], items: Sequence[Item]) -> None:
        left = (self._until - self._clock.now()).total_seconds()
        if left < 0:
            return
        try:
            with retrying_for(left):
                settle(items)
        except StorageError as error:
            _log.warning("settling is left to the next tick: %s", error)
        except Exception:  # noqa: BLE001 - nobody waits for this thread's result, so it is said here or nowhere
            _log.exception("settling failed unexpectedly")
            # One job that cannot be settled must not hold back those beside it.
            for item in items if len(items) > 1 else ():
                self._settle(settle, [item])


def _taken[Item](waiting: deque[Item]) -> list[Item]:
    return [waiting.popleft() for _ in range(min(len(waiting), JOBS_IN_A_PIECE))]
