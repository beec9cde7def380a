"""How a job that has just finished stands in the table, on its way from `pending` to the history."""

import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from shared.jobs.job import Job
from shared.jobs.job_rows import (
    JOB_COLUMNS,
    PendingRow,
    columns_of,
    event_id,
    job_of,
    key_as_job_id,
    merge_of,
    pending_key,
)
from shared.jobs.large_fields import LargeFields
from shared.storage.errors import StorageError, StorageRefused, StorageUnreachable
from shared.storage.rows import BadRow, moment, read_row
from shared.storage.table import Change, Row, Write, etag_of

# `~` sorts after every job id.
OUTBOX_PREFIX = "~finished~"


@dataclass(frozen=True)
class OutboxRow:
    """A job that has left `pending` and is not yet in the history; its event is not yet announced."""

    job: Job
    columns: Row
    finished_event_id: str
    stalled_event_id: str | None
    etag: str = ""

    @property
    def row_key(self) -> str:
        return OUTBOX_PREFIX + self.job.job_id

    def without_parts(self) -> "OutboxRow":
        """The row as it is read from storage: errors and private offer are there, and not in memory."""
        return replace(self, job=replace(self.job, errors=[], private_offer=None))


def new_event_id() -> str:
    """The id an event keeps for good: `webhook-id` of its deliveries is derived from it."""
    return f"evt_{uuid.uuid4().hex}"


def outbox_row(row: Row) -> OutboxRow:
    """Read an outbox row. Raises BadRow, nothing else."""
    return read_row(lambda: _read_outbox_row(row))


def _read_outbox_row(row: Row) -> OutboxRow:
    job_id = key_as_job_id(row["RowKey"].removeprefix(OUTBOX_PREFIX))
    registered_at, finished_event_id = moment(row, "registeredAt"), event_id(row, "finishedEventId")
    if registered_at is None or finished_event_id is None:
        raise BadRow("it has no registeredAt or no finishedEventId")
    job = job_of(row, job_id, registered_at=registered_at)
    if job.pending or job.finished_at is None:
        raise BadRow("it is not a finished job")
    columns = {name: row[name] for name in JOB_COLUMNS if name in row}
    return OutboxRow(job, columns, finished_event_id, event_id(row, "stalledEventId"), etag_of(row))


_log = logging.getLogger("offer_monitor.jobs")


@dataclass(frozen=True)
class Written:
    """What became of a poll's result: the row as it now stands, or the outbox row of the job that finished."""

    row: PendingRow | None = None
    outbox: OutboxRow | None = None

    def with_etag(self, etag: str) -> "Written":
        """The same with the ETag of its row, which is the last that the transaction wrote."""
        return Written(
            row=None if self.row is None else replace(self.row, etag=etag),
            outbox=None if self.outbox is None else replace(self.outbox, etag=etag),
        )


def planned_results(
    polled: Sequence[tuple[PendingRow, Job]], announced: Collection[str], bodies: LargeFields
) -> tuple[list[tuple[list[Change], Written]], StorageError | None]:
    """For each result the changes that store it, and what becomes of its row when they are written; long parts are
    stored here. With the error that kept some long parts from being stored: those jobs have no changes.
    """
    planned: list[tuple[list[Change], Written]] = []
    failure: StorageError | None = None
    for row, job in polled:
        changes: list[Change] = []
        written = Written()
        if failure is None or not (row.parts or bodies.need_documents(job)):
            try:
                changes, written = _planned(row, job, announced, bodies)
            except StorageUnreachable as error:
                failure = error
                _log.warning("the long parts of job %s cannot be stored now: %s", job.job_id, error)
        planned.append((changes, written))
    return planned, failure


def _planned(
    claimed: PendingRow, job: Job, announced: Collection[str], bodies: LargeFields
) -> tuple[list[Change], Written]:
    """The changes that store a poll's result; none for a job that makes no sense, which must stop no other."""
    is_announced = claimed.stalled_event_id in announced
    row = replace(claimed, stalled_event_id=None) if is_announced else claimed
    try:
        return _pending_changes(row, job, bodies) if job.pending else _finishing_changes(row, job, bodies)
    except (StorageUnreachable, StorageRefused):
        raise
    except Exception:  # noqa: BLE001 - one absurd job harms itself at most
        _log.exception("the result of polling job %s cannot be stored", job.job_id)
        return [], Written()


def _pending_changes(row: PendingRow, job: Job, bodies: LargeFields) -> tuple[list[Change], Written]:
    newly_stalled = job.stalled and not row.job.stalled
    stalled_event_id = new_event_id() if newly_stalled else row.stalled_event_id
    columns = columns_of(job) | {"stalledEventId": stalled_event_id or ""}
    if job.errors is not row.job.errors:
        columns |= bodies.columns(job, row.parts)
    # Otherwise upstream has said nothing new, and the errors stay as they are in the row, loaded or not.
    written = Written(row=replace(row, job=job, stalled_event_id=stalled_event_id))
    return [merge_of(row, columns)], written


def _finishing_changes(row: PendingRow, job: Job, bodies: LargeFields) -> tuple[list[Change], Written]:
    if job.errors is row.job.errors and row.parts:
        job = replace(job, errors=bodies.load(row.job, row.parts).errors)
    columns = columns_of(job) | bodies.columns(job, row.parts)
    columns |= {"finishedEventId": new_event_id(), "stalledEventId": row.stalled_event_id or ""}
    outbox = OutboxRow(job, columns, columns["finishedEventId"], row.stalled_event_id)
    delete = Change(Write.DELETE, pending_key(row.row_key), row.etag)
    return [delete, Change(Write.INSERT, pending_key(outbox.row_key) | columns)], Written(outbox=outbox)
