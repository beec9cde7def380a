"""Every job that the monitor knows, wherever it is: pending, just finished, or in the history.

A job moves in one direction only: pending, outbox, history. Looking in that order misses none that moves meanwhile.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from shared.clock import Clock
from shared.jobs.finishing import Finishing
from shared.jobs.history import History
from shared.jobs.job import POLL_SPACING, Job, Operation
from shared.jobs.late_changes import LateChanges
from shared.jobs.pending_jobs import PendingJobs
from shared.jobs.poll_spacing import PollSpacing
from shared.jobs.set_aside import RowRepair
from shared.jobs.timeline import after_change
from shared.storage.errors import RowChanged, RowMissing

# Each try loses to one write of another only.
WRITE_TRIES = 5


class JobRegistry:
    """Registers, finds and removes jobs. Every method raises StorageError."""

    def __init__(
        self,
        *,
        pending: PendingJobs,
        row_repair: RowRepair,
        history: History,
        poll_spacing: PollSpacing,
        finishing: Finishing,
        late_changes: LateChanges,
        clock: Clock,
    ) -> None:
        self._pending = pending
        self._row_repair = row_repair
        self._history = history
        self._poll_spacing = poll_spacing
        self._finishing = finishing
        self._late_changes = late_changes
        self._clock = clock

    def register(
        self, job_id: str, *, operation: Operation, label: str | None, external_id: str | None
    ) -> tuple[Job, bool]:
        """Follow a job. Of one that is already known, with False, only what is empty is filled in."""
        known = self._filled_in(job_id, operation, label, external_id)
        if known is not None:
            return known, False
        now = self._clock.now()
        job = Job(
            job_id=job_id,
            registered_at=now,
            next_poll_at=now,
            operation=operation,
            label=label,
            external_id=external_id,
        )
        for _ in range(WRITE_TRIES):
            if self._pending.register(job):
                return job, True
            # Registered by another request just now, perhaps finished since; or a row that is not a job is there.
            known = self._filled_in(job_id, operation, label, external_id)
            if known is not None:
                return known, False
            self._row_repair.set_aside_if_bad(job_id, now)
        raise RowChanged("the job's row kept changing while it was to be registered")

    def change(self, job_id: str, change: Callable[[Job], Job]) -> Job | None:
        """Change a caller's members of a job, pending or finished: the job afterwards, or None if it is not known.

        `change` may be called several times: changes that others make at the same time are kept.
        """
        for _ in range(WRITE_TRIES):
            try:
                return self._change(job_id, change)
            except RowChanged:
                continue
        raise RowChanged("the job kept changing while it was to be changed")

    def _change(self, job_id: str, change: Callable[[Job], Job]) -> Job | None:
        now = self._clock.now()
        row = self._pending.get(job_id)
        if row is None:
            event = self._pending.finished(job_id)
            if event is not None:
                self._finishing.finish([event])
            return self._late_changes.change(job_id, change, now)
        changed = change(row.job)
        if changed == row.job:
            return row.job
        changed = replace(changed, updated_at=now, timeline=after_change(row.job, changed, now))
        self._pending.change(row, changed)
        return changed

    def _filled_in(self, job_id: str, operation: Operation, label: str | None, external_id: str | None) -> Job | None:
        """The job, if it is known, with its empty members filled in."""

        def fill_in(job: Job) -> Job:
            return replace(
                job,
                operation=operation if job.operation is Operation.UNKNOWN else job.operation,
                label=job.label or label,
                external_id=job.external_id or external_id,
            )

        job = self.find(job_id)
        return job if job is None or fill_in(job) == job else self.change(job_id, fill_in)

    def find(self, job_id: str) -> Job | None:
        """The job with all its parts, or None if it is not known here."""
        pending = self._pending.get(job_id)
        return pending.job if pending is not None else self.find_finished(job_id)

    def find_finished(self, job_id: str) -> Job | None:
        """The job as it finished, even if another system has put a row of it back into `pending`."""
        finished = self._pending.finished(job_id)
        return finished.job if finished is not None else self._history.get(job_id)

    def remove(self, job_id: str) -> bool:
        """Stop following a pending job, or remove a finished one from the history; False if it is not known.

        Its last status request is remembered first: registered again at once, it must still wait for its minute.
        """
        was_pending = False
        for _ in range(WRITE_TRIES):
            try:
                return self._remove(job_id) or was_pending
            except RowMissing:
                # It finished just now, and is now looked for there; or this removal's own answer was lost.
                was_pending = True
            except RowChanged:
                continue
        raise RowChanged("the job kept changing while it was to be removed")

    def _remove(self, job_id: str) -> bool:
        now = self._clock.now()
        row = self._pending.get(job_id)
        if row is not None:
            if not row.never_polled or row.job.next_poll_at > now:
                self._poll_spacing.remember(job_id, _earliest_next_ask(row.job), now)
            self._pending.remove(row)
            return True
        event = self._pending.finished(job_id)
        if event is not None:
            self._finishing.finish([event])
        finished = self._history.get(job_id)
        if finished is not None and finished.last_polled_at is not None:
            self._poll_spacing.remember(job_id, _earliest_next_ask(finished), now)
        return self._history.remove(job_id, now)


def _earliest_next_ask(job: Job) -> datetime:
    """A minute after the last request; for a job claimed for a poll right now, the claim's end."""
    asked = (job.last_polled_at or job.registered_at) + POLL_SPACING
    return max(asked, job.next_poll_at) if job.pending else asked
