"""Every job the monitor knows, wherever it stands: pending, just finished, or in the history.

A job moves in one direction only: pending, outbox, history. Whoever looks in that order cannot miss one that moves
meanwhile.
"""

from datetime import datetime

from shared.clock import Clock
from shared.jobs.finishing import Finishing
from shared.jobs.history import History
from shared.jobs.job import POLL_SPACING, Job, Operation
from shared.jobs.pending_jobs import PendingJobs
from shared.jobs.poll_spacing import PollSpacing
from shared.jobs.set_aside import RowRepair
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
        clock: Clock,
    ) -> None:
        self._pending = pending
        self._row_repair = row_repair
        self._history = history
        self._poll_spacing = poll_spacing
        self._finishing = finishing
        self._clock = clock

    def register(
        self, job_id: str, *, operation: Operation, label: str | None, external_id: str | None
    ) -> tuple[Job, bool]:
        """Follow a job; a job already known is returned as it is, with False, and nothing changes."""
        known = self.find(job_id)
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
            # Registered by another request just now, perhaps finished since; or a row that is no job is in its place.
            known = self.find(job_id)
            if known is not None:
                return known, False
            self._row_repair.set_aside_if_bad(job_id, now)
        raise RowChanged("the job's row kept changing while it was to be registered")

    def find(self, job_id: str) -> Job | None:
        """The job with all its parts, or None if it is not known here."""
        pending = self._pending.get(job_id, self._clock.now())
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
        row = self._pending.get(job_id, now)
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
