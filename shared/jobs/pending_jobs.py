"""The `pending` partition: every job still followed, and for a moment each one that has just finished.

A row's key is its job id, so that other systems can put one there. A finishing job leaves in one entity group
transaction that deletes its row and inserts an outbox row `~finished~<job id>` beside it; `outbox.py` takes it from
there. `~` sorts after every job id, so one query of the partition reads both, the jobs first.
"""

import logging
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.jobs.job import Job
from shared.jobs.job_bodies import JobBodies
from shared.jobs.job_rows import PENDING_PARTITION, BadRow, PendingRow, columns_of, job_of, pending_row
from shared.storage.errors import ChangeRefused, RowChanged
from shared.storage.moments import stored_moment
from shared.storage.table import Change, Row, Table, Write, stamped_at

OUTBOX_PREFIX = "~finished~"
# Enough to find the one row among a hundred that another system has changed.
CLAIM_TRIES = 16
_log = logging.getLogger("offer_monitor.jobs")


@dataclass(frozen=True)
class OutboxRow:
    """A job that has left `pending` and is not yet in the history; its event is not yet announced."""

    job: Job
    columns: Row
    finished_event_id: str
    stalled_event_id: str | None

    @property
    def row_key(self) -> str:
        return OUTBOX_PREFIX + self.job.job_id

    def without_parts(self) -> "OutboxRow":
        """The row as it is read from storage: errors and private offer are there, and not in memory."""
        return replace(self, job=replace(self.job, errors=[], private_offer=None))


@dataclass
class PendingPage:
    """Some rows of the partition, told apart by what they are."""

    rows: list[PendingRow] = field(default_factory=list)
    outbox: list[OutboxRow] = field(default_factory=list)
    bad: list[tuple[Row, str]] = field(default_factory=list)
    last_key: str = ""


@dataclass(frozen=True)
class Written:
    """What became of a poll's result: the row as it now stands, or the outbox row of the job that finished."""

    row: PendingRow | None = None
    outbox: OutboxRow | None = None


