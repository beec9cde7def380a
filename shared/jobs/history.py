"""The history of finished jobs: the `finished` partition of the jobs table.

Two rows a job, written together, and counted in the same transaction (`finish_counts.py`): the record,
`at~<inverted time>~<job id>`, so that the newest come first; and `job~<job id>`, which points to it.

A job that is removed leaves its pointer behind for a day, without a record. A tick that still holds the job, and has
not finished it yet, then finds that this end was dealt with and does not bring the job back. `removed~<job id>`
names the pointers that wait to be deleted.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from itertools import batched

from shared.jobs.filter import JobFilter, scan
from shared.jobs.finish_counts import FinishCounts
from shared.jobs.job import Job
from shared.jobs.job_events import JobEvent
from shared.jobs.job_rows import PART_COLUMNS, job_of, key_as_job_id, last_polls_in
from shared.jobs.large_fields import LargeFields
from shared.storage.partition import Partition
from shared.storage.rows import BadRow, moment, read_row, text
from shared.storage.table import Change, Row, Table, Write, etag_of

FINISHED_PARTITION = "finished"
_RECORD_PREFIX = "at~"
_POINTER_PREFIX = "job~"
_REMOVED_PREFIX = "removed~"
_END_OF_TIME_MICROSECONDS = 10**17
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Longer than any tick holds a job that it has not finished yet.
REMOVAL_REMEMBERED_FOR = timedelta(days=1)
LONGEST_RECORD_KEY_CHARACTERS = 100
# Two rows each: as many as a transaction holds.
EXPIRED_AT_ONCE = 50
_log = logging.getLogger("offer_monitor.jobs")


class Recorded(Enum):
    """Which finish of a job is in the history."""

    BY_THIS_FINISH = auto()
    # Its row was put back into `pending` by another system. The earlier finish stands, and was announced.
    BY_AN_EARLIER_FINISH = auto()
    # Its record was removed just now, or storage does not take it.
    NOT_YET = auto()


@dataclass(frozen=True)
class _Pointer:
    """`record_key` is None once the job was removed."""

    record_key: str | None
    finished_event_id: str | None
    etag: str


class History:
    """Finished jobs, newest first."""

    def __init__(self, table: Table, large_fields: LargeFields, counts: FinishCounts) -> None:
        self._table = table
        self._partition = Partition(table, FINISHED_PARTITION)
        self._large_fields = large_fields
        self._counts = counts

    def add(self, finishes: Sequence[JobEvent]) -> list[Recorded]:
        """Record and count finished jobs, each once: adding again after a crash changes nothing.

        Raises StorageError.
        """
        results = self._counts.commit_each([(finish.job, self._new_rows(finish)) for finish in finishes])
        return [
            Recorded.BY_THIS_FINISH if isinstance(result, list) else self._recorded(finish)
            for finish, result in zip(finishes, results, strict=True)
        ]

    def get(self, job_id: str) -> Job | None:
        """The finished job, or None."""
        pointer = self._pointer(job_id)
        row = self._record(pointer)
        try:
            return None if row is None else self.read(row)
        except BadRow as error:
            _log.error("the record of job %s cannot be read: %s", job_id, error)
            return None

    def newest_key(self) -> str:
        """The key of the newest record, or one that sorts before that of any record to come."""
        rows = self._partition.rows(
            after=_RECORD_PREFIX,
            before=f"{_RECORD_PREFIX}~",
            columns=["RowKey"],
            page_size=1,
        )
        return next((row["RowKey"] for row in rows), f"{_RECORD_PREFIX}~")

    def scan(
        self, after_key: str, before_key: str, wanted: JobFilter, *, at_once: int
    ) -> Iterator[tuple[str, Row | None]]:
        """Records between the two keys (empty: from the newest, to the oldest), those wanted with their row."""
        before_key = before_key or f"{_RECORD_PREFIX}~"
        if wanted.updated_since is not None:
            # Those that ended before that moment and were changed later are found by `late_changes.py`.
            before_key = min(before_key, f"{key_of_moment(wanted.updated_since)}~~")
        return scan(
            self._partition,
            after_key=after_key or _RECORD_PREFIX,
            before_key=before_key,
            wanted=wanted,
            pending=False,
            at_once=at_once,
        )

    def read(self, row: Row) -> Job:
        """The job of a record, with its large fields as far as they are there. Raises BadRow, and StorageError."""
        return self._large_fields.load(self.read_bare(row), row)

    def read_bare(self, row: Row) -> Job:
        """The job of a record without its large fields. Raises BadRow, nothing else."""

        def job() -> Job:
            job_id = key_as_job_id(row["RowKey"].rpartition("~")[2])
            registered_at = moment(row, "registeredAt")
            if registered_at is None:
                raise BadRow("it has no registeredAt")
            found = job_of(row, job_id, registered_at=registered_at)
            if found.pending:
                raise BadRow("its job has not finished")
            return found

        return read_row(job)

    def last_polls(self, since: datetime) -> dict[str, datetime]:
        """When each job that finished after `since` was last polled; those that never were are left out."""
        rows = self._partition.rows(
            after=_RECORD_PREFIX,
            before=key_of_moment(since),
            columns=["RowKey", "lastPolledAt"],
        )
        return last_polls_in(rows, since)

    def remove(self, job_id: str, now: datetime) -> bool:
        """Forget a finished job; False if there is none. Raises RowChanged if another removes it just now."""
        pointer = self._pointer(job_id)
        if pointer is None or pointer.record_key is None:
            return False
        row = self._record(pointer)
        changes = [
            self._partition.change(Write.MERGE, _POINTER_PREFIX + job_id, {"recordKey": ""}, pointer.etag),
            self._partition.change(Write.UPSERT, _REMOVED_PREFIX + job_id, {"removedAt": now}),
        ]
        if row is not None:
            changes.append(self._partition.change(Write.DELETE, row["RowKey"], etag=etag_of(row)))
        self._table.commit(changes)
        if row is not None:
            self._large_fields.delete(job_id, row)
        return True

    def remove_expired(self, *, ended_before: datetime, has_time: Callable[[], bool]) -> int:
        """Forget jobs that ended before that moment, rows first: documents left over are found later.

        Returns how many; stops when there is no time left. Raises StorageError.
        """
        rows = self._partition.rows(
            after=key_of_moment(ended_before),
            before=f"{_RECORD_PREFIX}~",
            columns=["RowKey", *PART_COLUMNS],
            page_size=EXPIRED_AT_ONCE,
        )
        removed = 0
        for batch in batched(rows, EXPIRED_AT_ONCE, strict=False):
            if not has_time():
                break
            # Nothing but `remove`, which takes the record along, makes a pointer leave its record.
            groups = [
                [
                    self._partition.change(Write.DELETE, row["RowKey"], etag=etag_of(row)),
                    self._partition.change(Write.DELETE, _POINTER_PREFIX + _job_id_of(row)),
                ]
                for row in batch
            ]
            for row, result in zip(batch, self._table.commit_each(groups), strict=True):
                if not isinstance(result, list):  # a record without a pointer, or one that another removes just now
                    self._partition.delete(row["RowKey"])
                self._large_fields.delete(_job_id_of(row), row)
                removed += 1
        return removed

    def forget_removals(self, *, removed_before: datetime, has_time: Callable[[], bool]) -> int:
        """Delete the pointers of jobs that were removed before that moment; returns how many. Raises StorageError."""
        rows = self._partition.rows(
            after=_REMOVED_PREFIX,
            before=f"{_REMOVED_PREFIX}~",
        )
        forgotten = 0
        for row in rows:
            if not has_time():
                break
            try:
                removed_at = moment(row, "removedAt")
            except BadRow:
                removed_at = None
            if removed_at is not None and removed_at >= removed_before:
                continue
            job_id = row["RowKey"].removeprefix(_REMOVED_PREFIX)
            pointer = self._pointer(job_id)
            changes = [self._partition.change(Write.DELETE, row["RowKey"], etag=etag_of(row))]
            if pointer is not None and pointer.record_key is None:
                changes.append(self._partition.change(Write.DELETE, _POINTER_PREFIX + job_id, etag=pointer.etag))
            self._table.commit_each([changes])
            forgotten += 1
        return forgotten

    def record_row(self, job_id: str) -> Row | None:
        """The row of the finished job's record, unread."""
        return self._record(self._pointer(job_id))

    def _recorded(self, finish: JobEvent) -> Recorded:
        pointer = self._pointer(finish.job.job_id)
        if pointer is None:
            return Recorded.NOT_YET
        if pointer.finished_event_id == finish.id:
            return Recorded.BY_THIS_FINISH
        if pointer.record_key is not None:
            return Recorded.BY_AN_EARLIER_FINISH
        # Removed after an earlier finish, registered again, and now finished again.
        new_pointer, record = self._new_rows(finish)
        changes = [Change(Write.MERGE, new_pointer.row, pointer.etag), record]
        [result] = self._counts.commit_each([(finish.job, changes)])
        return Recorded.BY_THIS_FINISH if isinstance(result, list) else Recorded.NOT_YET

    def _new_rows(self, finish: JobEvent) -> list[Change]:
        record_key = _record_key(finish.job)
        pointer = {"recordKey": record_key, "finishedEventId": finish.id}
        return [
            self._partition.change(Write.INSERT, _POINTER_PREFIX + finish.job.job_id, pointer),
            self._partition.change(Write.INSERT, record_key, finish.columns),
        ]

    def _pointer(self, job_id: str) -> _Pointer | None:
        row = self._partition.get(_POINTER_PREFIX + job_id)
        if row is None:
            return None
        try:
            return read_row(lambda: _pointer_in(row, job_id))
        except BadRow as error:
            _log.error("the pointer to the record of job %s cannot be read: %s", job_id, error)
            return _Pointer(None, None, etag_of(row))

    def _record(self, pointer: _Pointer | None) -> Row | None:
        if pointer is None or pointer.record_key is None:
            return None
        return self._partition.get(pointer.record_key)


def _pointer_in(row: Row, job_id: str) -> _Pointer:
    record_key = text(row, "recordKey")
    if record_key is not None and not (
        record_key.startswith(_RECORD_PREFIX)
        and record_key.endswith(f"~{job_id}")
        and len(record_key) <= LONGEST_RECORD_KEY_CHARACTERS
    ):
        raise BadRow("its recordKey is not the key of a record")
    return _Pointer(record_key, text(row, "finishedEventId"), etag_of(row))


def _record_key(job: Job) -> str:
    return f"{key_of_moment(job.finished_at or job.registered_at)}~{job.job_id}"


def key_of_moment(moment: datetime, prefix: str = _RECORD_PREFIX) -> str:
    """The beginning of a row key that sorts before that of any earlier moment."""
    # A moment before 1970 would get a longer key, which sorts before all others instead of after them.
    since_epoch = max((moment - _EPOCH) // timedelta(microseconds=1), 1)
    inverted = max(_END_OF_TIME_MICROSECONDS - since_epoch, 0)
    return f"{prefix}{inverted:017}"


def _job_id_of(row: Row) -> str:
    return str(row["RowKey"]).rpartition("~")[2]
