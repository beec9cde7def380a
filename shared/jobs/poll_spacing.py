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
from shared.storage.rows import BadRow, moment
from shared.storage.table import TRANSACTION_MAX_ROWS, Change, Row, Table, Write, etag_of

ASKED_PARTITION = "asked"
# A row is not needed after its minute; it is kept a little longer because clocks differ.
FORGET_AFTER = timedelta(minutes=5)
# A removed job keeps the wait that upstream asked for, plus a little because clocks differ.
FURTHEST_AHEAD = LONGEST_RETRY_AFTER + timedelta(minutes=5)
# Attempts to remember a request before giving up, while look-ups keep claiming the job.
WRITE_TRIES = 5
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RememberedRequest:
    """A status request that was claimed or made. The next one may be made at `next_poll_at`."""

    job_id: str
    next_poll_at: datetime
    # Upstream's answer as JSON text; it answers further look-ups within the minute.
    answer: str | None
    etag: str


class PollSpacing:
    """Keeps the `asked` partition. Every method raises StorageError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def recent(self, now: datetime) -> dict[str, datetime]:
        """When each remembered job may next be asked about; only jobs for which that is still to come."""
        rows = self._table.rows(
            "PartitionKey eq @partition and nextPollAt gt @now",
            {"partition": ASKED_PARTITION, "now": now},
            columns=["RowKey", "nextPollAt"],
        )
        return {row["RowKey"]: _next_poll_at(row, now) for row in rows}

    def get(self, job_id: str, now: datetime) -> RememberedRequest | None:
        """The last remembered request about this job."""
        row = self._table.get(ASKED_PARTITION, job_id)
        return None if row is None else _remembered(row, now)

    def remember(self, job_id: str, next_poll_at: datetime, now: datetime) -> None:
        """Remember that the job must not be asked about before `next_poll_at`, or a later moment already remembered.

        This writes the row in any case, so that a claim on the job that is held meanwhile can no longer be confirmed.
        """
        for _ in range(WRITE_TRIES):
            known = self.get(job_id, now)
            latest = next_poll_at if known is None else max(next_poll_at, known.next_poll_at)
            if self._write(job_id, latest, known) is not None:
                return
        raise RowChanged("look-ups kept claiming the job")

    def claim(self, job_id: str, now: datetime, until: datetime) -> RememberedRequest | None:
        """Claim the job for one status request. None if its minute is not over, or if another caller was faster."""
        known = self.get(job_id, now)
        if known is not None and known.next_poll_at > now:
            return None
        return self._write(job_id, until, known)

    def confirm(self, claim: RememberedRequest) -> RememberedRequest:
        """Confirm a claim after a look at the registry. Raises RowChanged if the job was removed meanwhile."""
        etag = self._table.merge(_key(claim.job_id) | {"nextPollAt": claim.next_poll_at}, claim.etag)
        return replace(claim, etag=etag)

    def answered(self, claim: RememberedRequest, next_poll_at: datetime, answer: str | None) -> None:
        """Store the outcome of a claimed request. Raises RowChanged if another caller took over the claim."""
        self._table.merge(_key(claim.job_id) | {"nextPollAt": next_poll_at, "answer": answer or ""}, claim.etag)

    def forget(self, now: datetime, *, has_time: Callable[[], bool]) -> int:
        """Delete rows that are no longer needed or cannot be read; returns how many."""
        rows = self._table.rows(
            "PartitionKey eq @partition", {"partition": ASKED_PARTITION}, columns=["RowKey", "nextPollAt"]
        )
        stale = (row for row in rows if _next_poll_at(row, now) < now - FORGET_AFTER)
        forgotten = 0
        for some in batched(stale, TRANSACTION_MAX_ROWS, strict=False):
            if not has_time():
                break
            self._table.commit_each([[Change(Write.DELETE, _key(row["RowKey"]), etag_of(row))] for row in some])
            forgotten += len(some)
        return forgotten

    def _write(
        self, job_id: str, next_poll_at: datetime, known: RememberedRequest | None
    ) -> RememberedRequest | None:
        row = _key(job_id) | {"nextPollAt": next_poll_at, "answer": ""}
        change = Change(Write.INSERT, row) if known is None else Change(Write.MERGE, row, known.etag)
        try:
            return RememberedRequest(job_id, next_poll_at, None, self._table.commit([change])[0])
        except RowChanged:
            return None


def _remembered(row: Row, now: datetime) -> RememberedRequest:
    answer = row.get("answer")
    return RememberedRequest(
        job_id=row["RowKey"],
        next_poll_at=_next_poll_at(row, now),
        answer=answer if isinstance(answer, str) and answer else None,
        etag=etag_of(row),
    )


def _next_poll_at(row: Row, now: datetime) -> datetime:
    """When the job may be asked about: at once if this is unreadable, or further ahead than the app ever writes."""
    try:
        next_poll_at = moment(row, "nextPollAt")
    except BadRow:
        next_poll_at = None
    return _LONG_AGO if next_poll_at is None or next_poll_at > now + FURTHEST_AHEAD else next_poll_at


def _key(job_id: str) -> Row:
    return {"PartitionKey": ASKED_PARTITION, "RowKey": job_id}
