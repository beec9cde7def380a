"""A poll on demand, within promise 1 (docs/promises.md). It claims, polls and finishes a job as a poll cycle does."""

import logging
from datetime import datetime
from typing import Protocol

from shared.clock import Clock
from shared.jobs.errors import AskedTooRecently, JobUnknown
from shared.jobs.finishing import Finishing
from shared.jobs.job import POLL_SPACING, Job
from shared.jobs.job_events import JobEvent
from shared.jobs.job_rows import PendingRow
from shared.jobs.pending_jobs import PendingJobs
from shared.jobs.poll_spacing import PollSpacing
from shared.jobs.registry import JobRegistry
from shared.polling.poller import ANSWER_WITHIN, JobPoller, claimed_until
from shared.storage.errors import ChangeRefused, StorageError

_log = logging.getLogger("offer_monitor.jobs")


class CountCheck(Protocol):
    """Counts a poll made at that moment; raises nothing."""

    def __call__(self, at: datetime, *, failed: bool) -> None: ...


class ManualCheck:
    """Polls one registered job now."""

    def __init__(
        self,
        *,
        registry: JobRegistry,
        pending: PendingJobs,
        poll_spacing: PollSpacing,
        finishing: Finishing,
        poller: JobPoller,
        count_check: CountCheck,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._pending = pending
        self._poll_spacing = poll_spacing
        self._finishing = finishing
        self._poller = poller
        self._count_check = count_check
        self._clock = clock

    def check(self, job_id: str) -> Job:
        """Poll the job and return it. A finished job is returned as it is, without a poll.

        Raises JobUnknown, AskedTooRecently and StorageError; and UpstreamError, which is also stored with the job,
        unless the job succeeded and only its detail is unavailable.
        """
        row = self._pending.get(job_id)
        if row is None:
            job = self._registry.find(job_id)
            if job is None:
                raise JobUnknown(job_id)
            return job
        answer_by = self._clock.now() + ANSWER_WITHIN
        claimed = self._claim(row, until=claimed_until(answer_by))
        with self._poller.permit() as permit:
            poll = self._poller.poll(claimed.job, answer_by=answer_by, permit=permit)
            [written] = self._pending.write([(claimed, poll.job)], self._clock.now())
        if written is not None and written.event is not None:
            self._finish(written.event)
        if poll.asked:
            self._count_check(self._clock.now(), failed=poll.error is not None)
        if not poll.job.pending or poll.job.awaits_detail:
            return poll.job
        if poll.error is not None:
            raise poll.error
        if not poll.asked:
            raise AskedTooRecently(poll.job.next_poll_at - self._clock.now())
        return poll.job

    def _claim(self, row: PendingRow, *, until: datetime) -> PendingRow:
        now = self._clock.now()
        earliest = row.job.next_poll_at
        if row.never_polled:
            earliest = max(earliest, self._earliest_of_never_polled(row.job.job_id, now))
        # Polls that keep failing slow a job down to less than one a minute; a check by hand need not wait for that.
        if row.job.last_polled_at is not None and not row.claimed:
            earliest = min(earliest, row.job.last_polled_at + POLL_SPACING)
        if row.job.retry_after_until is not None:
            earliest = max(earliest, row.job.retry_after_until)
        if earliest > now:
            raise AskedTooRecently(earliest - now)
        claims = self._pending.claim([row], until=until)
        if claims.lost:
            raise AskedTooRecently(POLL_SPACING)
        if claims.refused:
            raise ChangeRefused("storage no longer accepts the job's row")
        return claims.taken[0]

    def _earliest_of_never_polled(self, job_id: str, now: datetime) -> datetime:
        """When upstream may be asked about a job, given the requests made before its row was there.

        The history is read before the remembered requests: see `poll_spacing.py`.
        """
        finished = self._registry.find_finished(job_id)
        remembered = self._poll_spacing.get(job_id, now)
        moments = [now if remembered is None else remembered.next_poll_at]
        if finished is not None and finished.last_polled_at is not None:
            moments.append(min(finished.last_polled_at, now) + POLL_SPACING)
        return max(moments)

    def _finish(self, event: JobEvent) -> None:
        try:
            if event.finishes:
                self._finishing.finish([event])
            else:
                self._finishing.finish_stored([event])
        except StorageError as error:
            _log.warning("the job is left for the next tick to finish: %s", error)
