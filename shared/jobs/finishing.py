"""The last steps of a finished job: from the outbox to the history and the webhooks.

A job that left `pending` is in the row of its finishing event. What is still to do:

1. add the job to the history (once, however often this is tried),
2. keep its offer for the watch (`shared/watch/job_changes.py`),
3. announce the event,
4. delete its row.

Killed between any two of these, the next tick finds the row again and repeats them with the same result. The event of
a job that is still pending needs steps 3 and 4 only (`shared/events/outbox.py`).
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import batched
from types import TracebackType
from typing import Self

from shared.clock import Clock
from shared.events.outbox import Outbox
from shared.jobs.history import History, Recorded
from shared.jobs.job import Job
from shared.jobs.job_events import JobEvent
from shared.jobs.large_fields import size_of_parts
from shared.jobs.pending_jobs import PendingJobs
from shared.log import InvocationThreadPool, log_event
from shared.storage.errors import StorageError
from shared.storage.retrying import retrying_for

# Events found in storage are sent together until their large fields reach this size: all are in memory at once.
LARGE_FIELDS_AT_ONCE_BYTES = 4 * 1024 * 1024
# Two rows of history for each, and their day's row: they fit into two transactions.
EVENTS_AT_ONCE = 98
_log = logging.getLogger("offer_monitor.jobs")


class Finishing:
    """Moves finished jobs into the history and sends the events of jobs."""

    def __init__(
        self,
        *,
        pending: PendingJobs,
        history: History,
        outbox: Outbox,
        keep_offers: Callable[[Sequence[Job]], None],
    ) -> None:
        """`keep_offers` takes jobs that are in the history, perhaps again. It raises StorageError."""
        self._pending = pending
        self._history = history
        self._outbox = outbox
        self._keep_offers = keep_offers

    def finish(self, events: Sequence[JobEvent]) -> None:
        """Take events through the steps above. Raises StorageError; the next tick does what is left."""
        finishes = [event for event in events if event.finishes]
        recorded = list(zip(finishes, self._history.add(finishes), strict=True))
        fresh = [event for event, record in recorded if record is Recorded.BY_THIS_FINISH]
        self._keep_offers([event.job for event in fresh])
        self._outbox.send([event for event in events if not event.finishes] + fresh)
        for event in fresh:
            _log_finished(event.job)
        # Jobs that were put back into `pending` after they had finished: the earlier finish stands.
        self._pending.drop([event for event, record in recorded if record is Recorded.BY_AN_EARLIER_FINISH])

    def finish_stored(self, events: Sequence[JobEvent]) -> None:
        """Do the same for events whose large fields are in storage and not in memory. Raises StorageError.

        A missing large field does not hold its event back: the job finishes without it.
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
        # In the order in which a job moves, so that a job that moves meanwhile is not missed.
        in_outbox = self._pending.last_polls_of_finished(since)
        return self._history.last_polls(since) | in_outbox


class FinishingThread:
    """A thread that finishes jobs beside a poll cycle, about a hundred at once: these cost about as much as one.

    Events that the cycle has just made come before those found in storage. An event that fails, or whose batch would
    begin after `until`, is left to the next tick.
    """

    def __init__(self, finishing: Finishing, clock: Clock, *, until: datetime) -> None:
        self._finishing = finishing
        self._clock = clock
        self._until = until
        self._thread = InvocationThreadPool(1, thread_name_prefix="finish")
        self._new: deque[JobEvent] = deque()
        self._stored: deque[JobEvent] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    def finish(self, events: Sequence[JobEvent]) -> None:
        """Finish jobs whose events were just stored and are in memory with their large fields."""
        self._add(self._new, events)

    def finish_stored(self, events: Sequence[JobEvent]) -> None:
        """Finish jobs whose events are in storage, as are their large fields."""
        self._add(self._stored, events)

    def _add(self, waiting: deque[JobEvent], events: Sequence[JobEvent]) -> None:
        waiting.extend(events)
        for _ in batched(events, EVENTS_AT_ONCE, strict=False):
            self._thread.submit(self._next_batch)

    def _next_batch(self) -> None:
        """Finish one batch; there may be none left, since an earlier batch also took events that were added later."""
        if new := _take(self._new):
            self._try(self._finishing.finish, new)
        elif stored := _take(self._stored):
            self._try(self._finishing.finish_stored, stored)

    def _try(self, finish: Callable[[Sequence[JobEvent]], None], events: Sequence[JobEvent]) -> None:
        seconds_left = (self._until - self._clock.now()).total_seconds()
        if seconds_left < 0:
            return
        try:
            with retrying_for(seconds_left):
                finish(events)
        except StorageError as error:
            _log.warning("finished jobs are left to the next tick: %s", error)
        except Exception:  # noqa: BLE001 - nobody waits for this thread's result, so only the log can tell
            _log.exception("finishing jobs failed unexpectedly")
            # A job that cannot be finished must not hold back the others.
            for event in events if len(events) > 1 else ():
                self._try(finish, [event])


def _take(waiting: deque[JobEvent]) -> list[JobEvent]:
    return [waiting.popleft() for _ in range(min(len(waiting), EVENTS_AT_ONCE))]


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
