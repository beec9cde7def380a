"""A job as a row of the jobs table: its columns, and how they are read.

An empty text column means None, because a merge cannot remove a column. Texts too long for a column are kept in
documents (`shared/storage/documents.py`); the row then names the document instead.

Other systems write rows of the pending partition too. Every row is read either as a job or as a BadRow, and nothing
else. `operation`, `label` and `externalId` may be of any type. A value of the wrong type in a column of our own makes
the row bad. A moment too far in the future is corrected: it must not silence a job for ever.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared import identifiers
from shared.jobs.job import (
    LONGEST_POLL_SPACING,
    LONGEST_RETRY_AFTER,
    LONGEST_TIMELINE_CHARACTERS,
    POLL_SPACING,
    Job,
    JobState,
    Operation,
)
from shared.storage.rows import BadRow, count, flag, moment, read_row, text, text_of_any, written_moment
from shared.storage.table import Change, Row, Write, etag_of, stamped_at

PENDING_PARTITION = "pending"

_ANY_COLUMNS = {"label": "label", "externalId": "external_id"}
_TEXT_COLUMNS = {
    "jobStatus": "job_status",
    "jobResult": "job_result",
    "jobStart": "job_start",
    "jobEnd": "job_end",
    "resourceUri": "resource_uri",
    "lastPollError": "last_poll_error",
}
_COUNT_COLUMNS = {
    "pollCount": "poll_count",
    "consecutivePollFailures": "consecutive_poll_failures",
    "notFoundInARow": "not_found_in_a_row",
    "detailAttempts": "detail_attempts",
}
_MOMENT_COLUMNS = {"lastPolledAt": "last_polled_at", "finishedAt": "finished_at", "updatedAt": "updated_at"}
# The large fields, and the documents that hold them when they do not fit.
PART_COLUMNS = frozenset({"errors", "errorsDocument", "privateOffer", "privateOfferDocument"})
# Every column that the monitor writes to a pending row, a finishing event or a record.
JOB_COLUMNS = (
    frozenset({*_ANY_COLUMNS, *_TEXT_COLUMNS, *_COUNT_COLUMNS, *_MOMENT_COLUMNS, *PART_COLUMNS})
    | {"state", "operation", "registeredAt", "nextPollAt", "stalled", "retryAfterUntil"}
    | {"claimedUntil", "timeline"}
)
# An entity has 255 properties at most, its keys and its time stamp among them.
MOST_COLUMNS = 252
# A text column holds 32 K UTF-16 characters.
LONGEST_TEXT_CHARACTERS = 15_000
# How far a moment that another instance wrote may be ahead of this one's clock.
CLOCKS_DIFFER_BY = timedelta(minutes=1)
# A claim that is longer than any: the time for an answer, and the minute after it.
_LONGEST_CLAIM = 2 * POLL_SPACING
# A last poll later than this after a moment just passed is absurd.
_PLAUSIBLE_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class PendingRow:
    """A pending job with what a conditional write of its row needs."""

    job: Job
    etag: str
    # The key as it is in the table: another system may have written the job id in upper case.
    row_key: str
    claimed_until: datetime | None = None
    # The columns of the job's large fields as they are in the row, whether or not `job` has them loaded.
    parts: Row = field(default_factory=dict)
    # The row was written by a clock that has been set back since, or by one that is ahead. The job waits again as
    # long as it was to wait then, from now on, but only once that is stored: see `RowRepair.in_present`.
    ahead: bool = False

    @property
    def claimed(self) -> bool:
        """A poll is under way, or died without giving its claim back; its result will move `next_poll_at`."""
        return self.claimed_until == self.job.next_poll_at

    @property
    def never_polled(self) -> bool:
        return self.job.last_polled_at is None and self.job.poll_count == 0


def pending_row(row: Row, now: datetime) -> PendingRow:
    """Read a row of the pending partition, ours or one put there by another system. Raises BadRow, nothing else."""
    return read_row(lambda: _pending_row(row, now))


def job_of(row: Row, job_id: str, *, registered_at: datetime) -> Job:
    """The job in a row, without its errors and private offer. Raises BadRow, nothing else."""
    return read_row(lambda: _job_of(row, job_id, registered_at=registered_at))


def columns_of(job: Job) -> Row:
    """The columns of a job's row, without its keys, errors and private offer."""
    row: Row = {
        "state": job.state.value,
        "operation": job.operation.value,
        "registeredAt": job.registered_at,
        "nextPollAt": job.next_poll_at,
        "stalled": job.stalled,
        "timeline": _stored_text(job.timeline),
        # As text, which can be emptied again.
        "retryAfterUntil": job.retry_after_until.isoformat() if job.retry_after_until else "",
    }
    row |= {column: _stored_text(getattr(job, name)) for column, name in (_ANY_COLUMNS | _TEXT_COLUMNS).items()}
    row |= {column: getattr(job, name) for column, name in _COUNT_COLUMNS.items()}
    row |= {column: getattr(job, name) for column, name in _MOMENT_COLUMNS.items() if getattr(job, name) is not None}
    return row


