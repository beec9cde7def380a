"""Statistics by UTC day: the finished jobs, the status requests, and how many of these failed.

The polls of a tick count on the day on which the tick began: the row `day~<YYYY-MM-DD>` of the `monitor` partition
changes in the transaction that stores the tick's report. Manual checks have rows of their own, `checks~<YYYY-MM-DD>`,
so that many of them cannot keep a tick from storing its report.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import TypedDict

from shared.clock import Clock
from shared.jobs.finish_counts import FinishCounts, Finishes
from shared.jobs.job import JobState
from shared.polling.report import CycleReport
from shared.storage.days import DayRows
from shared.storage.errors import RowChanged, StorageError
from shared.storage.partition import Partition
from shared.storage.rows import count
from shared.storage.table import Change

# How many times to count a check when other instances count theirs first. One of them gets on each time.
WRITE_TRIES = 50
_log = logging.getLogger("offer_monitor.monitor")


@dataclass(frozen=True)
class Polls:
    """The polls of a day: all, and those of them that failed."""

    polls: int = 0
    failed: int = 0

    def __add__(self, other: "Polls") -> "Polls":
        return Polls(self.polls + other.polls, self.failed + other.failed)


@dataclass(frozen=True)
class CountedPolls:
    """A tick's polls added to those of its day: the change that stores it, if the row is as it was read."""

    change: Change
    day: date
    polls: Polls


class PollCounts:
    """Counts polls. Thread-safe."""

    def __init__(self, partition: Partition) -> None:
        """`partition` is that of the monitor's state."""
        self._table = partition.table
        self._ticks = _rows(partition, "day")
        self._checks = _rows(partition, "checks")
        # The threads of a process would only make each other read the row again.
        self._counting = Lock()

    def with_tick(self, report: CycleReport) -> CountedPolls | None:
        """What a tick adds; None for one that polled nothing. Raises StorageError."""
        if not report.polled:
            return None
        before = self._ticks.get(_day(report.started_at))
        polls = before.figures + Polls(report.polled, report.failed_of_polled)
        return CountedPolls(self._ticks.change(before, polls), before.day, polls)

    def stored(self, counted: CountedPolls, etag: str) -> None:
        """Remember what the change has stored."""
        self._ticks.written(counted.day, counted.polls, etag)

    def not_stored(self, counted: CountedPolls) -> None:
        """Read the day again, since its row may have changed. Raises StorageError."""
        self._ticks.read_again(counted.day)

    def count_check(self, at: datetime, *, failed: bool) -> None:
        """Count the poll of a manual check. If storage does not take it, that is logged: it is only a count."""
        try:
            with self._counting:
                self._count_check(_day(at), Polls(1, int(failed)))
        except StorageError as error:
            _log.warning("a manual check is not counted: %s", error)

    def _count_check(self, day: date, polls: Polls) -> None:
        before = self._checks.get(day)
        for _ in range(WRITE_TRIES):
            figures = before.figures + polls
            try:
                [etag] = self._table.commit([self._checks.change(before, figures)])
            except RowChanged:
                before = self._checks.read_again(day)
            else:
                self._checks.written(day, figures, etag)
                return
        raise RowChanged("other instances kept counting theirs")

    def between(self, first: date, last: date) -> dict[date, Polls]:
        """The polls of the days from `first` to `last` on which there were any. Raises StorageError."""
        polls = self._ticks.between(first, last)
        for day, checks in self._checks.between(first, last).items():
            polls[day] = polls.get(day, Polls()) + checks
        return polls

    def remove_all_but(self, first: date, last: date, *, has_time: Callable[[], bool]) -> int:
        """Delete the rows of all days before `first` and after `last`; returns how many. Raises StorageError."""
        return sum(rows.remove_all_but(first, last, has_time=has_time) for rows in (self._ticks, self._checks))


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _rows(partition: Partition, kind: str) -> DayRows[Polls]:
    return DayRows(
        partition,
        kind,
        empty=Polls(),
        read=lambda row: Polls(count(row, "polls"), count(row, "failedPolls")),
        columns=lambda polls: {"polls": polls.polls, "failedPolls": polls.failed},
    )


MOST_DAYS = 90
# A few more than can be asked for.
DAYS_KEPT = 100


class DayStats(TypedDict):
    """One UTC day. A job counts on the day on which it finished, and a poll on the day on which its tick began.

    `medianSeconds` and `p95Seconds` are from registration to the end, and null if no job finished. The median of an
    even number of jobs is the mean of the two in the middle; 95 % of the jobs took `p95Seconds` or less, which is the
    time of one of them (the nearest rank). Beyond 1,500 different times on one day they are rounded by up to half a
    percent. `polls` includes those that failed.
    """

    date: str
    succeeded: int
    failed: int
    cancelled: int
    lost: int
    expired: int
    medianSeconds: float | None
    p95Seconds: int | None
    polls: int
    failedPolls: int


class Stats:
    """Reads what was counted, and removes what nobody can ask for any more. Methods raise StorageError."""

    def __init__(self, *, finish_counts: FinishCounts, poll_counts: PollCounts, clock: Clock) -> None:
        self._finish_counts = finish_counts
        self._poll_counts = poll_counts
        self._clock = clock

    def days(self, number: int) -> list[DayStats]:
        """The last days, today the last of them: every day, also one on which nothing happened."""
        today = self._clock.now().astimezone(UTC).date()
        first = today - timedelta(days=number - 1)
        finishes = self._finish_counts.days.between(first, today)
        polls = self._poll_counts.between(first, today)
        days = [first + timedelta(days=after) for after in range(number)]
        return [_stats(day, finishes.get(day, Finishes()), polls.get(day, Polls())) for day in days]

    def remove_old(self, now: datetime, *, has_time: Callable[[], bool]) -> int:
        """Remove the days of more than DAYS_KEPT days ago, and those to come; returns how many rows."""
        today = now.astimezone(UTC).date()
        # The clocks of two instances may differ: tomorrow may have begun on another.
        kept = today - timedelta(days=DAYS_KEPT), today + timedelta(days=1)
        removed = self._finish_counts.days.remove_all_but(*kept, has_time=has_time)
        return removed + self._poll_counts.remove_all_but(*kept, has_time=has_time)


def _stats(day: date, finishes: Finishes, polls: Polls) -> DayStats:
    states = finishes.states
    return DayStats(
        date=day.isoformat(),
        succeeded=states.get(JobState.SUCCEEDED, 0),
        failed=states.get(JobState.FAILED, 0),
        cancelled=states.get(JobState.CANCELLED, 0),
        lost=states.get(JobState.LOST, 0),
        expired=states.get(JobState.EXPIRED, 0),
        medianSeconds=finishes.durations.median,
        p95Seconds=finishes.durations.percentile(95),
        polls=polls.polls,
        failedPolls=polls.failed,
    )
