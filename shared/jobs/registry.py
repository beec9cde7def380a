"""Every job the monitor knows, wherever it stands: pending, just finished, or in the history.

A job moves in one direction only: pending, outbox, history. Whoever looks in that order cannot miss one that moves
meanwhile.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from shared.clock import Clock
from shared.jobs.asks import Asks
from shared.jobs.history import History
from shared.jobs.job import POLL_SPACING, Job
from shared.jobs.outbox import Outbox
from shared.jobs.pending_jobs import PendingJobs
from shared.jobs.tidying import Tidying
from shared.models.vocabulary import JobState, Operation
from shared.storage.errors import RowChanged

# Each try loses to one write of another only.
WRITE_TRIES = 5
type Listed = JobState | Literal["all"]


class _Phase(StrEnum):
    """Where a listing stands: it goes through these in turn, the way a job does."""

    PENDING = "pending"
    OUTBOX = "outbox"
    FINISHED = "finished"


class InvalidCursor(ValueError):
    """A cursor that this listing did not hand out."""


@dataclass(frozen=True)
class JobPage:
    """Some jobs, and where the listing goes on (None: it does not)."""

    jobs: list[Job]
    next_cursor: str | None


class JobRegistry:
    """Registers, finds, lists and removes jobs. Every method raises StorageError."""

    def __init__(
        self,
        *,
        pending: PendingJobs,
        tidying: Tidying,
        history: History,
        asks: Asks,
        outbox: Outbox,
        clock: Clock,
    ) -> None:
        self._pending = pending
        self._tidying = tidying
        self._history = history
        self._asks = asks
        self._outbox = outbox
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
            self._tidying.set_aside_if_bad(job_id, now)
        raise RowChanged("the job's row kept changing while it was to be registered")

    def find(self, job_id: str) -> Job | None:
        """The job with all its parts, or None if it is not known here."""
        pending = self._pending.get(job_id, self._clock.now())
        return pending.job if pending is not None else self.find_finished(job_id)

    def find_finished(self, job_id: str) -> Job | None:
        """The job as it finished, even if another system has put a row of it back into `pending`."""
        outbox = self._pending.outbox_row(job_id)
        return outbox.job if outbox is not None else self._history.get(job_id)

    def remove(self, job_id: str) -> bool:
        """Stop following a pending job, or remove a finished one from the history; False if it is not known.

        Its last status request is remembered first: registered again at once, it must still wait for its minute.
        """
        for _ in range(WRITE_TRIES):
            try:
                return self._remove(job_id)
            except RowChanged:
                continue
        raise RowChanged("the job kept changing while it was to be removed")

    def page(self, listed: Listed, *, external_id: str | None, limit: int, cursor: str | None) -> JobPage:
        """Some jobs: pending ones by id, finished ones newest first, `all` in that order. Raises InvalidCursor."""
        phase, after_key = _decoded(cursor)
        jobs: list[Job] = []
        if phase is _Phase.PENDING:
            if listed in {JobState.PENDING, "all"}:
                # One more than asked for tells whether there is a next page.
                rows = self._pending.page(after_key, limit + 1, self._clock.now(), external_id=external_id)
                jobs = [row.job for row in rows[:limit]]
                if len(rows) > limit:
                    return JobPage(jobs, _encoded(phase, rows[limit - 1].row_key))
            phase, after_key = _Phase.OUTBOX, ""
        if listed is JobState.PENDING:
            return JobPage(jobs, None)
        if phase is _Phase.OUTBOX:
            found = [row for row in self._pending.outbox(after_key) if _is_listed(row.job, listed, external_id)]
            fitting = found[: limit - len(jobs)]
            jobs += [row.job for row in fitting]
            if len(found) > len(fitting):
                return JobPage(jobs, _encoded(phase, fitting[-1].row_key if fitting else after_key))
            after_key = ""
        return self._history_page(jobs, listed, external_id=external_id, limit=limit, after_key=after_key)

    def _history_page(
        self, jobs: list[Job], listed: Listed, *, external_id: str | None, limit: int, after_key: str
    ) -> JobPage:
        state = None if listed == "all" else listed.value
        room = limit - len(jobs)
        entries = self._history.page(after_key, room + 1, state=state, external_id=external_id)
        # One that moved from the outbox to the history between the two readings is in both.
        seen = {job.job_id for job in jobs}
        jobs += [entry.job for entry in entries[:room] if entry.job.job_id not in seen]
        if len(entries) <= room:
            return JobPage(jobs, None)
        return JobPage(jobs, _encoded(_Phase.FINISHED, entries[room - 1].row_key if room else after_key))

    def _remove(self, job_id: str) -> bool:
        now = self._clock.now()
        row = self._pending.get(job_id, now)
        if row is not None:
            if not row.never_polled or row.job.next_poll_at > now:
                self._asks.remember(job_id, _earliest_next_ask(row.job))
            self._pending.remove(row)
            return True
        outbox = self._pending.outbox_row(job_id)
        if outbox is not None:
            self._outbox.settle([outbox])
        finished = self._history.get(job_id)
        if finished is not None and finished.last_polled_at is not None:
            self._asks.remember(job_id, _earliest_next_ask(finished))
        return self._history.remove(job_id)


def _earliest_next_ask(job: Job) -> datetime:
    """A minute after the last request; for a job claimed for a poll right now, the claim's end."""
    asked = (job.last_polled_at or job.registered_at) + POLL_SPACING
    return max(asked, job.next_poll_at) if job.pending else asked


def _is_listed(job: Job, listed: Listed, external_id: str | None) -> bool:
    return listed in {job.state, "all"} and external_id in {None, job.external_id}


def _encoded(phase: _Phase, key: str) -> str:
    return base64.urlsafe_b64encode(f"{phase}:{key}".encode()).decode().rstrip("=")


def _decoded(cursor: str | None) -> tuple[_Phase, str]:
    if cursor is None:
        return _Phase.PENDING, ""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        phase, key = text.split(":", maxsplit=1)
        place = _Phase(phase), key
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor("cursor should be the nextCursor of an earlier answer") from error
    if not key.isprintable():
        raise InvalidCursor("cursor should be the nextCursor of an earlier answer")
    return place
