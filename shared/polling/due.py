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
# A cycle reads on while fewer jobs than this may be asked now: enough for seconds of polling.
ENOUGH_JOBS = 2_000
# Jobs held in memory at most, those included that come due later in the cycle.
MOST_JOBS = 10_000


class DueJobs:
    """The jobs that come due before `last_request_at`, those that have waited longest first."""

    def __init__(self, last_request_at: datetime) -> None:
        self.last_request_at = last_request_at
        # Each with its number in the order of adding, so that rows themselves are never compared.
        self._heap: list[tuple[datetime, int, PendingRow]] = []
        self._added = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, rows: Iterable[PendingRow]) -> None:
        """Take in the rows that come due in time."""
        for row in rows:
            if row.job.next_poll_at <= self.last_request_at:
                self._added += 1
                heapq.heappush(self._heap, (row.job.next_poll_at, self._added, row))

    def take(self, now: datetime, limit: int) -> list[PendingRow]:
        """Up to `limit` jobs that may be asked now."""
        taken: list[PendingRow] = []
        while self._heap and len(taken) < limit and self._heap[0][0] <= now:
            taken.append(heapq.heappop(self._heap)[2])
        return taken

    def due_count(self, now: datetime) -> int:
        """How many may be asked now."""
        return sum(next_poll_at <= now for next_poll_at, _, _ in self._heap)

    def enough(self, now: datetime) -> bool:
        """Whether there is no need, or no room, to read further."""
        return len(self) >= MOST_JOBS or (len(self) >= ENOUGH_JOBS and self.due_count(now) >= ENOUGH_JOBS)

    def now_due(self, now: datetime) -> list[PendingRow]:
        """The jobs that may be asked now."""
        return [row for next_poll_at, _, row in self._heap if next_poll_at <= now]

    def worth_a_start(self, now: datetime) -> bool:
        """Whether any job may be asked now, or comes due soon enough to be waited for."""
        return bool(self._heap and self._heap[0][0] <= now) or self.wait_for_next(now) is not None

    def wait_for_next(self, now: datetime) -> timedelta | None:
        """How long until the next job may be asked; None if there is none, or none worth an idle wait."""
        waits = [
            next_poll_at - now for next_poll_at, _, row in self._heap if next_poll_at - now <= _patience(row, now)
        ]
        return max(min(waits), timedelta(0)) if waits and now <= self.last_request_at else None


def _patience(row: PendingRow, now: datetime) -> timedelta:
    return WAIT_FOR_NEW_JOB if now - row.job.registered_at < NEW_JOB_AGE else WAIT_FOR_OLD_JOB
