"""What the storage holds before the first kill, written by the app itself with a clock in the past."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from local.samples.past import PastApp, SetClock
from shared import timers
from tests.app.app import JobsTable

# Clean-up removes what is older than these.
JOB_HISTORY_DAYS = 30
DELIVERY_HISTORY_DAYS = 10
_OLD = timedelta(days=40)
_YOUNG = timedelta(days=5)
_EXPIRED_BY_NOW = timedelta(days=31)
_STALLED_BY_NOW = timedelta(hours=25)
# Documents that no row refers to are removed a day after they were written.
_LATER = timedelta(days=2)
_REMOVED_BY_CALLERS = 20


@dataclass(frozen=True)
class Seeds:
    """Finished jobs that are old, of which clean-up leaves nothing, and young, which must stay."""

    old_jobs: Sequence[str]
    young_jobs: Sequence[str]
    young_set_aside: Sequence[str]


class Past:
    """The app at moments before the run, and after it."""

    def __init__(self, table: JobsTable) -> None:
        self._table = table
        self._now = datetime.now(UTC)
        self._clock = SetClock(self._now)
        self._app = PastApp(self._clock)

    def finish(self, old_jobs: Sequence[str], young_jobs: Sequence[str]) -> Seeds:
        """Follow these jobs, which are completed upstream, to their ends and send their events."""
        for age, jobs, set_aside in ((_OLD, old_jobs, "old, and not a job"), (_YOUNG, young_jobs, "not a job")):
            self._clock.moment = self._now - age
            self._register(jobs)
            self._table.put(set_aside)
            while self._table.rows("pending"):
                self._app.poll()
                self._clock.moment += timedelta(minutes=2)
            self._app.deliver()
        self._clock.moment = self._now - _OLD
        for job_id in old_jobs[:_REMOVED_BY_CALLERS]:
            assert self._app.stores().history.remove(job_id, self._clock.now())
        return Seeds(old_jobs, young_jobs, ["not a job"])

    def register(self, *, expired: Sequence[str], stalled: Sequence[str]) -> None:
        """Register jobs so long ago that they expire, or are stalled, at the next poll."""
        for age, jobs in ((_EXPIRED_BY_NOW, expired), (_STALLED_BY_NOW, stalled)):
            self._clock.moment = self._now - age
            self._register(jobs)

    def clean_up_later(self) -> None:
        """Run clean-up with a clock that is ahead, so that documents left behind by kills are old enough."""
        self._clock.moment = datetime.now(UTC) + _LATER
        for _ in range(2):  # the first run may resume in the middle of the documents
            timers.clean_up(self._app)

    def _register(self, jobs: Sequence[str]) -> None:
        for job_id in jobs:
            self._app.register_job({"jobId": job_id, "operation": "create"})
