"""From the outbox to the history and the webhooks: the last steps of a finished job, and the other events of jobs.

A job that left `pending` is in the row of its finishing event. What is still to do is:

1. add the job to the history (once, however often this is tried),
2. announce the event,
3. delete its row.

Killed between any two of these, the next tick finds the row again and repeats them to the same end. Other events of
jobs need the last two steps only (`shared/events/outbox.py`).
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from shared.events.outbox import Outbox
from shared.jobs.history import History, Recorded
from shared.jobs.job import Job
from shared.jobs.job_events import JobEvent
from shared.jobs.large_fields import size_of_parts
from shared.jobs.pending_jobs import PendingJobs
from shared.log import log_event

# Events found in storage are sent together until their large fields reach this size: all are in memory at once.
LARGE_FIELDS_AT_ONCE_BYTES = 4 * 1024 * 1024
_log = logging.getLogger("offer_monitor.jobs")


class Finishing:
    """Brings finished jobs into the history and sends the events of jobs."""

    def __init__(self, *, pending: PendingJobs, history: History, outbox: Outbox) -> None:
        self._pending = pending
        self._history = history
        self._outbox = outbox

    def finish(self, events: Sequence[JobEvent]) -> None:
        """Take events through the steps above. Raises StorageError; what is not done is done by the next tick."""
        finishes = [event for event in events if event.finishes]
        recorded = list(zip(finishes, self._history.add(finishes), strict=True))
        fresh = [event for event, record in recorded if record is Recorded.BY_THIS_FINISH]
        self._outbox.send([event for event in events if not event.finishes] + fresh)
        for event in fresh:
            _log_finished(event.job)
        # Jobs that were put back into `pending` after they had finished: the earlier finish stands.
        self._pending.drop([event for event, record in recorded if record is Recorded.BY_AN_EARLIER_FINISH])

    def finish_stored(self, events: Sequence[JobEvent]) -> None:
        """The same for events found in storage, whose large fields are not in memory. Raises StorageError.

        A large field that is gone does not hold its event back: the job finishes without it.
        """
        some: list[JobEvent] = []
        size_bytes = 0
        for event in events:
            event_bytes = size_of_parts(event.columns)
            if some and size_bytes + event_bytes > LARGE_FIELDS_AT_ONCE_BYTES:
                self.finish([self._pending.with_large_fields(each) for each in some])
                some, size_bytes = [], 0
            some.append(event)
            size_bytes += event_bytes
        self.finish([self._pending.with_large_fields(each) for each in some])

    def last_polls(self, since: datetime) -> dict[str, datetime]:
        """When upstream was last asked about each job that finished after `since`, or is still in the outbox."""
        # In the order in which a job moves, so that none is missed that moves meanwhile.
        waiting = self._pending.last_polls_of_finished(since)
        return self._history.last_polls(since) | waiting


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