class PendingJobs:
    """Reads and conditionally writes the pending partition."""

    def __init__(self, table: Table, bodies: JobBodies) -> None:
        self._table = table
        self._bodies = bodies

    def pages(self, now: datetime, *, start_at: str = "") -> Iterator[PendingPage]:
        """The whole partition in pages: one query, in key order.

        With `start_at`, the key where an earlier reading stopped: first what has just finished, then the jobs from
        there on, then those before it. A row that cannot be read is in `bad` and hinders no other.
        """
        queries = ["PartitionKey eq @partition"]
        if start_at:
            of_jobs = "PartitionKey eq @partition and RowKey lt @outbox"
            queries = [
                "PartitionKey eq @partition and RowKey ge @outbox",
                f"{of_jobs} and RowKey ge @start",
                f"{of_jobs} and RowKey lt @start",
            ]
        parameters = {"partition": PENDING_PARTITION, "start": start_at, "outbox": OUTBOX_PREFIX}
        for query in queries:
            for rows in self._table.pages(query, parameters):
                yield _page(rows, now)

    def page(self, after_key: str, limit: int, now: datetime, *, external_id: str | None = None) -> list[PendingRow]:
        """Up to `limit` pending jobs whose keys follow `after_key`, with all their parts."""
        query = "PartitionKey eq @partition and RowKey gt @after and RowKey lt @outbox"
        parameters = {"partition": PENDING_PARTITION, "after": after_key, "outbox": OUTBOX_PREFIX}
        if external_id is not None:
            query += " and externalId eq @externalId"
            parameters["externalId"] = external_id
        found: list[PendingRow] = []
        for row in self._table.rows(query, parameters, page_size=min(limit, 1000)):
            try:
                found.append(self._whole(row, now))
            except BadRow:
                continue  # the next tick sets it aside
            if len(found) == limit:
                break
        return found

    def outbox(self, after_key: str = "") -> list[OutboxRow]:
        """Jobs that have just finished and are not in the history yet, whose keys follow `after_key`."""
        rows = self._table.rows(
            "PartitionKey eq @partition and RowKey gt @after and RowKey lt @end",
            {"partition": PENDING_PARTITION, "after": after_key or OUTBOX_PREFIX, "end": f"{OUTBOX_PREFIX}~"},
        )
        found: list[OutboxRow] = []
        for row in rows:
            try:
                found.append(self._shown(_outbox_row(row)))
            except BadRow:
                continue  # the next tick sets it aside
        return found

    def get(self, job_id: str, now: datetime) -> PendingRow | None:
        """The job if it is pending. A row that is no job counts as none. Raises StorageError."""
        row = self._table.get(PENDING_PARTITION, job_id)
        try:
            return None if row is None else self._whole(row, now)
        except BadRow:
            return None

    def outbox_row(self, job_id: str) -> OutboxRow | None:
        """The job if it is on its way from `pending` to the history."""
        row = self._table.get(PENDING_PARTITION, OUTBOX_PREFIX + job_id)
        try:
            return None if row is None else self._shown(_outbox_row(row))
        except BadRow:
            return None

    def whole_outbox_row(self, row: OutboxRow) -> OutboxRow:
        """The outbox row with the job's errors and private offer. Raises RecordBroken."""
        return replace(row, job=self._bodies.load(row.job, row.columns))

    def register(self, job: Job) -> bool:
        """Start following a job; False, and nothing changed, if its row is there already."""
        return self._table.insert(_key(job.job_id) | columns_of(job) | self._bodies.columns(job))

    def remove(self, row: PendingRow) -> None:
        """Stop following. Raises RowChanged if the row is not as it was read."""
        self._table.delete(PENDING_PARTITION, row.row_key, row.etag)
        self._bodies.delete(row.job.job_id)

    def count(self, due_before: datetime) -> tuple[int, int]:
        """How many jobs are pending, and how many of them were due before that moment."""
        rows = self._table.rows(
            "PartitionKey eq @partition and RowKey lt @outbox",
            {"partition": PENDING_PARTITION, "outbox": OUTBOX_PREFIX},
            columns=["nextPollAt", "Timestamp"],
        )
        due = [stored_moment(row.get("nextPollAt")) or stamped_at(row) for row in rows]
        return len(due), sum(moment is not None and moment < due_before for moment in due)

    def claim(self, rows: Sequence[PendingRow], until: datetime) -> tuple[list[PendingRow], list[PendingRow]]:
        """Take jobs for one poll: until `until` nobody else may ask upstream about them. At most 100 rows.

        Returns those that are taken, and those that another took or changed. A row that storage will not take any
        more is in neither. One changed row costs a few requests, a hundred no more than CLAIM_TRIES: then another
        instance is at work on the same jobs, and what is not taken yet counts as lost.
        """
        claimed: list[PendingRow] = []
        lost: list[PendingRow] = []
        waiting = [list(rows)]
        tries = 0
        while waiting:
            part = waiting.pop()
            tries += 1
            try:
                etags = self._table.commit([_claim(row, until) for row in part])
            except (RowChanged, ChangeRefused) as error:
                if len(part) > 1 and tries < CLAIM_TRIES:
                    middle = len(part) // 2
                    waiting += [part[middle:], part[:middle]]
                elif isinstance(error, RowChanged):
                    lost += part
                else:
                    _log.error("a job stays as it is: %s", error)
                continue
            claimed += [replace(row, etag=etag) for row, etag in zip(part, etags, strict=True)]
        return claimed, lost

    def reread(self, rows: Sequence[PendingRow], now: datetime) -> list[PendingRow]:
        """The rows as they are now; those that are gone, or that are no jobs any more, are left out."""
        found: list[PendingRow] = []
        for row in rows:
            stored = self._table.get(PENDING_PARTITION, row.row_key)
            try:
                found += [] if stored is None else [pending_row(stored, now)]
            except BadRow:
                continue  # the next tick sets it aside
        return found

    def write(
        self, polled: Sequence[tuple[PendingRow, Job]], *, announced: Collection[str] = ()
    ) -> list[Written | None]:
        """Store what polls found: pending jobs are updated, finished ones leave for the outbox.

        Each job is written if its row is still the one claimed, else its place holds None: whoever changed the row
        (a removal, or another poller after the claim ran out) has the say. `announced` are ids of stalled events that
        are on their way, which rows need not name any longer.
        """
        groups, outcomes = [], []
        for claimed, job in polled:
            is_announced = claimed.stalled_event_id in announced
            row = replace(claimed, stalled_event_id=None) if is_announced else claimed
            changes, written = self._pending_changes(row, job) if job.pending else self._finishing_changes(row, job)
            groups.append(changes)
            outcomes.append(written)
        return [
            None if etags is None else _with_etag(written, etags[0])
            for written, etags in zip(outcomes, self._table.commit_groups(groups), strict=True)
        ]

    def _whole(self, row: Row, now: datetime) -> PendingRow:
        read = pending_row(row, now)
        return replace(read, job=self._bodies.load_if_whole(read.job, row))

    def _shown(self, row: OutboxRow) -> OutboxRow:
        return replace(row, job=self._bodies.load_if_whole(row.job, row.columns))

    def _pending_changes(self, row: PendingRow, job: Job) -> tuple[list[Change], Written]:
        newly_stalled = job.stalled and not row.job.stalled
        stalled_event_id = new_event_id() if newly_stalled else row.stalled_event_id
        columns = columns_of(job) | self._bodies.columns(job) | {"stalledEventId": stalled_event_id or ""}
        written = Written(row=replace(row, job=job, stalled_event_id=stalled_event_id))
        return [_merge(row, columns)], written

    def _finishing_changes(self, row: PendingRow, job: Job) -> tuple[list[Change], Written]:
        columns = columns_of(job) | self._bodies.columns(job)
        columns |= {"finishedEventId": new_event_id(), "stalledEventId": row.stalled_event_id or ""}
        outbox = OutboxRow(job, columns, columns["finishedEventId"], row.stalled_event_id)
        delete = Change(Write.DELETE, _key(row.row_key), row.etag)
        return [delete, Change(Write.INSERT, _key(outbox.row_key) | columns)], Written(outbox=outbox)


