"""What callers change of jobs that have finished: operation, label, external id.

The history is in the order in which jobs finished, and such a change does not move a record. So that a listing by
`updatedSince` finds it without reading the whole history, `changed~<inverted time>~<job id>` is written in the same
transaction, in the order of the changes. Of several such rows of a job only the one that names the record's
`updatedAt` counts. `clean_up` removes them when the job's time is over.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import batched

from shared.jobs.history import FINISHED_PARTITION, History, key_of_moment
from shared.jobs.job import Job
from shared.jobs.job_rows import caller_columns_of
from shared.jobs.timeline import after_change
from shared.storage.partition import Partition
from shared.storage.rows import BadRow
from shared.storage.table import TRANSACTION_MAX_ROWS, Row, Table, Write, etag_of

CHANGED_PREFIX = "changed~"
LOOKED_AT_ONCE = 100


class LateChanges:
    """Changes finished jobs, and finds those that were changed. Every method raises StorageError."""

    def __init__(self, table: Table, history: History) -> None:
        self._table = table
        self._partition = Partition(table, FINISHED_PARTITION)
        self._history = history

    def change(self, job_id: str, change: Callable[[Job], Job], now: datetime) -> Job | None:
        """The finished job after the change; None if it is not known. Raises RowChanged: another changed it first."""
        row = self._history.record_row(job_id)
        if row is None:
            return None
        try:
            job = self._history.read(row)
        except BadRow:
            return None
        changed = change(job)
        if changed == job:
            return job
        changed = replace(changed, updated_at=now, timeline=after_change(job, changed, now))
        self._table.commit(
            [
                self._partition.change(Write.MERGE, row["RowKey"], caller_columns_of(changed), etag_of(row)),
                self._partition.change(Write.UPSERT, _changed_key(changed)),
            ]
        )
        if job.last_updated_at != job.finished_at:
            self._partition.delete(_changed_key(job))
        return changed

    def scan(self, after_key: str, since: datetime) -> Iterator[tuple[str, Row | None]]:
        """The changes since that moment, newest first: each key, with its job's record if that ended before.

        Records of jobs that ended later are left out: the history lists them.
        """
        end = key_of_moment(since, CHANGED_PREFIX) + "~~"
        for row in self._partition.rows(after=after_key or CHANGED_PREFIX, before=end, page_size=LOOKED_AT_ONCE):
            yield row["RowKey"], self._record(row["RowKey"], since)

    def remove_expired(self, *, changed_before: datetime, has_time: Callable[[], bool]) -> int:
        """Delete the notes of changes before that moment, whose jobs have expired too; returns how many."""
        rows = self._partition.rows(
            after=key_of_moment(changed_before, CHANGED_PREFIX), before=f"{CHANGED_PREFIX}~", columns=["RowKey"]
        )
        removed = 0
        for some in batched(rows, TRANSACTION_MAX_ROWS, strict=False):
            if not has_time():
                break
            self._table.commit_each([[self._partition.change(Write.DELETE, row["RowKey"])] for row in some])
            removed += len(some)
        return removed

    def _record(self, changed_key: str, since: datetime) -> Row | None:
        """The record whose last change this key names, unless its job ended at `since` or later."""
        row = self._history.record_row(changed_key.rpartition("~")[2])
        try:
            job = None if row is None else self._history.read_bare(row)
        except BadRow:
            return None
        if job is None or _changed_key(job) != changed_key:
            return None
        return None if job.finished_at is not None and job.finished_at >= since else row


def _changed_key(job: Job) -> str:
    return f"{key_of_moment(job.last_updated_at, CHANGED_PREFIX)}~{job.job_id}"
