"""Pending jobs for tests that need storage and nothing else of the app."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.app import Stores
from shared.jobs.job import Job, JobState
from shared.jobs.job_events import JobEvent
from shared.jobs.job_rows import PendingRow
from shared.storage.table import Change, Row, Write
from tests.clock import FakeClock

NOW = FakeClock().now()
CLAIM = NOW + timedelta(seconds=95)
# Too long for a column, so it is stored as a document.
LONG: list[dict[str, Any]] = [{"message": "x" * 50_000}]


def job_id(number: int) -> str:
    return str(uuid.UUID(int=number + 0xA << 124))


def registered(stores: Stores, number: int, **fields: Any) -> PendingRow:  # noqa: ANN401 - any field of a job
    job = replace(Job(job_id=job_id(number), registered_at=NOW, next_poll_at=NOW), **fields)
    assert stores.pending.register(job)
    return pending(stores, job.job_id)


def pending(stores: Stores, of: str) -> PendingRow:
    row = stores.pending.get(of)
    assert row is not None
    return row


def finished(stores: Stores, row: PendingRow) -> JobEvent:
    """The event of the job, which has just ended."""
    [written] = stores.pending.write([(row, row.job.finished(JobState.FAILED, NOW))], NOW)
    assert written is not None
    assert written.event is not None
    return written.event


def put(stores: Stores, row_key: str, **columns: Any) -> None:  # noqa: ANN401 - columns of any type
    stores.jobs_table.upsert({"PartitionKey": "pending", "RowKey": row_key, **columns})


def touch(stores: Stores, row: PendingRow) -> None:
    """Another system changes the row."""
    key = {"PartitionKey": "pending", "RowKey": row.row_key}
    stores.jobs_table.commit([Change(Write.MERGE, key | {"customer": "Contoso"})])


def stored(stores: Stores, row_key: str) -> Row:
    row = stores.jobs_table.get("pending", row_key)
    assert row is not None
    return row


def documents(stores: Stores) -> int:
    return len(list(stores.jobs_table.rows("PartitionKey ge 'document~' and PartitionKey lt 'document~~'")))


def ids(rows: list[PendingRow]) -> list[str]:
    return [row.job.job_id for row in rows]
