"""How a job stands in the jobs table: the columns of its row, and back.

An empty text column means None, because a merge cannot remove a column. Texts too long for a column are kept in
documents (`shared/storage/documents.py`); the row then names the document instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared import identifiers
from shared.jobs.job import Job
from shared.models.vocabulary import JobState, Operation
from shared.storage.moments import stored_moment
from shared.storage.table import Row, etag_of, stamped_at

PENDING_PARTITION = "pending"

_TEXT_COLUMNS = {
    "label": "label",
    "externalId": "external_id",
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
_MOMENT_COLUMNS = {"lastPolledAt": "last_polled_at", "finishedAt": "finished_at"}
# A text column holds 32 K UTF-16 characters.
LONGEST_TEXT_CHARACTERS = 15_000
# An Int32 column must still hold the count after the next poll.
HIGHEST_COUNT = 2**31 - 1


class BadRow(ValueError):
    """A row that is no job: its key is no job id, or a column holds the wrong type."""


@dataclass(frozen=True)
class PendingRow:
    """A pending job with what a conditional write of its row needs."""

    job: Job
    etag: str
    # The key as it stands in the table: whoever inserted the row may have written the job id in another case.
    row_key: str
    # Set from the moment the job is flagged as stalled until its event is on its way.
    stalled_event_id: str | None = None
    claimed_until: datetime | None = None

    @property
    def claimed(self) -> bool:
        """A poll is under way, or died without giving its claim back; its result will move `next_poll_at`."""
        return self.claimed_until == self.job.next_poll_at

    @property
    def never_polled(self) -> bool:
        return self.job.last_polled_at is None and self.job.poll_count == 0


def pending_row(row: Row, now: datetime) -> PendingRow:
    """Read a row of the pending partition, ours or one put there by another system. Raises BadRow."""
    try:
        job_id = identifiers.job_id(row["RowKey"])
    except identifiers.InvalidIdentifier as error:
        raise BadRow("its row key is no job id") from error
    # Storage stamps each row by its own clock, which may be ahead of ours.
    inserted_at = min(stamped_at(row) or now, now)
    job = job_of(row, job_id, registered_at=_moment(row, "registeredAt") or inserted_at)
    if not job.pending:
        raise BadRow("its state is not pending")
    return PendingRow(
        job=job,
        etag=etag_of(row),
        row_key=row["RowKey"],
        stalled_event_id=_text(row, "stalledEventId"),
        claimed_until=_moment(row, "claimedUntil"),
    )


def job_of(row: Row, job_id: str, *, registered_at: datetime) -> Job:
    """The job in a row, but for its errors and private offer, which `documents` may hold. Raises BadRow."""
    columns: dict[str, Any] = {
        **{name: _text(row, column) for column, name in _TEXT_COLUMNS.items()},
        **{name: _count(row, column) for column, name in _COUNT_COLUMNS.items()},
        **{name: _moment(row, column) for column, name in _MOMENT_COLUMNS.items()},
    }
    return Job(
        job_id=job_id,
        registered_at=registered_at,
        next_poll_at=_moment(row, "nextPollAt") or registered_at,
        state=_state(row),
        operation=Operation.named(_text(row, "operation")),
        stalled=_flag(row, "stalled"),
        retry_after_until=_written_moment(row, "retryAfterUntil"),
        **columns,
    )


def columns_of(job: Job) -> Row:
    """The columns of a job's row, without its keys, errors and private offer."""
    row: Row = {
        "state": job.state.value,
        "operation": job.operation.value,
        "registeredAt": job.registered_at,
        "nextPollAt": job.next_poll_at,
        "stalled": job.stalled,
        # As text, which can be emptied again.
        "retryAfterUntil": job.retry_after_until.isoformat() if job.retry_after_until else "",
    }
    row |= {column: _stored_text(getattr(job, name)) for column, name in _TEXT_COLUMNS.items()}
    row |= {column: getattr(job, name) for column, name in _COUNT_COLUMNS.items()}
    row |= {column: getattr(job, name) for column, name in _MOMENT_COLUMNS.items() if getattr(job, name) is not None}
    return row


def _stored_text(value: str | None) -> str:
    # A lone surrogate, possible in upstream's JSON, cannot be sent to storage.
    return (value or "")[:LONGEST_TEXT_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def _state(row: Mapping[str, Any]) -> JobState:
    try:
        return JobState(_text(row, "state") or JobState.PENDING)
    except ValueError as error:
        raise BadRow("its state is unknown") from error


def _text(row: Mapping[str, Any], column: str) -> str | None:
    value = row.get(column)
    if value is not None and not isinstance(value, str):
        raise BadRow(f"its {column} is not a text")
    return value or None


def _count(row: Mapping[str, Any], column: str) -> int:
    value = row.get(column, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < HIGHEST_COUNT:
        raise BadRow(f"its {column} is not a count")
    return value


def _flag(row: Mapping[str, Any], column: str) -> bool:
    value = row.get(column, False)
    if not isinstance(value, bool):
        raise BadRow(f"its {column} is neither true nor false")
    return value


def _written_moment(row: Mapping[str, Any], column: str) -> datetime | None:
    text = _text(row, column)
    try:
        return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise BadRow(f"its {column} is not a date and time") from error


def _moment(row: Mapping[str, Any], column: str) -> datetime | None:
    value = row.get(column)
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise BadRow(f"its {column} is not a date and time")
    return stored_moment(value)
