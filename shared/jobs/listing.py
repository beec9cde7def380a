"""Listing jobs page by page: pending ones by id, then finished ones, newest first.

A job moves in one direction only: pending, outbox, history. A listing reads these in the same order, so it cannot
miss a job that moves meanwhile. Jobs that end while it reads the history come last: at its end it looks for records
that are newer than the newest at its start. A job that moves may be listed twice, as it was and as it is. A listing
by `updated_since` ends with jobs that finished before that moment and were changed later.

A page is bounded in bytes and in time. It may hold fewer jobs than asked for, even none, and still say where to
continue.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shared.clock import Clock
from shared.cursor import InvalidCursor, make_cursor, read_cursor
from shared.jobs.filter import JobFilter
from shared.jobs.history import History
from shared.jobs.job import Job
from shared.jobs.large_fields import size_of_parts
from shared.jobs.late_changes import LateChanges
from shared.jobs.pending_jobs import PendingJobs
from shared.storage.rows import BadRow
from shared.storage.table import Row

PAGE_MAX_BYTES = 8 * 1024 * 1024
PAGE_MAX_SECONDS = 5.0
# What a record takes without its large fields.
_RECORD_BYTES = 2 * 1024


@dataclass(frozen=True)
class JobPage:
    """Some jobs, and the cursor of the next page (None: this is the last one)."""

    jobs: list[Job]
    next_cursor: str | None


class _Phase(StrEnum):
    PENDING = "pending"
    OUTBOX = "outbox"
    FINISHED = "finished"
    CHANGED = "changed"


@dataclass(frozen=True)
class _Place:
    """Where a listing is. This round reads records up to the key `until` (empty: all of them); those newer than
    `newest` are for the next round."""

    phase: _Phase
    after_key: str = ""
    until: str = ""
    newest: str = ""


@dataclass
class _Page:
    limit: int
    has_time: Callable[[], bool]
    jobs: list[Job] = field(default_factory=list)
    size_bytes: int = 0

    def has_room_for(self, size_bytes: int) -> bool:
        return not self.jobs or (len(self.jobs) < self.limit and self.size_bytes + size_bytes <= PAGE_MAX_BYTES)

    def add(self, job: Job, size_bytes: int) -> None:
        # One that moved from the outbox to the history between two readings is in both.
        if all(job.job_id != other.job_id or job.state != other.state for other in self.jobs):
            self.jobs.append(job)
            self.size_bytes += size_bytes


class JobListing:
    """Lists jobs. Raises StorageError."""

    def __init__(
        self,
        *,
        pending: PendingJobs,
        history: History,
        late_changes: LateChanges,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pending = pending
        self._history = history
        self._late_changes = late_changes
        self._clock = clock
        self._monotonic = monotonic

    def page(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> JobPage:
        """Up to `limit` jobs, from the start or from where an earlier page ended. Raises InvalidCursor."""
        ends_at = self._monotonic() + PAGE_MAX_SECONDS
        page = _Page(limit, has_time=lambda: self._monotonic() < ends_at)
        place: _Place | None = self._first(wanted) if cursor is None else _read(cursor, wanted)
        while place is not None:
            stopped_after = self._fill(page, place, wanted)
            if stopped_after is not None:
                return JobPage(page.jobs, _cursor(replace(place, after_key=stopped_after), wanted))
            place = self._next(place, wanted)
            if place is not None and not page.has_time():
                return JobPage(page.jobs, _cursor(place, wanted))
        return JobPage(page.jobs, None)

    def _fill(self, page: _Page, place: _Place, wanted: JobFilter) -> str | None:
        """Add the jobs that are wanted. Returns the key after which to continue, or None at the end of this phase."""
        after_key = place.after_key
        for key, row in self._rows(place, wanted, page.limit + 1):
            if row is not None:
                size_bytes = _RECORD_BYTES + size_of_parts(row)
                if not page.has_room_for(size_bytes):
                    return after_key
                job = self._job(place.phase, row)
                if job is not None:
                    page.add(job, size_bytes)
            after_key = key
            if not page.has_time():
                return after_key
        return None

    def _rows(self, place: _Place, wanted: JobFilter, at_once: int) -> Iterator[tuple[str, Row | None]]:
        match place.phase:
            case _Phase.PENDING:
                return self._pending.scan(place.after_key, wanted, at_once=at_once)
            case _Phase.OUTBOX:
                return self._pending.scan_finished(place.after_key, wanted, at_once=at_once)
            case _Phase.FINISHED:
                return self._history.scan(place.after_key, place.until, wanted, at_once=at_once)
            case _Phase.CHANGED:
                return self._changed(place.after_key, wanted)

    def _job(self, phase: _Phase, row: Row) -> Job | None:
        """The job with its parts; None for a row that cannot be read, which the next tick sets aside."""
        try:
            match phase:
                case _Phase.PENDING:
                    return self._pending.whole(row).job
                case _Phase.OUTBOX:
                    return self._pending.whole_event(row).job
                case _Phase.FINISHED | _Phase.CHANGED:
                    return self._history.read(row)
        except BadRow:
            return None

    def _changed(self, after_key: str, wanted: JobFilter) -> Iterator[tuple[str, Row | None]]:
        if wanted.updated_since is None:
            return
        for key, row in self._late_changes.scan(after_key, wanted.updated_since):
            yield key, row if row is not None and wanted.matches(row, pending=False) else None

    def _first(self, wanted: JobFilter) -> _Place:
        return _Place(_Phase.PENDING) if wanted.pending else self._round("")

    def _next(self, place: _Place, wanted: JobFilter) -> _Place | None:
        match place.phase:
            case _Phase.PENDING:
                return self._round("") if wanted.finished else None
            case _Phase.OUTBOX:
                return replace(place, phase=_Phase.FINISHED, after_key="")
            case _Phase.FINISHED:
                following = self._round(until=place.newest)
                if following.newest != place.newest:
                    return following
                return None if wanted.updated_since is None else _Place(_Phase.CHANGED)
            case _Phase.CHANGED:
                return None

    def _round(self, until: str) -> _Place:
        return _Place(_Phase.OUTBOX, until=until, newest=self._history.newest_key())


def _cursor(place: _Place, wanted: JobFilter) -> str:
    return make_cursor([place.phase, place.until, place.newest, place.after_key], filters=wanted.values)


def _read(cursor: str, wanted: JobFilter) -> _Place:
    match read_cursor(cursor, filters=wanted.values):
        case [str(phase), str(until), str(newest), str(after_key)] if phase in set(_Phase):
            return _Place(_Phase(phase), after_key, until, newest)
        case _:
            raise InvalidCursor