def caller_columns_of(job: Job) -> Row:
    """The columns that a caller may change, and when that was, with the timeline that tells of it."""
    names = ("operation", "label", "externalId", "updatedAt", "timeline")
    return {name: value for name, value in columns_of(job).items() if name in names}


def last_polls_in(rows: Iterable[Row], since: datetime) -> dict[str, datetime]:
    """When the jobs in rows of finished ones were last polled: those that can be read and were, after `since`."""
    found: dict[str, datetime] = {}
    for row in rows:
        try:
            polled_at = moment(row, "lastPolledAt")
        except BadRow:
            continue
        if polled_at is not None and since <= polled_at < since + _PLAUSIBLE_FOR:
            found[row["RowKey"].rpartition("~")[2]] = polled_at
    return found


def part_columns(row: Row) -> Row:
    """The columns of a row that hold, or refer to, the job's long parts."""
    return {column: row[column] for column in PART_COLUMNS if row.get(column)}


def _pending_row(row: Row, now: datetime) -> PendingRow:
    job_id = key_as_job_id(row["RowKey"])
    if len(row) > MOST_COLUMNS - len(JOB_COLUMNS):
        _check_room_for_our_columns(row)
    # Storage stamps each row by its own clock, which may be ahead of ours.
    inserted_at = min(stamped_at(row) or now, now)
    registered_at = moment(row, "registeredAt") or inserted_at
    if registered_at > now + CLOCKS_DIFFER_BY:
        registered_at = inserted_at
    job = _job_of(row, job_id, registered_at=registered_at)
    if not job.pending:
        raise BadRow("its state is not pending")
    read = PendingRow(
        job=job,
        etag=etag_of(row),
        row_key=row["RowKey"],
        claimed_until=moment(row, "claimedUntil"),
        parts=part_columns(row),
    )
    if _is_ahead(job, now):
        read = _in_present(read, now)
    return replace(read, job=_corrected(read.job, now))


def key_as_job_id(key: str) -> str:
    """The job id in a key, in lower case. Raises BadRow."""
    try:
        return identifiers.job_id(key)
    except identifiers.InvalidIdentifier as error:
        raise BadRow("its row key is not a job id") from error


def _job_of(row: Row, job_id: str, *, registered_at: datetime) -> Job:
    columns: dict[str, Any] = {
        **{name: text_of_any(row, column) for column, name in _ANY_COLUMNS.items()},
        **{name: text(row, column) for column, name in _TEXT_COLUMNS.items()},
        **{name: count(row, column) for column, name in _COUNT_COLUMNS.items()},
        **{name: moment(row, column) for column, name in _MOMENT_COLUMNS.items()},
    }
    return Job(
        job_id=job_id,
        registered_at=registered_at,
        next_poll_at=moment(row, "nextPollAt") or registered_at,
        state=_state(row),
        operation=Operation.named(text_of_any(row, "operation")),
        stalled=flag(row, "stalled"),
        timeline=_timeline(row),
        retry_after_until=written_moment(row, "retryAfterUntil"),
        **columns,
    )


