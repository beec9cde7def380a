"""Fills the jobs table with rows as they look between two ticks: polled once, still running, due or not."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import batched

from shared.jobs.job import Job, Operation
from shared.jobs.job_rows import PENDING_PARTITION, columns_of
from shared.jobs.large_fields import LargeFields
from shared.storage.documents import Documents
from shared.storage.table import TRANSACTION_MAX_ROWS, Change, Table, Write

REGISTERED_BEFORE = timedelta(minutes=10)


def add_pending_rows(table: Table, job_ids: Sequence[str], *, due_in: timedelta = timedelta()) -> None:
    """Insert a row for each job, due for a poll after `due_in`."""
    now = datetime.now(UTC)
    bodies = LargeFields(Documents(table))
    for few in batched(job_ids, TRANSACTION_MAX_ROWS, strict=False):
        jobs = [_job(job_id, now, now + due_in) for job_id in few]
        table.commit_each(
            [[Change(Write.INSERT, _key(job.job_id) | columns_of(job) | bodies.columns(job))] for job in jobs]
        )


def _job(job_id: str, now: datetime, next_poll_at: datetime) -> Job:
    return Job(
        job_id=job_id,
        registered_at=now - REGISTERED_BEFORE,
        next_poll_at=next_poll_at,
        operation=Operation.CREATE,
        label="Contoso renewal",
        external_id="crm-4711",
        job_status="running",
        job_result="pending",
        job_start="2026-11-20T08:59:54.9702903Z",
        poll_count=1,
        last_polled_at=now - timedelta(minutes=1),
    )


def _key(job_id: str) -> dict[str, str]:
    return {"PartitionKey": PENDING_PARTITION, "RowKey": job_id}
