"""From `pending` to the history and out to whoever listens: the last steps of a finished job.

A job that left `pending` stands in an outbox row with its event. Settling it is:

1. add it to the history (once, whoever tries),
2. announce its event (the announcer is idempotent: same event id, same deliveries),
3. delete the outbox row.

Killed between any two of these, the next tick finds the outbox row again and repeats them to the same end.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from shared.clock import Clock
from shared.events.event import Announcer, Event
from shared.jobs.history import History, Recorded
from shared.jobs.job import Job
from shared.jobs.job_rows import PENDING_PARTITION, PendingRow
from shared.jobs.large_fields import size_of_parts
from shared.jobs.pending_jobs import PendingJobs
from shared.jobs.record import job_record
from shared.jobs.results import OutboxRow
from shared.log import log_event
from shared.storage.table import Change, Table, Write

# Left-over jobs are settled together until their long parts are this long: all of them are in memory at once.
PARTS_AT_ONCE_BYTES = 4 * 1024 * 1024
_log = logging.getLogger("offer_monitor.jobs")


class Outbox:
    """Settles finished jobs and announces stalled ones."""

    def __init__(
        self, *, table: Table, pending: PendingJobs, history: History, announcer: Announcer, clock: Clock
    ) -> None:
        self._table = table
        self._pending = pending
        self._history = history
        self._announcer = announcer
        self._clock = clock

    def settle(self, rows: Sequence[OutboxRow]) -> None:
        """Take finished jobs through the three steps. Raises StorageError; what is not done is done next time."""
        recorded = list(zip(rows, self._history.add(rows), strict=True))
        fresh = [row for row, record in recorded if record is Recorded.BY_THIS_FINISH]
        self._announcer.announce([event for row in fresh for event in _events(row)])
        for row in fresh:
            _log_finished(row.job)
        done = [row for row, record in recorded if record is not Recorded.NOT_YET]
        deleted = self._table.commit_each([[_deletion(row)] for row in done])
        dropped = {row.row_key for row, record in recorded if record is Recorded.BY_AN_EARLIER_FINISH}
        for row, result in zip(done, deleted, strict=True):
            if row.row_key in dropped and isinstance(result, list):
                self._pending.remove_parts(row)

    def settle_left_over(self, rows: Sequence[OutboxRow]) -> None:
        """Settle outbox rows found in storage, whose long parts are not in memory. Raises StorageError.

        A part that is gone keeps no event back: the job is settled without it.
        """
        few: list[OutboxRow] = []
        size_bytes = 0
        for row in rows:
            row_bytes = size_of_parts(row.columns)
            if few and size_bytes + row_bytes > PARTS_AT_ONCE_BYTES:
                self.settle([self._pending.whole_outbox_row(each) for each in few])
                few, size_bytes = [], 0
            few.append(row)
            size_bytes += row_bytes
        self.settle([self._pending.whole_outbox_row(each) for each in few])

    def last_polls(self, since: datetime) -> dict[str, datetime]:
        """When upstream was last asked about each job that finished after `since`, or stands in an outbox row."""
        # In the order in which a job moves, so that none is missed that moves meanwhile.
        waiting = self._pending.last_polls_of_finished(since)
        return self._history.last_polls(since) | waiting

    def announce_stalled(self, rows: Sequence[PendingRow]) -> None:
        """Announce that these jobs are taking unusually long. Raises StorageError.

        Their rows name the event until their next poll is written, so a cycle that is killed announces it again.
        """
        now = self._clock.now()
        self._announcer.announce(
            [
                Event(id=row.stalled_event_id, type="job.stalled", created_at=now, data={"job": job_record(row.job)})
                for row in rows
                if row.stalled_event_id is not None
            ]
        )


def _deletion(row: OutboxRow) -> Change:
    """Of this row alone: the job may have been removed, registered again and finished again since it was read."""
    return Change(Write.DELETE, {"PartitionKey": PENDING_PARTITION, "RowKey": row.row_key}, row.etag)


def _events(row: OutboxRow) -> list[Event]:
    job = row.job
    finished_at = job.finished_at or job.registered_at
    data = {"job": job_record(job)}
    events = [Event(id=row.finished_event_id, type=f"job.{job.state}", created_at=finished_at, data=data)]
    if row.stalled_event_id is not None:
        events.insert(0, Event(id=row.stalled_event_id, type="job.stalled", created_at=finished_at, data=data))
    return events


def _log_finished(job: Job) -> None:
    finished_at = job.finished_at or job.registered_at
    log_event(
        _log,
        "job_finished",
        jobId=job.job_id,
        state=job.state,
        operation=job.operation,
        secondsToFinish=round((finished_at - job.registered_at).total_seconds(), 1),
        pollCount=job.poll_count,
        errors=len(job.errors),
    )
