"""Which pending jobs a cycle polls, and in which order: the partition as it is read, and the jobs that come due."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.events.outbox import OUTBOX_PREFIX
from shared.jobs.finishing import Finishing, FinishingThread
from shared.jobs.job import POLL_SPACING
from shared.jobs.job_rows import PendingRow
from shared.jobs.pending_jobs import PendingJobs, PendingPage
from shared.jobs.poll_spacing import PollSpacing
from shared.jobs.set_aside import RowRepair
from shared.polling.report import CycleReport
from shared.storage.retrying import retrying_for

# How long an otherwise idle cycle waits for a job whose minute is not quite over. A job polled once a tick comes due
# a little later in each tick, by the time upstream took to answer. While a job is new, polling it every minute
# matters more than the cost of waiting; one that has been pending for hours skips to the start of the next tick
# (`docs/deployment.md` has the arithmetic).
NEW_JOB_AGE = timedelta(hours=1)
WAIT_FOR_NEW_JOB = timedelta(seconds=20)
WAIT_FOR_OLD_JOB = timedelta(seconds=3)
# Reading pauses while this many jobs are due: they are enough for seconds of polling.
ENOUGH_DUE_JOBS = 2_000
# The most jobs held in memory, including those that come due later in the cycle.
MOST_JOBS = 10_000
# While storage fails, reading and claiming are retried for this long.
STORAGE_MAY_FAIL_SECONDS = 20.0


class DueJobs:
    """The jobs that come due before `last_request_at`, those that have waited longest first."""

    def __init__(self, last_request_at: datetime) -> None:
        self.last_request_at = last_request_at
        self._rows: list[PendingRow] = []  # sorted by the moment at which they come due

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, rows: Iterable[PendingRow]) -> None:
        """Keep the rows that come due in time."""
        self._rows += [row for row in rows if _due_at(row) <= self.last_request_at]
        self._rows.sort(key=_due_at)  # two sorted parts: this costs little more than one pass

    def due(self, now: datetime) -> list[PendingRow]:
        """The jobs that may be polled now."""
        return self._rows[: self._count(now)]

    def take(self, now: datetime, limit: int) -> list[PendingRow]:
        """Remove and return up to `limit` jobs that may be polled now."""
        count = min(self._count(now), limit)
        taken = self._rows[:count]
        del self._rows[:count]
        return taken

    def full(self, now: datetime) -> bool:
        """Whether there is no need, or no room, for more jobs."""
        return len(self) >= MOST_JOBS or self._count(now) >= ENOUGH_DUE_JOBS

    def wait(self, now: datetime) -> timedelta | None:
        """How long until the next job may be polled; None if no job is worth waiting for."""
        if now > self.last_request_at:
            return None
        worthwhile = (row for row in self._rows if _due_at(row) - now <= _longest_wait(row, now))
        first = next(worthwhile, None)
        return None if first is None else max(_due_at(first) - now, timedelta(0))

    def _count(self, now: datetime) -> int:
        return bisect_right(self._rows, now, key=_due_at)


@dataclass(frozen=True, kw_only=True)
class PollStores:
    """The stores that a cycle reads and writes."""

    pending: PendingJobs
    row_repair: RowRepair
    poll_spacing: PollSpacing
    finishing: Finishing


class PendingReader:
    """Reads the `pending` partition page by page, as a cycle needs more jobs, and keeps those that come due.

    If the partition is too large for one cycle, `next_start` says where the next one should begin.
    """

    def __init__(
        self,
        stores: PollStores,
        finishing: FinishingThread,
        report: CycleReport,
        clock: Clock,
        *,
        last_request_at: datetime,
        start_at: str,
    ) -> None:
        self._stores = stores
        self._finishing = finishing
        self._report = report
        self._clock = clock
        self._start_at = start_at
        self._pages = stores.pending.pages(start_at=start_at)
        self._last_key = start_at
        self._returned_keys: list[str] = []
        self.due = DueJobs(last_request_at)
        self.read_all = False

    def read_page(self) -> bool:
        """Read the next page. False if it is not needed now, too late, or if there is none. Raises StorageError."""
        now = self._clock.now()
        if self.read_all or now > self.due.last_request_at or self.due.full(now):
            return False
        with retrying_for(STORAGE_MAY_FAIL_SECONDS):
            page = next(self._pages, None)
            if page is None:
                self.read_all = True
                return False
            if page.last_key and not page.last_key.startswith(OUTBOX_PREFIX):
                self._last_key = page.last_key
            self.due.add(self._pollable(page))
        return True

    def read_again(self, rows: Sequence[PendingRow]) -> None:
        """Read again rows that others have changed, and keep those that still come due."""
        self.due.add(self._not_before_their_minute(self._stores.pending.reread(rows)))

    def return_unpolled(self, row: PendingRow) -> None:
        """Note that a job was taken from the due ones and could not be polled."""
        self._returned_keys.append(row.row_key)

    def next_start(self, now: datetime) -> str:
        """The row key from which the next cycle should read.

        That is the first job that this cycle read and could not poll, or else the end of what it read. Empty if it
        read everything: then the jobs that have waited longest come first in any case.
        """
        if self.read_all:
            return ""
        left = [row.row_key for row in self.due.due(now)] + self._returned_keys
        return min(left, key=lambda key: (key < self._start_at, key), default=self._last_key)

    def _pollable(self, page: PendingPage) -> list[PendingRow]:
        """The jobs of a page that may be polled. Its events go to the finishing thread; bad rows are set aside."""
        self._finishing.finish_stored(page.events)
        self._report.set_aside += len(page.bad)
        self._stores.row_repair.set_aside(page.bad)
        rows = self._stores.row_repair.in_present(self._stores.row_repair.in_lower_case(page.rows))
        for row in rows:
            self._report.count_pending(row)
        return self._not_before_their_minute(rows)

    def _not_before_their_minute(self, rows: Sequence[PendingRow]) -> list[PendingRow]:
        """The rows; a job without a poll comes due later if upstream was asked about it before its row was there."""
        if not any(row.never_polled for row in rows):
            return list(rows)
        # Both are read after the rows, and in this order: see `poll_spacing.py`. The first knows the jobs that were
        # put back into `pending` after they had finished, the second those that were looked up or removed.
        now = self._clock.now()
        polled = self._stores.finishing.last_polls(now - 2 * POLL_SPACING)
        after_finish = {job_id: last_poll + POLL_SPACING for job_id, last_poll in polled.items()}
        remembered = self._stores.poll_spacing.recent(now)
        return [_delayed(row, after_finish.get(row.job.job_id), remembered.get(row.job.job_id)) for row in rows]


def _delayed(row: PendingRow, *moments: datetime | None) -> PendingRow:
    """The row, due at the latest of these moments if its job was never polled."""
    earliest = max([_due_at(row), *(moment for moment in moments if moment is not None)])
    if not row.never_polled or earliest == _due_at(row):
        return row
    return replace(row, job=replace(row.job, next_poll_at=earliest))


def _due_at(row: PendingRow) -> datetime:
    return row.job.next_poll_at


def _longest_wait(row: PendingRow, now: datetime) -> timedelta:
    return WAIT_FOR_NEW_JOB if now - row.job.registered_at < NEW_JOB_AGE else WAIT_FOR_OLD_JOB
