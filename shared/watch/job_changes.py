"""What a job has done to an offer: its detail becomes the snapshot, so that the watch does not tell it again."""

import logging
from collections.abc import Sequence
from datetime import datetime

from shared.clock import Clock
from shared.jobs.job import Job, JobState
from shared.log import InvocationThreadPool
from shared.storage.errors import RowChanged, StorageError
from shared.storage.table import Table
from shared.watch.comparing import Comparison, Context, JobDetail, Planned
from shared.watch.events import OfferOutbox
from shared.watch.offer import InvalidOffer, watched_offer
from shared.watch.run_state import RunRow, RunState
from shared.watch.snapshots import Snapshots

# How many times to compare again when a run of the watch changes a row first.
WRITE_TRIES = 5
READING_THREADS = 8
_log = logging.getLogger("offer_monitor.watch")


class JobChanges:
    """Keeps the offers of jobs that finish."""

    def __init__(
        self,
        *,
        table: Table,
        run_row: RunRow,
        snapshots: Snapshots,
        comparison: Comparison,
        outbox: OfferOutbox,
        clock: Clock,
    ) -> None:
        self._table = table
        self._run_row = run_row
        self._snapshots = snapshots
        self._comparison = comparison
        self._outbox = outbox
        self._clock = clock

    def keep(self, jobs: Sequence[Job]) -> None:
        """Store the private offers of jobs that have succeeded; keeping one again changes nothing.

        An acceptance that the job's detail shows is announced. Before the watch has run there is nothing to compare
        with, and nothing is stored. A failure that is not one of storage is logged: it must not hold back the job.
        Raises StorageError.
        """
        succeeded = [job for job in jobs if job.state is JobState.SUCCEEDED and job.private_offer is not None]
        try:
            found = self._run_row.read() if succeeded else None
            if found is not None:
                self._keep(succeeded, found[0])
        except StorageError:
            raise
        except Exception:  # noqa: BLE001 - see above
            _log.exception("the offers of finished jobs cannot be kept")

    def _keep(self, jobs: Sequence[Job], state: RunState) -> None:
        now = self._clock.now()
        waiting = [(detail, job.finished_at or now) for job in jobs if (detail := _detail(job)) is not None]
        tries = 0
        with InvocationThreadPool(READING_THREADS, thread_name_prefix="keep") as pool:
            while waiting and tries < WRITE_TRIES * len(jobs):
                tries += 1
                # Two jobs about the same offer come one after the other.
                first = {detail.offer.id: (detail, at) for detail, at in reversed(waiting)}
                later = [each for each in waiting if each not in first.values()]
                plans = pool.map(lambda each: self._plan(each[0], each[1], state.baseline_at), first.values())
                waiting = self._write(list(zip(first.values(), plans, strict=True))) + later
        for detail, _ in waiting:
            _log.warning("the offer of job %s is left to the watch: its row kept changing", detail.job_id)

    def _plan(self, detail: JobDetail, at: datetime, baseline_at: datetime | None) -> Planned | None:
        before = self._snapshots.get(detail.offer.id)
        # The clock comes after the row: what was stored meanwhile is not of the future.
        return self._comparison.job_finished(before, detail, at, Context(self._clock.now(), baseline_at))

    def _write(
        self, plans: Sequence[tuple[tuple[JobDetail, datetime], Planned | None]]
    ) -> list[tuple[JobDetail, datetime]]:
        """Store what was planned; returns what lost a race."""
        planned = [(each, plan) for each, plan in plans if plan is not None]
        results = self._table.commit_each([plan.changes for _, plan in planned])
        lost = []
        for (each, plan), result in zip(planned, results, strict=True):
            if isinstance(result, RowChanged):
                lost.append(each)
            elif isinstance(result, list):
                self._outbox.send(plan.events)
                self._snapshots.delete_outdated(plan.before, plan.row)
        return lost


def _detail(job: Job) -> JobDetail | None:
    try:
        return JobDetail(job.job_id, watched_offer(job.private_offer or b""))
    except InvalidOffer as error:
        _log.warning("the offer of job %s cannot be followed: %s", job.job_id, error)
        return None
