"""What the monitor has done, day by day: jobs that finished, how long they took, and polls."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TypedDict

from shared.clock import Clock
from shared.jobs.finish_counts import FinishCounts, Finishes
from shared.jobs.job import JobState
from shared.monitor.poll_counts import PollCounts, Polls

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
