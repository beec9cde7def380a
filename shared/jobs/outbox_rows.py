"""How a job that has just finished stands in the table, on its way from `pending` to the history."""

import uuid
from dataclasses import dataclass, replace

from shared.jobs.job import Job
from shared.jobs.job_rows import JOB_COLUMNS, event_id, job_of, key_as_job_id
from shared.storage.columns import BadRow, moment, read_row
from shared.storage.table import Row, etag_of

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
