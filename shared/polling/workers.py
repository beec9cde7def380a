"""The threads that ask upstream. They share nothing but a queue of results; all storage is the cycle's."""

import logging
import queue
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from shared.clock import Clock
from shared.jobs.job_rows import PendingRow
from shared.log import InvocationThreadPool
from shared.polling.large_answers import Turn
from shared.polling.poller import SHORTEST_TIMEOUT_SECONDS, JobPoller, Poll, ends_the_cycle

# Results of about the same time share a transaction. In so long, 80 jobs a second that finish fill one.
LINGER_SECONDS = 0.6
_log = logging.getLogger("offer_monitor.jobs")


@dataclass(frozen=True)
class PolledRow:
    """A claimed row and what its poll did; no poll if its thread was ended: the claim stands then.

    `turn` is given back when the result is stored; `was_large` tells whether it was needed.
    """

    row: PendingRow
    poll: Poll | None
    turn: Turn
    was_large: bool = False

    @property
    def rows_to_write(self) -> int:
        """A finished job is deleted as one row and inserted as another."""
        return 1 if self.poll is None or self.poll.job.pending else 2


class PollWorkers:
    """Asks upstream about claimed jobs, `concurrency` at once. Used by one thread, as a context manager."""

    def __init__(self, poller: JobPoller, clock: Clock, *, concurrency: int) -> None:
        self._poller = poller
        self._clock = clock
        self._executor = InvocationThreadPool(concurrency, thread_name_prefix="poll")
        self._results: queue.SimpleQueue[PolledRow] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self.concurrency = concurrency
        self.in_flight = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._executor.shutdown()
        while not self._results.empty():  # nobody has fetched these: the cycle has failed
            self._results.get().turn.give_back()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        """Ask upstream nothing more; requests under way end by themselves, jobs still waiting come back unasked."""
        self._stopped.set()

    def submit(self, row: PendingRow, *, send_by: datetime, answer_by: datetime) -> None:
        """Poll a claimed job, unless its turn comes after `send_by`."""
        self.in_flight += 1
        self._executor.submit(self._poll, row, send_by, answer_by)

    def results(self, rows_max: int) -> list[PolledRow]:
        """What has come back: lingers for others of about the same time, until `rows_max` rows are to be written.

        A large answer is not kept waiting: others wait for its place in memory.
        """
        found: list[PolledRow] = []
        until = time.monotonic() + LINGER_SECONDS
        rows = 0
        while self.in_flight and rows < rows_max - 1:  # the next one may be two
            try:
                found.append(self._results.get(timeout=max(until - time.monotonic(), 0)))
            except queue.Empty:
                break
            self.in_flight -= 1
            rows += found[-1].rows_to_write
            if found[-1].was_large:
                break
        return found

    def _poll(self, row: PendingRow, send_by: datetime, answer_by: datetime) -> None:
        poll: Poll | None = None
        turn = self._poller.turn()
        try:
            now = self._clock.now()
            too_late = now > send_by or (answer_by - now).total_seconds() < SHORTEST_TIMEOUT_SECONDS
            if self.stopped or too_late:
                poll = Poll(row.job, asked=False)
            else:
                poll = self._poller.poll(row.job, answer_by=answer_by, turn=turn)
                if poll.error is not None and ends_the_cycle(poll.error):
                    self.stop()  # here and now: the owner learns of it only with the result
        except Exception:  # noqa: BLE001 - one job that fails in a way nobody foresaw must stop no other
            _log.exception("polling job %s failed unexpectedly", row.job.job_id)
            poll = self._poller.failed_unexpectedly(row.job)
        finally:
            self._results.put(PolledRow(row, poll, turn, turn.taken))
