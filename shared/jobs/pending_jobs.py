"""The `pending` partition: every job that is followed, and the events that jobs make, until these are sent.

A row's key is its job id, so that other systems can put one there. A finishing job leaves in one entity group
transaction that deletes its row and inserts its event `~finished~<job id>`; `finishing.py` takes it from there. `~`
sorts after every job id, so one query of the partition reads jobs and events, the jobs first.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from shared.clock import Clock
from shared.events.outbox import OUTBOX_PREFIX
from shared.jobs.filter import JobFilter, scan
from shared.jobs.job import Job
from shared.jobs.job_events import FINISHED_PREFIX, JobEvent, Written, job_event, planned_results
from shared.jobs.job_rows import (
    PENDING_PARTITION,
    PendingRow,
    caller_columns_of,
    columns_of,
    last_polls_in,
    merge_of,
    pending_key,
    pending_row,
)
from shared.jobs.large_fields import LargeFields
from shared.storage.errors import ChangeRefused, RowChanged, StorageError
from shared.storage.partition import Partition
from shared.storage.rows import BadRow
from shared.storage.table import Change, Row, Table, Write

# Enough to find the one row among a hundred that another system has changed.
CLAIM_TRIES = 16
_log = logging.getLogger("offer_monitor.jobs")


@dataclass
class PendingPage:
    """Some rows of the partition, sorted by what they are."""

    rows: list[PendingRow] = field(default_factory=list)
    events: list[JobEvent] = field(default_factory=list)
    bad: list[tuple[Row, str]] = field(default_factory=list)
    last_key: str = ""


@dataclass
class Claims:
    """The outcome of claims: `lost` to another writer of the row, `refused` by storage for ever."""

    taken: list[PendingRow] = field(default_factory=list)
    lost: list[PendingRow] = field(default_factory=list)
    refused: list[PendingRow] = field(default_factory=list)


class PendingJobs:
    """Reads and conditionally writes the pending partition.

    Whether a row's moments are still to come is judged by the clock after the row was read: this process may have
    stood still before, while another one polled the job.
    """

    def __init__(self, table: Table, large_fields: LargeFields, clock: Clock) -> None:
        self._table = table
        self._partition = Partition(table, PENDING_PARTITION)
        self._large_fields = large_fields
        self._clock = clock

    def pages(self, *, start_at: str = "") -> Iterator[PendingPage]:
        """The whole partition in pages: one query, in key order.

        With `start_at`, the key where an earlier reading stopped: first the events, then the jobs from there on, then
        those before it. A row that cannot be read is in `bad` and does not affect the others.
        """
        if not start_at:
            readings = [self._partition.pages()]
        else:
            readings = [
                self._partition.pages(start=OUTBOX_PREFIX),
                self._partition.pages(start=start_at, before=OUTBOX_PREFIX),
                self._partition.pages(before=start_at),
            ]
        for rows in chain.from_iterable(readings):
            yield _page(rows, self._clock.now())

    def scan(self, after_key: str, wanted: JobFilter, *, at_once: int) -> Iterator[tuple[str, Row | None]]:
        """Rows of pending jobs whose keys follow `after_key`: each key, with the whole row if it is wanted."""
        return self._scan(after_key, OUTBOX_PREFIX, wanted, at_once, pending=True)

    def scan_finished(self, after_key: str, wanted: JobFilter, *, at_once: int) -> Iterator[tuple[str, Row | None]]:
        """The same of jobs that have just finished and are not in the history yet."""
        return self._scan(after_key or FINISHED_PREFIX, f"{FINISHED_PREFIX}~", wanted, at_once, pending=False)

    def whole(self, row: Row) -> PendingRow:
        """The pending job in a row, with its large fields. Raises BadRow, and StorageError."""
        read = pending_row(row, self._clock.now())
        return replace(read, job=self._large_fields.load(read.job, row))

    def whole_event(self, row: Row) -> JobEvent:
        """The event in a row, with its job's large fields. Raises BadRow, and StorageError."""
        return self.with_large_fields(job_event(row))

    def get(self, job_id: str) -> PendingRow | None:
        """The job if it is pending; None also for a row that is not a job. Raises StorageError."""
        # Another system may have written the id in upper case; the next tick corrects the key.
        row = self._partition.get(job_id) or self._partition.get(job_id.upper())
        try:
            return None if row is None else self.whole(row)
        except BadRow:
            return None

    def finished(self, job_id: str) -> JobEvent | None:
        """The end of the job, if it is on its way from `pending` to the history."""
        row = self._partition.get(FINISHED_PREFIX + job_id)
        try:
            return None if row is None else self.whole_event(row)
        except BadRow:
            return None

    def last_polls_of_finished(self, since: datetime) -> dict[str, datetime]:
        """When jobs that have finished and are not in the history yet were last polled, if after `since`."""
        rows = self._partition.rows(
            after=FINISHED_PREFIX, before=f"{FINISHED_PREFIX}~", columns=["RowKey", "lastPolledAt"]
        )
        return last_polls_in(rows, since)

    def with_large_fields(self, event: JobEvent) -> JobEvent:
        """The event with its job's errors and private offer, as far as they are still there."""
        return replace(event, job=self._large_fields.load(event.job, event.columns))

    def drop(self, finishes: Sequence[JobEvent]) -> None:
        """Delete finishing events that count for nothing, since an earlier finish of the same job stands."""
        deleted = self._table.commit_each([[Change(Write.DELETE, event.key, event.etag)] for event in finishes])
        for event, result in zip(finishes, deleted, strict=True):
            if isinstance(result, list):
                self._large_fields.delete(event.job.job_id, event.columns)

    def register(self, job: Job) -> bool:
        """Start following a job; False, and nothing changed, if its row is there already."""
        return self._table.insert(pending_key(job.job_id) | columns_of(job) | self._large_fields.columns(job))

    def change(self, row: PendingRow, job: Job) -> None:
        """Store what a caller changed of a job. Raises RowChanged if the row is not as it was read."""
        self._table.commit([merge_of(row, caller_columns_of(job))])

    def remove(self, row: PendingRow) -> None:
        """Stop following, and delete the documents that this row refers to.

        Raises RowChanged if the row is not as it was read; RowMissing if it is gone, perhaps because the job has
        finished: its documents may then belong to the finished record.
        """
        self._table.commit([Change(Write.DELETE, pending_key(row.row_key), row.etag)])
        self._large_fields.delete(row.job.job_id, row.parts)

    def rows_of(self, job_id: str) -> list[Row]:
        """The rows of the job in this partition, unread, in the order in which it moves through them."""
        keys = (job_id, job_id.upper(), FINISHED_PREFIX + job_id)
        rows = [self._partition.get(key) for key in keys]
        return [row for row in rows if row is not None]

    def claim(self, rows: Sequence[PendingRow], until: datetime) -> Claims:
        """Reserve jobs for one poll: until `until` no other instance may poll them. At most 100 rows.

        One row that another writer has changed costs a few requests. After CLAIM_TRIES requests another instance is
        evidently polling the same jobs, and what is not claimed yet counts as lost.
        """
        claims = Claims()
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
                    claims.lost += part
                else:
                    claims.refused += part
                continue
            taken = zip(part, etags, strict=True)
            claims.taken += [replace(row, etag=etag, claimed_until=until) for row, etag in taken]
        return claims

    def reread(self, rows: Sequence[PendingRow]) -> list[PendingRow]:
        """The rows as they are now, without those that are gone or are not jobs any more."""
        found: list[PendingRow] = []
        for row in rows:
            stored = self._partition.get(row.row_key)
            try:
                found += [] if stored is None else [pending_row(stored, self._clock.now())]
            except BadRow:
                continue  # the next tick sets it aside
        return found

    def write(self, polled: Sequence[tuple[PendingRow, Job]], now: datetime) -> list[Written | None]:
        """Store what polls found: pending jobs are updated, finished ones leave, and events go into the outbox.

        Each job is written if its row is still claimed for this poll, else its place holds None: the writer that
        changed the row (a removal, or another poller after the claim ran out) wins. What a caller changed meanwhile
        is kept. A job whose large fields storage does not take for the moment is not written either, nor are those
        after it that have large fields: there is no time to try each of them. All others are. Raises StorageError if
        nothing could be written for that reason.
        """
        results, error = self._write(polled, now)
        for place, (row, job) in enumerate(polled):
            if results[place] is None and (changed := self._changed_by_caller(row)) is not None:
                about = changed.job
                both = replace(job, operation=about.operation, label=about.label, external_id=about.external_id)
                if job.errors is row.job.errors:  # upstream said nothing new: they stay as they are in the row
                    both = replace(both, errors=about.errors)
                [results[place]], _ = self._write([(changed, both)], now)
        if error is not None and not any(results):
            raise error
        return results

    def _write(
        self, polled: Sequence[tuple[PendingRow, Job]], now: datetime
    ) -> tuple[list[Written | None], StorageError | None]:
        planned, error = planned_results(polled, self._large_fields, now)
        committed = iter(self._table.commit_each([changes for changes, _ in planned if changes]))
        results: list[Written | None] = []
        for (row, job), (changes, written) in zip(polled, planned, strict=True):
            result = next(committed) if changes else None
            if isinstance(result, list):
                results.append(written.with_etags(result))
                continue
            results.append(None)
            if isinstance(result, RowChanged) and not job.pending:
                self._drop_if_finished_before(row)
        return results, error

    def _changed_by_caller(self, claimed: PendingRow) -> PendingRow | None:
        """The row as it is now, if it is still claimed for the same poll and was changed all the same."""
        row = self._partition.get(claimed.row_key)
        try:
            now_stored = None if row is None else pending_row(row, claimed.claimed_until or claimed.job.registered_at)
        except BadRow:
            return None
        if now_stored is None or now_stored.etag == claimed.etag:
            return None
        return now_stored if now_stored.claimed_until == claimed.claimed_until is not None else None

    def _drop_if_finished_before(self, row: PendingRow) -> None:
        """Stop following a job whose earlier finish is still in the outbox: that one stands.

        Another system has put the job back in the meantime. Its second finish cannot be stored beside the first.
        """
        if self._partition.get(FINISHED_PREFIX + row.job.job_id) is None:
            return
        try:
            self.remove(row)
        except RowChanged:
            return  # it was another writer that changed the row

    def _scan(
        self, after_key: str, before_key: str, wanted: JobFilter, at_once: int, *, pending: bool
    ) -> Iterator[tuple[str, Row | None]]:
        return scan(
            self._partition,
            after_key=after_key,
            before_key=before_key,
            wanted=wanted,
            pending=pending,
            at_once=at_once,
        )


def _page(rows: Sequence[Row], now: datetime) -> PendingPage:
    page = PendingPage(last_key=rows[-1]["RowKey"] if rows else "")
    for row in rows:
        try:
            if row["RowKey"].startswith(OUTBOX_PREFIX):
                page.events.append(job_event(row))
            else:
                page.rows.append(pending_row(row, now))
        except BadRow as error:
            page.bad.append((row, str(error)))
    return page


def _claim(row: PendingRow, until: datetime) -> Change:
    # A row put there by another system gets its age written down: the next write renews its time stamp.
    return merge_of(row, {"nextPollAt": until, "claimedUntil": until, "registeredAt": row.job.registered_at})
