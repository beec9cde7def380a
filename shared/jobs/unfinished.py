"""The jobs that are not in the history yet: their changes to offers are still to be told."""

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime

from shared.jobs.job import Operation
from shared.jobs.job_events import FINISHED_PREFIX
from shared.jobs.job_rows import PENDING_PARTITION, key_as_job_id
from shared.storage.partition import Partition
from shared.storage.rows import BadRow, stored_moment, text_of_any
from shared.storage.table import Row, Table

# A job without a time of registration has just been put there by another system.
_JUST_NOW = datetime.max.replace(tzinfo=UTC)


def unfinished_jobs(table: Table, at_most: int) -> list[str]:
    """The ids of jobs that may still have to tell of an offer, at most so many.

    First those on their way to the history, then those that were registered last. One registered as a delete has no
    offer. Raises StorageError.
    """
    rows = Partition(table, PENDING_PARTITION).rows(
        before=f"{FINISHED_PREFIX}~", columns=["RowKey", "registeredAt", "operation"]
    )
    return [job_id for _, _, job_id in heapq.nlargest(at_most, _jobs_in(rows))]


def _jobs_in(rows: Iterator[Row]) -> Iterator[tuple[bool, datetime, str]]:
    for row in rows:
        key = str(row["RowKey"])
        try:
            job_id = key_as_job_id(key.removeprefix(FINISHED_PREFIX))
        except BadRow:
            continue  # an event of a job, or a row that is not a job
        if Operation.named(text_of_any(row, "operation")) is not Operation.DELETE:
            registered_at = stored_moment(row.get("registeredAt")) or _JUST_NOW
            yield key.startswith(FINISHED_PREFIX), registered_at, job_id
