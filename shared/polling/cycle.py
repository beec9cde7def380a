"""One poll cycle: every due job asked once, within the tick's fifty seconds.

The thread that runs the cycle owns all of it: it reads the partition page by page, claims due jobs in batches, hands
them to worker threads that do nothing but ask upstream, and writes what they bring back, many jobs to a transaction.
Polling begins with the first page. If a partition is too large for one tick, the next goes on where this one stopped.
A thread of its own finishes jobs, so that sending events never delays the next request.

The steps of one job: claim (conditional write), ask, write the result (conditional), finish. Killed after the claim,
the job waits until the claim runs out; killed after the result is written, see `finishing.py`.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.jobs.finishing import Finishing
from shared.jobs.job import POLL_SPACING
from shared.jobs.job_rows import PendingRow
from shared.jobs.pending_jobs import PendingJobs, PendingPage
from shared.jobs.poll_spacing import PollSpacing
from shared.jobs.set_aside import RowRepair
from shared.log import log_event
from shared.polling.due import DueJobs
from shared.polling.finishing_thread import FinishingThread
from shared.polling.poller import JobPoller
from shared.polling.report import CycleFailure, CycleReport
from shared.polling.run import LAST_ANSWER_AFTER, LAST_REQUEST_AFTER, PollRun, Reading, credential_refused
from shared.polling.workers import PollWorkers
from shared.storage.errors import StorageError
from shared.upstream.errors import (
    AccessDenied,
    CredentialRefused,
    TokenUnavailable,
)

OVERDUE_AFTER = timedelta(minutes=5)
_log = logging.getLogger("offer_monitor.jobs")


class PollCycle:
    """Runs poll cycles. One at a time per instance; any number of instances."""

    def __init__(
        self,
        *,
        pending: PendingJobs,
        row_repair: RowRepair,
        poll_spacing: PollSpacing,
        finishing: Finishing,
        poller: JobPoller,
        ensure_token: Callable[[], None],
        clock: Clock,
        sleep: Callable[[float], None],
        concurrency: int,
    ) -> None:
        self._pending = pending
        self._row_repair = row_repair
        self._poll_spacing = poll_spacing
        self._finishing = finishing
        self._poller = poller
        self._ensure_token = ensure_token
        self._clock = clock
        self._sleep = sleep
        self._concurrency = concurrency

    def run(self, start_at: str = "") -> CycleReport:
        """Poll what is due, from where an earlier cycle stopped (`CycleReport.stopped_at`).

        Storage and upstream failures do not raise: the report names them.
        """
        report = CycleReport(started_at=self._clock.now())
        with FinishingThread(self._finishing, self._clock, until=report.started_at + LAST_ANSWER_AFTER) as thread:
            try:
                self._run(report, thread, start_at)
            except StorageError as error:
                report.failure, report.failure_detail = CycleFailure.STORAGE_UNREACHABLE, str(error)
        report.duration_ms = round((self._clock.now() - report.started_at).total_seconds() * 1000)
        log_event(_log, "poll_cycle", level=logging.WARNING if report.failure else logging.INFO, **report.facts())
        return report

    def _run(self, report: CycleReport, thread: FinishingThread, start_at: str) -> None:
        reading = Reading(
            self._pending.pages(report.started_at, start_at=start_at),
            DueJobs(report.started_at + LAST_REQUEST_AFTER),
            lambda page: self._tidied(page, report, thread),
            self._clock,
            start_at=start_at,
        )
        try:
            while not reading.due.worth_a_start(self._clock.now()) and reading.read_on():
                pass
            if reading.due.worth_a_start(self._clock.now()):
                self._poll(report, thread, reading)
            report.unreached += reading.due.due_count(self._clock.now())
        finally:
            # Also after storage has failed: or else a partition too large for one tick would begin anew each time.
            report.read_all, report.stopped_at = reading.ended, reading.stopped_at(self._clock.now())

    def _poll(self, report: CycleReport, thread: FinishingThread, reading: Reading) -> None:
        try:
            self._ensure_token()
        except TokenUnavailable as error:
            credential_refused(report, error)
            while reading.read_on():
                pass  # the report counts every job all the same
            return
        with PollWorkers(self._poller, self._clock, concurrency=self._concurrency) as workers:
            PollRun(
                self._pending,
                self._clock,
                workers,
                thread,
                report,
                reading,
                self._not_asked_elsewhere,
                self._row_repair.set_aside_refused,
            ).until_done(self._sleep)
        _judge(report)

    def _tidied(self, page: PendingPage, report: CycleReport, thread: FinishingThread) -> list[PendingRow]:
        """The jobs of a page that may be polled; what earlier cycles, or other systems, left to be done is done."""
        thread.finish_stored(page.events)
        report.set_aside += len(page.bad)
        self._row_repair.set_aside(page.bad)
        rows = self._row_repair.in_lower_case(page.rows)
        report.pending += len(rows)
        report.overdue += sum(row.job.next_poll_at < report.started_at - OVERDUE_AFTER for row in rows)
        return self._not_asked_elsewhere(rows)

    def _not_asked_elsewhere(self, rows: Sequence[PendingRow]) -> list[PendingRow]:
        """The rows, those put off about which upstream was asked before they were there."""
        if not any(row.never_polled for row in rows):
            return list(rows)
        # Both are read after the rows, and in this order: see `poll_spacing.py`. The first knows of jobs that another
        # system has put back after they finished, the second of those that were looked up or removed.
        now = self._clock.now()
        polled = self._finishing.last_polls(now - 2 * POLL_SPACING)
        again_at = {job_id: last_poll + POLL_SPACING for job_id, last_poll in polled.items()}
        asked = self._poll_spacing.recent(now)
        return [_not_before(row, again_at.get(row.job.job_id), asked.get(row.job.job_id)) for row in rows]


def _not_before(row: PendingRow, *moments: datetime | None) -> PendingRow:
    """A never-polled row whose job was asked about before the row was there."""
    earliest = max([row.job.next_poll_at, *(moment for moment in moments if moment is not None)])
    if not row.never_polled or earliest == row.job.next_poll_at:
        return row
    return replace(row, job=replace(row.job, next_poll_at=earliest))


def _judge(report: CycleReport) -> None:
    """A cycle in which upstream answered about no job at all could not do its work."""
    if report.failure is not None or not report.polled or report.answered or report.last_error is None:
        return
    if isinstance(report.last_error, AccessDenied | CredentialRefused):
        credential_refused(report, report.last_error)
    else:
        report.failure, report.failure_detail = CycleFailure.UPSTREAM_DOWN, str(report.last_error)
