"""The history of finished jobs: the `finished` partition of the jobs table.

Two rows a job, written together: `at~<inverted time>~<job id>` holds the record, so that the newest come first;
`job~<job id>` says where it is. Reading a page costs as much as the page is long, however long the history; with a
filter, as much as what is passed over on the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from shared.jobs.job import Job
from shared.jobs.job_bodies import JobBodies
from shared.jobs.job_rows import job_of
from shared.jobs.pending_jobs import OutboxRow
from shared.storage.table import Change, Row, Table, Write, etag_of

FINISHED_PARTITION = "finished"
_RECORD_PREFIX = "at~"
_POINTER_PREFIX = "job~"
_END_OF_TIME_MICROSECONDS = 10**17
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Recorded(Enum):
    """Whose finish of a job stands in the history."""

    BY_THIS_FINISH = auto()
    # Its row was put back into `pending` by another system. The earlier finish stands, and was announced.
    BY_AN_EARLIER_FINISH = auto()
    # Its record was removed just now, or storage does not take it.
    NOT_YET = auto()


@dataclass(frozen=True)
class HistoryEntry:
    """A finished job and the key of its record, after which a listing can go on."""

    job: Job
    row_key: str


class History:
    """Finished jobs, newest first."""

    def __init__(self, table: Table, bodies: JobBodies) -> None:
        self._table = table
        self._bodies = bodies

    def add(self, rows: Sequence[OutboxRow]) -> list[Recorded]:
        """Record finished jobs, each once: adding again after a crash changes nothing. Raises StorageError."""
        results = self._table.commit_groups([_new_rows(row) for row in rows])
        return [
            Recorded.BY_THIS_FINISH if etags is not None else self._recorded(row)
            for row, etags in zip(rows, results, strict=True)
        ]

    def get(self, job_id: str) -> Job | None:
        """The finished job, or None."""
        pointer = self._table.get(FINISHED_PARTITION, _POINTER_PREFIX + job_id)
        if pointer is None:
            return None
        row = self._table.get(FINISHED_PARTITION, pointer["recordKey"])
        return None if row is None else self._job(row)

    def page(
        self, after_key: str, limit: int, *, state: str | None = None, external_id: str | None = None
    ) -> list[HistoryEntry]:
        """Up to `limit` finished jobs whose records follow `after_key` (empty: from the newest)."""
        query = "PartitionKey eq @partition and RowKey gt @after and RowKey lt @end"
        parameters = {
            "partition": FINISHED_PARTITION,
            "after": after_key or _RECORD_PREFIX,
            "end": f"{_RECORD_PREFIX}~",
        }
        if state is not None:
            query += " and state eq @state"
            parameters["state"] = state
        if external_id is not None:
            query += " and externalId eq @externalId"
            parameters["externalId"] = external_id
        entries: list[HistoryEntry] = []
        for row in self._table.rows(query, parameters, page_size=min(limit, 1000)):
            entries.append(HistoryEntry(self._job(row), row["RowKey"]))
            if len(entries) == limit:
                break
        return entries

    def last_polls(self, since: datetime) -> dict[str, datetime]:
        """When each job that finished after `since` was last polled; those that never were are left out."""
        rows = self._table.rows(
            "PartitionKey eq @partition and RowKey gt @newest and RowKey lt @oldest",
            {"partition": FINISHED_PARTITION, "newest": _RECORD_PREFIX, "oldest": _key_of_moment(since)},
            columns=["RowKey", "lastPolledAt"],
        )
        return {row["RowKey"].rpartition("~")[2]: row["lastPolledAt"] for row in rows if row.get("lastPolledAt")}

    def remove(self, job_id: str) -> bool:
        """Forget a finished job; False if there is none. Raises RowChanged if another removes it just now."""
        pointer = self._table.get(FINISHED_PARTITION, _POINTER_PREFIX + job_id)
        if pointer is None:
            return False
        self._table.commit(
            [
                Change(Write.DELETE, _key(pointer["RowKey"]), etag_of(pointer)),
                Change(Write.DELETE, _key(pointer["recordKey"])),
            ]
        )
        self._bodies.delete(job_id)
        return True

    def _recorded(self, row: OutboxRow) -> Recorded:
        pointer = self._table.get(FINISHED_PARTITION, _POINTER_PREFIX + row.job.job_id)
        if pointer is None:
            return Recorded.NOT_YET
        by_this_finish = pointer["finishedEventId"] == row.finished_event_id
        return Recorded.BY_THIS_FINISH if by_this_finish else Recorded.BY_AN_EARLIER_FINISH

    def _job(self, row: Row) -> Job:
        job_id = row["RowKey"].rpartition("~")[2]
        return self._bodies.load_if_whole(job_of(row, job_id, registered_at=row["registeredAt"]), row)


def _new_rows(row: OutboxRow) -> list[Change]:
    record_key = _record_key(row.job)
    pointer = {"recordKey": record_key, "finishedEventId": row.finished_event_id}
    return [
        Change(Write.INSERT, _key(_POINTER_PREFIX + row.job.job_id) | pointer),
        Change(Write.INSERT, _key(record_key) | row.columns),
    ]


def _record_key(job: Job) -> str:
    return f"{_key_of_moment(job.finished_at or job.registered_at)}~{job.job_id}"


def _key_of_moment(moment: datetime) -> str:
    """Sorts before the key of any earlier moment."""
    inverted = _END_OF_TIME_MICROSECONDS - (moment - _EPOCH) // timedelta(microseconds=1)
    return f"{_RECORD_PREFIX}{inverted:017}"


def _key(row_key: str) -> Row:
    return {"PartitionKey": FINISHED_PARTITION, "RowKey": row_key}
