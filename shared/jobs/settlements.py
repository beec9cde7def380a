"""Settling while a cycle goes on: finished jobs and stalled ones, on one thread beside the cycle's own."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Self

from shared.clock import Clock
from shared.jobs.job_rows import PendingRow
from shared.jobs.outbox import Outbox
from shared.jobs.pending_jobs import OutboxRow
from shared.storage.errors import StorageError
from shared.threads import InvocationThreadPool

_log = logging.getLogger("offer_monitor.jobs")


class Settlements:
    """Settles what it is given, in order. What fails, or would begin after `until`, is left to the next tick."""

    def __init__(self, outbox: Outbox, clock: Clock, *, until: datetime) -> None:
        self._outbox = outbox
        self._clock = clock
        self._until = until
        self._thread = InvocationThreadPool(1, thread_name_prefix="settle")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    def finished(self, rows: Sequence[OutboxRow]) -> None:
        """Settle jobs that have just finished."""
        if rows:
            self._thread.submit(self._unless_late, partial(self._outbox.settle, rows))

    def left_over(self, rows: Sequence[OutboxRow]) -> None:
        """Settle outbox rows that an earlier cycle did not get to."""
        if rows:
            self._thread.submit(self._unless_late, partial(self._outbox.settle_left_over, rows))

    def stalled(self, rows: Sequence[PendingRow]) -> None:
        """Announce jobs that were flagged as stalled."""
        for row in rows:
            self._thread.submit(self._unless_late, partial(self._outbox.announce_stalled, row))

    def _unless_late(self, settle: Callable[[], None]) -> None:
        if self._clock.now() > self._until:
            return
        try:
            settle()
        except StorageError as error:
            _log.warning("settling is left to the next tick: %s", error)
        except Exception:  # noqa: BLE001 - nobody waits for this thread's result, so it is said here or nowhere
            _log.exception("settling failed unexpectedly and is left to the next tick")
