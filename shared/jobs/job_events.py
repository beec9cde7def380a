"""The events of a job, and the transaction that stores what a poll found together with the event that it makes.

A job that is still pending is merged into its row, and the poll that flags it as stalled inserts an event beside it.
A job that finished leaves: its row is deleted, and the row of its event, which holds the whole job, is inserted.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.events.event import Event, new_event_id
from shared.events.outbox import event_columns, event_id_in, event_key
from shared.jobs.job import Job, job_record
from shared.jobs.job_rows import (
    JOB_COLUMNS,
    PENDING_PARTITION,
    PendingRow,
    columns_of,
    job_of,
    key_as_job_id,
    merge_of,
    pending_key,
)
from shared.jobs.large_fields import LargeFields
from shared.jobs.timeline import after_poll
from shared.storage.errors import StorageError, StorageRefused, StorageUnreachable
from shared.storage.rows import BadRow, moment, read_row, text
from shared.storage.table import Change, Row, Write, etag_of

# Its key names the job, so that a job is found while it is on its way from `pending` to the history.
FINISHED_PREFIX = "~finished~"
_log = logging.getLogger("offer_monitor.jobs")


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """An event about a job, as it is in the outbox: the job at that moment is its data."""

    id: str
    type: str
    created_at: datetime
    job: Job
    # The job's columns, those of its large fields among them, as they are in the row.
    columns: Row
    etag: str = ""

    @property
    def finishes(self) -> bool:
        """Whether this event is the end of its job, which is then in no other row than this."""
        return not self.job.pending

    @property
    def key(self) -> Row:
        return finished_key(self.job.job_id) if self.finishes else event_key(PENDING_PARTITION, self.id)

    @property
    def event(self) -> Event:
        return Event(id=self.id, type=self.type, created_at=self.created_at, data={"job": job_record(self.job)})

    @property
    def insertion(self) -> Change:
        """The change that stores it."""
        columns = self.columns | event_columns(self.id, self.type, self.created_at)
        return Change(Write.INSERT, self.key | columns | {"jobId": self.job.job_id})

    def without_large_fields(self) -> "JobEvent":
        """The event as it is read from storage: errors and private offer are there, and not in memory."""
        return replace(self, job=replace(self.job, errors=[], private_offer=None))


@dataclass(frozen=True)
class Written:
    """What a poll's result left in storage: the row of a job that is still pending, and the event that it made."""

    row: PendingRow | None = None
    event: JobEvent | None = None

    def with_etags(self, etags: Sequence[str]) -> "Written":
        """The same with the ETags of its rows: the pending row is written first, the event last."""
        return Written(
            row=None if self.row is None else replace(self.row, etag=etags[0]),
            event=None if self.event is None else replace(self.event, etag=etags[-1]),
        )


def finished_key(job_id: str) -> Row:
    """The keys of the event that a job's end makes."""
    return {"PartitionKey": PENDING_PARTITION, "RowKey": FINISHED_PREFIX + job_id}


def job_event(row: Row) -> JobEvent:
    """Read the row of an event about a job, without the job's large fields. Raises BadRow, nothing else."""
    return read_row(lambda: _job_event(row))


def _job_event(row: Row) -> JobEvent:
    finishes = row["RowKey"].startswith(FINISHED_PREFIX)
    key = row["RowKey"].removeprefix(FINISHED_PREFIX) if finishes else text(row, "jobId") or ""
    registered_at = moment(row, "registeredAt")
    if registered_at is None:
        raise BadRow("it has no registeredAt")
    job = job_of(row, key_as_job_id(key), registered_at=registered_at)
    if finishes and (job.pending or job.finished_at is None):
        raise BadRow("it is not a finished job")
    if not finishes and not (job.pending and text(row, "type") == "job.stalled"):
        raise BadRow("it is not an event of a job")
    # Version 1.0.0 wrote the id of a finishing event as `finishedEventId`, and no `createdAt`.
    old = finishes and "eventId" not in row
    return JobEvent(
        id=event_id_in(row, "finishedEventId" if old else "eventId"),
        type=f"job.{job.state}" if finishes else "job.stalled",
        created_at=moment(row, "createdAt") or job.finished_at or registered_at,
        job=job,
        columns={name: row[name] for name in JOB_COLUMNS if name in row},
        etag=etag_of(row),
    )


def planned_results(
    polled: Sequence[tuple[PendingRow, Job]], large_fields: LargeFields, now: datetime
) -> tuple[list[tuple[list[Change], Written]], StorageError | None]:
    """For each result the changes that store it and what they leave in storage; documents are stored here.

    Also the error that kept some documents from being stored: the jobs that need them have no changes.
    """
    planned: list[tuple[list[Change], Written]] = []
    failure: StorageError | None = None
    for row, job in polled:
        changes: list[Change] = []
        written = Written()
        if failure is None or not (row.parts or large_fields.need_documents(job)):
            try:
                changes, written = _planned(row, job, large_fields, now)
            except StorageUnreachable as error:
                failure = error
                _log.warning("the large fields of job %s cannot be stored now: %s", job.job_id, error)
        planned.append((changes, written))
    return planned, failure


def _planned(row: PendingRow, job: Job, large_fields: LargeFields, now: datetime) -> tuple[list[Change], Written]:
    """The changes that store a poll's result; none for a result that cannot be stored, which must stop no other."""
    event_id = new_event_id()
    try:
        job = replace(job, timeline=after_poll(row.job, job, now, event_id))
        plan = _still_pending if job.pending else _finished
        return plan(row, job, large_fields, now, event_id)
    except (StorageUnreachable, StorageRefused):
        raise
    except Exception:  # noqa: BLE001 - one absurd job harms itself at most
        _log.exception("the result of polling job %s cannot be stored", job.job_id)
        return [], Written()


def _still_pending(
    row: PendingRow, job: Job, large_fields: LargeFields, now: datetime, event_id: str
) -> tuple[list[Change], Written]:
    # If upstream has said nothing new, the errors stay as they are in the row, loaded or not.
    stored = {} if job.errors is row.job.errors else large_fields.columns(job, row.parts)
    new_errors = bool(stored) and {name: value for name, value in stored.items() if value} != row.parts
    if new_errors or job.says_more_than(row.job):
        job = replace(job, updated_at=now)
    columns = columns_of(job) | stored
    if job.timeline == row.job.timeline:
        del columns["timeline"]
    merge = merge_of(row, columns)
    written = Written(row=replace(row, job=job))
    if row.job.stalled or not job.stalled:
        return [merge], written
    # A document belongs to the pending row alone: errors that need one are left out of the event.
    about = columns_of(job) | {"errors": (stored or row.parts).get("errors") or ""}
    event = JobEvent(id=event_id, type="job.stalled", created_at=now, job=job, columns=about)
    return [merge, event.insertion], replace(written, event=event)


def _finished(
    row: PendingRow, job: Job, large_fields: LargeFields, now: datetime, event_id: str
) -> tuple[list[Change], Written]:
    if job.errors is row.job.errors and row.parts:
        job = replace(job, errors=large_fields.load(row.job, row.parts).errors)
    event = JobEvent(
        id=event_id,
        type=f"job.{job.state}",
        created_at=job.finished_at or now,
        job=job,
        columns=columns_of(job) | large_fields.columns(job, row.parts),
    )
    return [Change(Write.DELETE, pending_key(row.row_key), row.etag), event.insertion], Written(event=event)
