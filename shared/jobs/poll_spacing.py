"""Status requests that no pending row remembers.

Promise 1 (docs/promises.md: one status request per job in 60 seconds) rests on each pending row's `nextPollAt`.
Upstream may have been asked about a job without such a row too: it was looked up while it was not registered, or it
was removed and registered again. The `asked` partition remembers those jobs for about a minute.

The order of reads and writes makes it hold when both happen at once. A look-up writes here first and then makes sure
that the job is not pending; a poll of a never-polled row reads the row first and then here. Whichever came second
sees the other. A removal writes here before it deletes the row, so a look-up that finds no row confirms its claim.
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
# How many times to retry when a look-up claims the job first.
WRITE_TRIES = 5


@dataclass(frozen=True)
class Ask:
    """A claimed, or remembered, status request: `next_poll_at` is the earliest moment of the next one."""

    job_id: str
    next_poll_at: datetime
    # Upstream's answer as JSON text, which answers further look-ups within the minute.
    answer: str | None
    etag: str


class PollSpacing:
    """Remembers status requests about jobs that have no pending row."""

    def __init__(self, table: Table) -> None:
        self._partition = Partition(table, ASKED_PARTITION)

    def recent(self, now: datetime) -> dict[str, datetime]:
        """The earliest next status request of each job whose minute is not over."""
        rows = self._partition.rows(
            where="nextPollAt gt @now", parameters={"now": now}, columns=["RowKey", "nextPollAt"]
        )
        return {row["RowKey"]: _next_poll_at(row, now) for row in rows}

    def forget(self, now: datetime, *, has_time: Callable[[], bool]) -> int:
        """Delete outdated rows and those that cannot be read; returns how many."""
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

    def get(self, job_id: str, now: datetime) -> Ask | None:
        """The last known status request about this job, or None."""
        row = self._partition.get(job_id)
        return None if row is None else _ask(row, now)

    def remember(self, job_id: str, next_poll_at: datetime, now: datetime) -> None:
        """Note that the job must not be asked about before `next_poll_at`, or the later moment noted already.

        The row is always written, so that the holder of a claim on the job notices.
        """
        for _ in range(WRITE_TRIES):
            known = self.get(job_id, now)
            latest = next_poll_at if known is None else max(next_poll_at, known.next_poll_at)
            if self._write(job_id, latest, known) is not None:
                return
        raise RowChanged("what is known of the job's last request kept changing")

    def claim(self, job_id: str, now: datetime, until: datetime) -> Ask | None:
        """Claim the job for one status request; None if the last one is too recent or another caller is first."""
        known = self.get(job_id, now)
        if known is not None and known.next_poll_at > now:
            return None
        return self._write(job_id, until, known)

    def confirm(self, ask: Ask) -> Ask:
        """Renew a claim after a look at the registry. Raises RowChanged if the job was removed after the claim."""
        etag = self._partition.merge(ask.job_id, {"nextPollAt": ask.next_poll_at}, ask.etag)
        return replace(ask, etag=etag)

    def answered(self, ask: Ask, next_poll_at: datetime, answer: str | None) -> None:
        """Store the outcome of a claimed request. Raises RowChanged if another caller has taken over the claim."""
        self._partition.merge(ask.job_id, {"nextPollAt": next_poll_at, "answer": answer or ""}, ask.etag)

    def _write(self, job_id: str, next_poll_at: datetime, known: Ask | None) -> Ask | None:
        columns = {"nextPollAt": next_poll_at, "answer": ""}
        write, etag = (Write.INSERT, None) if known is None else (Write.MERGE, known.etag)
        try:
            [new_etag] = self._partition.table.commit([self._partition.change(write, job_id, columns, etag)])
        except RowChanged:
            return None
        return Ask(job_id, next_poll_at, None, new_etag)


def _ask(row: Row, now: datetime) -> Ask:
    answer = row.get("answer")
    return Ask(
        row["RowKey"], _next_poll_at(row, now), answer if isinstance(answer, str) and answer else None, etag_of(row)
    )


def _next_poll_at(row: Row, now: datetime) -> datetime:
    """When the next status request is allowed. An unreadable or absurdly late time counts as long ago."""
    try:
        next_poll_at = moment(row, "nextPollAt")
    except BadRow:
        next_poll_at = None
    return _LONG_AGO if next_poll_at is None or next_poll_at > now + FURTHEST_AHEAD else next_poll_at
