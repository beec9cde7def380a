"""The threads of a cycle that send requests to upstream. They share a queue of results and touch no storage."""

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
from shared.polling.poller import SHORTEST_TIMEOUT_SECONDS, JobPoller, LargeAnswerPermit, Poll, ends_the_cycle

# How long results wait for others to share a transaction with. At 80 finishing jobs a second, this fills one.
GATHER_SECONDS = 0.6
_log = logging.getLogger("offer_monitor.jobs")


@dataclass(frozen=True)
class PolledRow:
    """A claimed row and what its poll did; None if it died without a result, and then the claim has to expire.

    The permit is released when the result is stored.
    """

    row: PendingRow
    poll: Poll | None
    permit: LargeAnswerPermit

    @property
    def rows_to_write(self) -> int:
        """A finished job is deleted as one row and inserted as another."""
        return 1 if self.poll is None or self.poll.job.pending else 2


class PollWorkers:
    """Polls claimed jobs on `concurrency` threads. One thread uses it, as a context manager.

    No request is sent after `send_by`, and no answer is waited for after `answer_by`.
    """

    def __init__(
        self, poller: JobPoller, clock: Clock, *, concurrency: int, send_by: datetime, answer_by: datetime
    ) -> None:
        self._poller = poller
        self._clock = clock
        self._executor = InvocationThreadPool(concurrency, thread_name_prefix="poll")
        self._results: queue.SimpleQueue[PolledRow] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self.concurrency = concurrency
        self.send_by = send_by
        self.answer_by = answer_by
        self.in_flight = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._executor.shutdown()
        while not self._results.empty():  # the cycle failed before it fetched these
            self._results.get().permit.release()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        """Send no more requests. Those under way end by themselves; jobs still waiting come back unpolled."""
        self._stopped.set()

    def submit(self, row: PendingRow) -> None:
        """Poll a claimed job as soon as a thread is free."""
        self.in_flight += 1
        self._executor.submit(self._poll, row)

    def results(self, rows_max: int) -> list[PolledRow]:
        """Results so far, gathered for a moment or until `rows_max` rows are to be written.

        A large answer is returned at once: others wait for its place in memory.
        """
        found: list[PolledRow] = []
        until = time.monotonic() + GATHER_SECONDS
        rows = 0
        while self.in_flight and rows < rows_max - 1:  # the next result may need two rows
            try:
                found.append(self._results.get(timeout=max(until - time.monotonic(), 0)))
            except queue.Empty:
                break
            self.in_flight -= 1
            rows += found[-1].rows_to_write
            if found[-1].permit.used:
                break
        return found

    def _poll(self, row: PendingRow) -> None:
        permit = self._poller.permit()
        poll: Poll | None = None
        try:
            poll = self._poll_in_time(row, permit)
        except Exception:  # noqa: BLE001 - one job that fails in an unforeseen way must not stop the others
            _log.exception("polling job %s failed unexpectedly", row.job.job_id)
            poll = self._poller.failed_unexpectedly(row.job)
        finally:
            self._results.put(PolledRow(row, poll, permit))

    def _poll_in_time(self, row: PendingRow, permit: LargeAnswerPermit) -> Poll:
        now = self._clock.now()
        too_late = now > self.send_by or (self.answer_by - now).total_seconds() < SHORTEST_TIMEOUT_SECONDS
        if self.stopped or too_late:
            return Poll(row.job, asked=False)
        poll = self._poller.poll(row.job, answer_by=self.answer_by, permit=permit)
        if poll.error is not None and ends_the_cycle(poll.error):
            self.stop()  # at once: the cycle's own thread sees the result only later
        return poll