def _corrected(job: Job, now: datetime) -> Job:
    """The job with its moments no further ahead than the app itself ever writes them.

    A `nextPollAt` beyond that counts as a minute after the last poll, a `retryAfterUntil` as none.
    """
    latest = now + LONGEST_RETRY_AFTER + CLOCKS_DIFFER_BY
    changes: dict[str, datetime | None] = {}
    last_polled_at = job.last_polled_at
    if last_polled_at is not None and last_polled_at > now + CLOCKS_DIFFER_BY:
        changes["last_polled_at"] = last_polled_at = now
    if job.next_poll_at > latest:
        changes["next_poll_at"] = last_polled_at + POLL_SPACING if last_polled_at else job.registered_at
    if job.updated_at is not None and job.updated_at > now + CLOCKS_DIFFER_BY:
        changes["updated_at"] = now
    if job.retry_after_until is not None and job.retry_after_until > latest:
        changes["retry_after_until"] = None
    return replace(job, **changes) if changes else job  # type: ignore[arg-type] # only moments are in it


def _is_ahead(job: Job, now: datetime) -> bool:
    """Whether a clock that is ahead of this one has written the job's moments. A Retry-After may be a day long."""
    latest = now + CLOCKS_DIFFER_BY
    if job.last_polled_at is not None and job.last_polled_at > latest:
        return True
    waits_as_asked = job.retry_after_until is not None and job.next_poll_at <= job.retry_after_until
    longest = LONGEST_RETRY_AFTER if waits_as_asked else LONGEST_POLL_SPACING
    # What is further ahead than any moment of the app's was written by another system: `_corrected`.
    return latest + longest < job.next_poll_at <= latest + LONGEST_RETRY_AFTER


def _in_present(row: PendingRow, now: datetime) -> PendingRow:
    """The row with its waits beginning now: how much of them is over cannot be told."""
    job = row.job
    last_polled_at = job.last_polled_at
    retry_after_until = None
    wait = _LONGEST_CLAIM if row.claimed else POLL_SPACING
    if last_polled_at is not None and last_polled_at > now + CLOCKS_DIFFER_BY:
        if not row.claimed:
            wait = max(_clamped(job.next_poll_at - last_polled_at), POLL_SPACING)
        if job.retry_after_until is not None:
            retry_after_until = now + _clamped(job.retry_after_until - last_polled_at)
        last_polled_at = now
    job = replace(job, last_polled_at=last_polled_at, next_poll_at=now + wait, retry_after_until=retry_after_until)
    return replace(row, job=job, claimed_until=job.next_poll_at if row.claimed else row.claimed_until, ahead=True)


def _clamped(wait: timedelta) -> timedelta:
    return min(max(wait, timedelta(0)), LONGEST_RETRY_AFTER)


def moments_of(row: PendingRow) -> Row:
    """The columns that a row which is `ahead` has to get."""
    names = {"registeredAt", "nextPollAt", "lastPolledAt", "retryAfterUntil"}
    columns = {name: value for name, value in columns_of(row.job).items() if name in names}
    return columns | ({"claimedUntil": row.claimed_until} if row.claimed else {})


def _check_room_for_our_columns(row: Row) -> None:
    foreign = row.keys() - JOB_COLUMNS - {"PartitionKey", "RowKey"}
    if len(foreign) + len(JOB_COLUMNS) > MOST_COLUMNS:
        raise BadRow(f"it has {len(foreign)} other columns, which leaves no room for those of a job")


def _stored_text(value: str | None) -> str:
    # A lone surrogate, possible in upstream's JSON, cannot be sent to storage.
    return (value or "")[:LONGEST_TEXT_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def _timeline(row: Row) -> str:
    """The column if it can be one of ours: what is in it matters to nobody but the one who reads the timeline."""
    value = row.get("timeline")
    return value if isinstance(value, str) and len(value) <= LONGEST_TIMELINE_CHARACTERS else ""


def _state(row: Row) -> JobState:
    try:
        return JobState(text(row, "state") or JobState.PENDING)
    except ValueError as error:
        raise BadRow("its state is unknown") from error


def merge_of(row: PendingRow, columns: Row) -> Change:
    """The change of these columns, if the row is still as it was read."""
    return Change(Write.MERGE, pending_key(row.row_key) | columns, row.etag)


def pending_key(row_key: str) -> Row:
    """The keys of a row of the pending partition."""
    return {"PartitionKey": PENDING_PARTITION, "RowKey": row_key}
