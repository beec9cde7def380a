"""Which pending jobs a cycle asks about, in which order, and which of them are worth waiting for."""

import heapq
from collections.abc import Iterable
from datetime import datetime, timedelta

from shared.jobs.job_rows import PendingRow

# How long an otherwise idle cycle waits for a job whose minute is not quite over. A job polled once a tick comes due
# a little later in each, by the time upstream took to answer. While it is new, its minute matters more than the cost
# of waiting; one that has been pending for hours rather skips to the start of the next tick (`docs/deployment.md` has
# the arithmetic).
NEW_JOB_AGE = timedelta(hours=1)
WAIT_FOR_NEW_JOB = timedelta(seconds=20)
WAIT_FOR_OLD_JOB = timedelta(seconds=3)


class DueJobs:
    """The jobs that come due before `last_request_at`, those that have waited longest first."""

    def __init__(self, rows: Iterable[PendingRow], last_request_at: datetime) -> None:
        self._last_request_at = last_request_at
        # The job id orders jobs that are due at the same moment, so that rows themselves are never compared.
        self._heap = [
            (row.job.next_poll_at, row.job.job_id, row) for row in rows if row.job.next_poll_at <= last_request_at
        ]
        heapq.heapify(self._heap)

    def __len__(self) -> int:
        return len(self._heap)

    def take(self, now: datetime, limit: int) -> list[PendingRow]:
        """Up to `limit` jobs that may be asked now."""
        taken: list[PendingRow] = []
        while self._heap and len(taken) < limit and self._heap[0][0] <= now:
            taken.append(heapq.heappop(self._heap)[2])
        return taken

    def due_count(self, now: datetime) -> int:
        """How many may be asked now."""
        return sum(next_poll_at <= now for next_poll_at, _, _ in self._heap)

    def worth_a_start(self, now: datetime) -> bool:
        """Whether any job may be asked now, or comes due soon enough to be waited for."""
        return self.due_count(now) > 0 or self.wait_for_next(now) is not None

    def wait_for_next(self, now: datetime) -> timedelta | None:
        """How long until the next job may be asked; None if there is none, or none worth an idle wait."""
        waits = [
            next_poll_at - now
            for next_poll_at, _, row in self._heap
            if next_poll_at - now <= _patience(row, now) and next_poll_at <= self._last_request_at
        ]
        return max(min(waits), timedelta(0)) if waits and now <= self._last_request_at else None


def _patience(row: PendingRow, now: datetime) -> timedelta:
    return WAIT_FOR_NEW_JOB if now - row.job.registered_at < NEW_JOB_AGE else WAIT_FOR_OLD_JOB