def new_event_id() -> str:
    """The id an event keeps for good: `webhook-id` of its deliveries is derived from it."""
    return f"evt_{uuid.uuid4().hex}"


def _with_etag(written: Written, etag: str) -> Written:
    return replace(written, row=replace(written.row, etag=etag)) if written.row else written


def _page(rows: Sequence[Row], now: datetime) -> PendingPage:
    page = PendingPage(last_key=rows[-1]["RowKey"] if rows else "")
    for row in rows:
        try:
            if row["RowKey"].startswith(OUTBOX_PREFIX):
                page.outbox.append(_outbox_row(row))
            else:
                page.rows.append(pending_row(row, now))
        except BadRow as error:
            page.bad.append((row, str(error)))
    return page


def _claim(row: PendingRow, until: datetime) -> Change:
    # A row put there by another system gets its age written down: the next write renews its time stamp.
    return _merge(row, {"nextPollAt": until, "claimedUntil": until, "registeredAt": row.job.registered_at})


def _merge(row: PendingRow, columns: Row) -> Change:
    return Change(Write.MERGE, _key(row.row_key) | columns, row.etag)


def _key(row_key: str) -> Row:
    return {"PartitionKey": PENDING_PARTITION, "RowKey": row_key}


def _outbox_row(row: Row) -> OutboxRow:
    job_id = row["RowKey"].removeprefix(OUTBOX_PREFIX)
    registered_at, event_id = row.get("registeredAt"), row.get("finishedEventId")
    if not isinstance(registered_at, datetime) or not isinstance(event_id, str):
        raise BadRow("it has no registeredAt or no finishedEventId")
    columns = {name: value for name, value in row.items() if name not in {"PartitionKey", "RowKey"}}
    job = job_of(row, job_id, registered_at=registered_at)
    return OutboxRow(job, columns, event_id, row.get("stalledEventId") or None)
