"""Remembers status requests about jobs that have no pending row.

Promise 1 (docs/promises.md: one status request per job in 60 seconds) rests on `nextPollAt` in a job's pending row.
Two kinds of request are in no pending row: those about a job that is looked up without being registered, and those
about a job that was removed. If such a job is then registered, its new row knows nothing of them. The `asked`
partition remembers them for about a minute.

The order of reads and writes keeps the promise when two things happen at once. A look-up first writes here and then
makes sure that the job is not pending; a poll of a job that was never polled first reads the pending row and then
this partition. Whichever comes second sees the other. A removal writes here before it deletes the pending row, so a
look-up that finds no pending row confirms its claim before it sends a request.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import batched

from shared.jobs.job import LONGEST_RETRY_AFTER
from shared.storage.errors import RowChanged
from shared.storage.partition import Partition
from shared.storage.rows import BadRow, moment
from shared.storage.table import TRANSACTION_MAX_ROWS, Row, Table, Write, etag_of

ASKED_PARTITION = "asked"
# A row is of no use after its minute. It is kept a little longer in case clocks differ.
FORGET_AFTER = timedelta(minutes=5)
# A removed job keeps the wait that upstream asked for. The rest is for clocks that differ.
FURTHEST_AHEAD = LONGEST_RETRY_AFTER + timedelta(minutes=5)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
# Attempts to remember a request before giving up, while look-ups keep claiming the job.
WRITE_TRIES = 5


@dataclass(frozen=True)
class RememberedRequest:
    """A status request that was claimed or made. The next one may be made at `next_poll_at`."""

    job_id: str
    next_poll_at: datetime
    # Upstream's answer as JSON text, which answers further look-ups within the minute.
    answer: str | None
    etag: str


class PollSpacing:
    """Keeps the `asked` partition. Every method raises StorageError."""

    def __init__(self, table: Table) -> None:
        self._partition = Partition(table, ASKED_PARTITION)

    def recent(self, now: datetime) -> dict[str, datetime]:
        """When each remembered job may next be asked about; only jobs for which that is still to come."""
        rows = self._partition.rows(
            where="nextPollAt gt @now", parameters={"now": now}, columns=["RowKey", "nextPollAt"]
        )
        return {row["RowKey"]: _next_poll_at(row, now) for row in rows}

    def forget(self, now: datetime, *, has_time: Callable[[], bool]) -> int:
        """Delete rows that are no longer needed or cannot be read; returns how many."""
        rows = self._partition.rows(columns=["RowKey", "nextPollAt"])
        stale = (row for row in rows if _next_poll_at(row, now) < now - FORGET_AFTER)
        forgotten = 0
        for some in batched(stale, TRANSACTION_MAX_ROWS, strict=False):
            if not has_time():
                break
            deletions = [self._partition.change(Write.DELETE, row["RowKey"], etag=etag_of(row)) for row in some]
            self._partition.table.commit_each([[deletion] for deletion in deletions])
            forgotten += len(some)
        return forgotten

    def get(self, job_id: str, now: datetime) -> RememberedRequest | None:
        """The last remembered request about this job, or None."""
        row = self._partition.get(job_id)
        return None if row is None else _remembered(row, now)

    def remember(self, job_id: str, next_poll_at: datetime, now: datetime) -> None:
        """Remember that the job must not be asked about before `next_poll_at`, or a later moment already remembered.

        The row is always written, so that a claim on the job that is held meanwhile can no longer be confirmed.
        """
        for _ in range(WRITE_TRIES):
            known = self.get(job_id, now)
            latest = next_poll_at if known is None else max(next_poll_at, known.next_poll_at)
            if self._write(job_id, latest, known) is not None:
                return
        raise RowChanged("look-ups kept claiming the job")

    def claim(self, job_id: str, now: datetime, until: datetime) -> RememberedRequest | None:
        """Claim the job for one status request; None if the last one is too recent or another caller is first."""
        known = self.get(job_id, now)
        if known is not None and known.next_poll_at > now:
            return None
        return self._write(job_id, until, known)

    def confirm(self, claim: RememberedRequest) -> RememberedRequest:
        """Confirm a claim after a look at the registry. Raises RowChanged if the job was removed after the claim."""
        etag = self._partition.merge(claim.job_id, {"nextPollAt": claim.next_poll_at}, claim.etag)
        return replace(claim, etag=etag)

    def answered(self, claim: RememberedRequest, next_poll_at: datetime, answer: str | None) -> None:
        """Store the outcome of a claimed request. Raises RowChanged if another caller has taken over the claim."""
        self._partition.merge(claim.job_id, {"nextPollAt": next_poll_at, "answer": answer or ""}, claim.etag)

    def _write(
        self, job_id: str, next_poll_at: datetime, known: RememberedRequest | None
    ) -> RememberedRequest | None:
        columns = {"nextPollAt": next_poll_at, "answer": ""}
        write, etag = (Write.INSERT, None) if known is None else (Write.MERGE, known.etag)
        try:
            [new_etag] = self._partition.table.commit([self._partition.change(write, job_id, columns, etag)])
        except RowChanged:
            return None
        return RememberedRequest(job_id, next_poll_at, None, new_etag)


def _remembered(row: Row, now: datetime) -> RememberedRequest:
    answer = row.get("answer")
    return RememberedRequest(
        row["RowKey"], _next_poll_at(row, now), answer if isinstance(answer, str) and answer else None, etag_of(row)
    )


def _next_poll_at(row: Row, now: datetime) -> datetime:
    """When the next status request is allowed. An unreadable or absurdly late time counts as long ago."""
    try:
        next_poll_at = moment(row, "nextPollAt")
    except BadRow:
        next_poll_at = None
    return _LONG_AGO if next_poll_at is None or next_poll_at > now + FURTHEST_AHEAD else next_poll_at
