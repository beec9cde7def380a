"""How the result of a poll is stored: a job that is still pending is merged, a finished one leaves for the outbox."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from shared.jobs.job import Job
from shared.jobs.job_bodies import JobBodies
from shared.jobs.job_rows import PendingRow, columns_of, merge_of, pending_key
from shared.jobs.outbox_rows import OutboxRow, new_event_id
from shared.storage.errors import StorageError, StorageRefused, StorageUnreachable
from shared.storage.table import Change, Write

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
    polled: Sequence[tuple[PendingRow, Job]], announced: Collection[str], bodies: JobBodies
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
    claimed: PendingRow, job: Job, announced: Collection[str], bodies: JobBodies
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


def _pending_changes(row: PendingRow, job: Job, bodies: JobBodies) -> tuple[list[Change], Written]:
    newly_stalled = job.stalled and not row.job.stalled
    stalled_event_id = new_event_id() if newly_stalled else row.stalled_event_id
    columns = columns_of(job) | {"stalledEventId": stalled_event_id or ""}
    if job.errors is not row.job.errors:
        columns |= bodies.columns(job, row.parts)
    # Otherwise upstream has said nothing new, and the errors stay as they are in the row, loaded or not.
    written = Written(row=replace(row, job=job, stalled_event_id=stalled_event_id))
    return [merge_of(row, columns)], written


def _finishing_changes(row: PendingRow, job: Job, bodies: JobBodies) -> tuple[list[Change], Written]:
    if job.errors is row.job.errors and row.parts:
        job = replace(job, errors=bodies.load(row.job, row.parts).errors)
    columns = columns_of(job) | bodies.columns(job, row.parts)
    columns |= {"finishedEventId": new_event_id(), "stalledEventId": row.stalled_event_id or ""}
    outbox = OutboxRow(job, columns, columns["finishedEventId"], row.stalled_event_id)
    delete = Change(Write.DELETE, pending_key(row.row_key), row.etag)
    return [delete, Change(Write.INSERT, pending_key(outbox.row_key) | columns)], Written(outbox=outbox)
