"""Listing jobs page by page: pending ones by id, then finished ones, newest first.

A job moves in one direction only: pending, outbox, history. A listing goes through these in the same order, so it
cannot miss a job that moves meanwhile. Jobs that end while it goes through the history come last: at its end it looks
for records that are newer than the newest at its start. A job that moves may be listed twice, as it was and as it is.

A page is bounded in bytes and in time. It may hold fewer jobs than asked for, even none, and still say where to go
on.
"""

import base64
import binascii
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from shared.clock import Clock
from shared.jobs.filter import Wanted
from shared.jobs.history import History
from shared.jobs.job import Job, JobState
from shared.jobs.large_fields import size_of_parts
from shared.jobs.pending_jobs import PendingJobs
from shared.json_codec import dumps, loads
from shared.storage.rows import BadRow
from shared.storage.table import Row

PAGE_MAX_BYTES = 8 * 1024 * 1024
PAGE_MAX_SECONDS = 5.0
# What a record takes without its long parts.
LONGEST_KEY_CHARACTERS = 512
_RECORD_BYTES = 2 * 1024
type Listed = JobState | Literal["all"]


class InvalidCursor(ValueError):
    """A cursor that this listing did not hand out."""


@dataclass(frozen=True)
class JobPage:
    """Some jobs, and where the listing goes on (None: it does not)."""

    jobs: list[Job]
    next_cursor: str | None


class _Phase(StrEnum):
    PENDING = "pending"
    OUTBOX = "outbox"
    FINISHED = "finished"


@dataclass(frozen=True)
class _Place:
    """Where a listing stands. This round reads records up to the key `until` (empty: all of them); those newer than
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
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pending = pending
        self._history = history
        self._clock = clock
        self._monotonic = monotonic

    def page(self, listed: Listed, *, external_id: str | None, limit: int, cursor: str | None) -> JobPage:
        """Up to `limit` jobs, from the start or from where an earlier page ended. Raises InvalidCursor."""
        of = _digest(listed, external_id)
        wanted = Wanted(state=None if listed == "all" else listed, external_id=external_id)
        ends_at = self._monotonic() + PAGE_MAX_SECONDS
        page = _Page(limit, has_time=lambda: self._monotonic() < ends_at)
        place: _Place | None = self._first(listed) if cursor is None else _decoded(cursor, of)
        while place is not None:
            stopped_after = self._fill(page, place, wanted)
            if stopped_after is not None:
                return JobPage(page.jobs, _encoded(replace(place, after_key=stopped_after), of))
            place = self._next(place, listed)
            if place is not None and not page.has_time():
                return JobPage(page.jobs, _encoded(place, of))
        return JobPage(page.jobs, None)

    def _fill(self, page: _Page, place: _Place, wanted: Wanted) -> str | None:
        """Add what is wanted. The key after which to go on, or None if there is nothing more of this phase."""
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

    def _rows(self, place: _Place, wanted: Wanted, at_once: int) -> Iterator[tuple[str, Row | None]]:
        match place.phase:
            case _Phase.PENDING:
                return self._pending.scan(place.after_key, replace(wanted, state=None), at_once=at_once)
            case _Phase.OUTBOX:
                return self._pending.scan_finished(place.after_key, wanted, at_once=at_once)
            case _Phase.FINISHED:
                return self._history.scan(place.after_key, place.until, wanted, at_once=at_once)

    def _job(self, phase: _Phase, row: Row) -> Job | None:
        """The job with its parts; None for a row that cannot be read, which the next tick sets aside."""
        try:
            match phase:
                case _Phase.PENDING:
                    return self._pending.whole(row, self._clock.now()).job
                case _Phase.OUTBOX:
                    return self._pending.whole_event(row).job
                case _Phase.FINISHED:
                    return self._history.read(row)
        except BadRow:
            return None

    def _first(self, listed: Listed) -> _Place:
        return _Place(_Phase.PENDING) if listed in {JobState.PENDING, "all"} else self._round("")

    def _next(self, place: _Place, listed: Listed) -> _Place | None:
        match place.phase:
            case _Phase.PENDING:
                return None if listed == JobState.PENDING else self._round("")
            case _Phase.OUTBOX:
                return replace(place, phase=_Phase.FINISHED, after_key="")
            case _Phase.FINISHED:
                following = self._round(until=place.newest)
                return None if following.newest == place.newest else following

    def _round(self, until: str) -> _Place:
        return _Place(_Phase.OUTBOX, until=until, newest=self._history.newest_key())


def _digest(listed: Listed, external_id: str | None) -> str:
    """Stands for the filters in a cursor, which belongs to them."""
    return hashlib.sha256(f"{listed} {external_id}".encode("utf-8", "replace")).hexdigest()[:8]


def _encoded(place: _Place, of: str) -> str:
    text = dumps([of, place.phase, place.until, place.newest, place.after_key])
    return base64.urlsafe_b64encode(text.encode("ascii")).decode().rstrip("=")


def _decoded(cursor: str, of: str) -> _Place:
    try:
        made_of, phase, *keys = loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        until, newest, after_key = (_checked_key(key) for key in keys)
        place = _Place(_Phase(phase), after_key, until, newest)
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidCursor("cursor should be the nextCursor of an earlier answer") from error
    if made_of != of:
        raise InvalidCursor("cursor belongs to a listing with other filters")
    return place


def _checked_key(key: object) -> str:
    if (
        not isinstance(key, str)
        or len(key) > LONGEST_KEY_CHARACTERS
        or any(character < " " or "\ud800" <= character <= "\udfff" for character in key)
    ):
        raise InvalidCursor("not a key")
    return key
