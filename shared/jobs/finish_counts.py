"""How many jobs finished on each UTC day, by state, and how many seconds they took.

A day's row changes in the transaction that stores the records which it counts. Seconds are exact up to MOST_DIFFERENT
different values. Beyond that they are rounded to steps of 1 %, and of 2 %, 4 % and so on if these are still too many.
"""

import logging
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import accumulate, batched, islice
from threading import Lock
from typing import Any

from shared.jobs.job import Job, JobState
from shared.storage.days import DayRows
from shared.storage.errors import ChangeRefused, RowChanged
from shared.storage.partition import Partition
from shared.storage.rows import HIGHEST_COUNT, BadRow, count, text
from shared.storage.table import TRANSACTION_MAX_ROWS, Change, Committed, Row
from shared.storage.transactions import batches

# With the longest numbers 30,000 characters: a column holds 32 K.
MOST_DIFFERENT = 1_500
# Three years; no job is followed for longer than ten, and hardly one for a month.
MOST_SECONDS = 99_999_999
FIRST_STEP = 0.01
# From here on a second is less than half a step of 1 %; what is smaller stays exact.
EXACT_BELOW_SECONDS = 200
_ENTRY = re.compile(r"([0-9]{1,8}):([0-9]{1,10})", re.ASCII)


@dataclass(frozen=True)
class Durations:
    """How many jobs took each number of seconds."""

    counts: Mapping[int, int] = field(default_factory=dict)

    def plus(self, seconds: Iterable[float]) -> "Durations":
        """With some more, each to the nearest second."""
        counts = Counter(self.counts)
        counts.update(min(max(round(each), 0), MOST_SECONDS) for each in seconds)
        step = FIRST_STEP
        while len(counts) > MOST_DIFFERENT:
            coarse: Counter[int] = Counter()
            for each, how_many in counts.items():
                coarse[_rounded(each, step)] += how_many
            counts, step = coarse, 2 * step
        return Durations(counts)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def median(self) -> float | None:
        """The middle one, or the mean of the two in the middle; None without any."""
        if not self.total:
            return None
        lower, upper = self._at((self.total + 1) // 2), self._at(self.total // 2 + 1)
        return lower if lower == upper else (lower + upper) / 2

    def percentile(self, percent: int) -> int | None:
        """The smallest that is not less than `percent` of all (the nearest rank); None without any."""
        return self._at(math.ceil(self.total * percent / 100)) if self.total else None

    def _at(self, rank: int) -> int:
        """The one of that rank, from 1, the shortest first."""
        ordered = sorted(self.counts)
        ranks = accumulate(self.counts[each] for each in ordered)
        return next(each for each, last in zip(ordered, ranks, strict=True) if rank <= last)

    @property
    def text(self) -> str:
        """For a column: `seconds:count`, separated by commas."""
        return ",".join(f"{each}:{count}" for each, count in sorted(self.counts.items()))


def durations_in(text: str) -> Durations:
    """Read such a text. Raises BadRow."""
    counts: Counter[int] = Counter()
    for entry in text.split(",") if text else ():
        found = _ENTRY.fullmatch(entry)
        if found is None or not 0 < int(found[2]) < HIGHEST_COUNT:
            raise BadRow("its seconds are not numbers of seconds with their counts")
        counts[int(found[1])] += int(found[2])
    return Durations(counts).plus([])


def _rounded(seconds: int, step: float) -> int:
    """In the middle of a step; rounding again changes nothing."""
    if seconds < EXACT_BELOW_SECONDS:
        return seconds
    width = math.log1p(step)
    return min(round(math.exp(round(math.log(seconds) / width) * width)), MOST_SECONDS)


FINAL_STATES = tuple(state for state in JobState if state is not JobState.PENDING)
# How many times to record jobs when other instances count theirs first. One of them gets on each time.
WRITE_TRIES = 16
_log = logging.getLogger("offer_monitor.jobs")


@dataclass(frozen=True)
class Finishes:
    """The jobs that finished on one day."""

    states: Mapping[JobState, int] = field(default_factory=dict)
    durations: Durations = field(default_factory=Durations)

    def plus(self, jobs: Sequence[Job]) -> "Finishes":
        """With some more."""
        states = Counter(self.states)
        states.update(job.state for job in jobs)
        return Finishes(states, self.durations.plus(_seconds(job) for job in jobs))


class FinishCounts:
    """Counts finished jobs with the rows that record them. Thread-safe. Methods raise StorageError."""

    def __init__(self, partition: Partition) -> None:
        """`partition` is that of the records."""
        self._table = partition.table
        self.days = DayRows[Finishes](partition, "day", empty=Finishes(), read=_finishes, columns=_columns)
        # One transaction at a time: the threads of a process would only make each other read the row again.
        self._committing = Lock()

    def commit_each(self, finishes: Sequence[tuple[Job, Sequence[Change]]]) -> list[Committed]:
        """Write each job's changes, and count it, in as few transactions as these fit into.

        As `Table.commit_each`: for each job its new ETags, or the error for which it is neither recorded nor counted.
        """
        by_day: dict[date, list[int]] = {}
        for place, (job, _) in enumerate(finishes):
            by_day.setdefault(_day(job), []).append(place)
        results: dict[int, Committed] = {}
        for day, places in by_day.items():
            upcoming = iter(places)
            # One row of the transaction is the day's.
            for groups in batches([finishes[at][1] for at in places], rows_at_most=TRANSACTION_MAX_ROWS - 1):
                batch = list(islice(upcoming, len(groups)))
                results |= zip(batch, self._commit_batch(day, [finishes[at] for at in batch]), strict=True)
        return [results[place] for place in range(len(finishes))]

    def _commit_batch(self, day: date, batch: Sequence[tuple[Job, Sequence[Change]]]) -> list[Committed]:
        with self._committing:
            result = self._commit(day, batch)
        if isinstance(result, list):
            etags = iter(result)
            return [list(islice(etags, len(changes))) for _, changes in batch]
        if len(batch) == 1:
            if isinstance(result, ChangeRefused):
                _log.error("job %s stays in the outbox: %s", batch[0][0].job_id, result)
            return [result]
        middle = (len(batch) + 1) // 2
        return [one for half in batched(batch, middle, strict=False) for one in self._commit_batch(day, half)]

    def _commit(self, day: date, batch: Sequence[tuple[Job, Sequence[Change]]]) -> Committed:
        """Write all of the batch or none; an error that is not about the day's row is returned."""
        jobs = [job for job, _ in batch]
        changes = [change for _, of_job in batch for change in of_job]
        for _ in range(WRITE_TRIES):
            before = self.days.get(day)
            figures = before.figures.plus(jobs)
            try:
                *etags, etag_of_day = self._table.commit([*changes, self.days.change(before, figures)])
            except ChangeRefused as refused:
                return refused
            except RowChanged as changed:
                if self.days.read_again(day).etag == before.etag:
                    return changed
            else:
                self.days.written(day, figures, etag_of_day)
                return etags
        return RowChanged("other instances kept counting their finished jobs")


def _day(job: Job) -> date:
    return _finished_at(job).astimezone(UTC).date()


def _finished_at(job: Job) -> datetime:
    return job.finished_at or job.registered_at


def _seconds(job: Job) -> float:
    return (_finished_at(job) - job.registered_at).total_seconds()


def _finishes(row: Row) -> Finishes:
    return Finishes({state: count(row, state) for state in FINAL_STATES}, durations_in(text(row, "seconds") or ""))


def _columns(finishes: Finishes) -> Mapping[str, Any]:
    states: Iterable[tuple[str, int]] = ((state.value, finishes.states.get(state, 0)) for state in FINAL_STATES)
    return {**dict(states), "seconds": finishes.durations.text}
