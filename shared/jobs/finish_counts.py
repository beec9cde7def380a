"""How many jobs finished on each UTC day, how they ended, and how long they took.

A day's figures are the row `day~<YYYY-MM-DD>` of the `finished` partition. It changes in the transaction that records
the jobs it counts: a job that cannot be recorded twice is not counted twice, and removing it later changes nothing.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import batched, islice
from threading import Lock
from typing import Any

from shared.jobs.durations import Durations, durations_in
from shared.jobs.job import Job, JobState
from shared.storage.days import DayRows
from shared.storage.errors import ChangeRefused, RowChanged, RowExists
from shared.storage.partition import Partition
from shared.storage.rows import count, text
from shared.storage.table import TRANSACTION_MAX_ROWS, Change, Committed, Row
from shared.storage.transactions import batches

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
        error = RowChanged("other instances kept counting their finished jobs")
        for _ in range(WRITE_TRIES):
            before = self.days.get(day)
            figures = before.figures.plus(jobs)
            try:
                *etags, etag_of_day = self._table.commit([*changes, self.days.change(before, figures)])
            except ChangeRefused as refused:
                return refused
            except RowChanged as changed:
                of_a_job = isinstance(changed, RowExists) and before.etag is not None
                if of_a_job or self.days.read_again(day).etag == before.etag:
                    return changed
                error = changed
            else:
                self.days.written(day, figures, etag_of_day)
                return etags
        return error


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
