"""One poll cycle: every due job asked once, within the tick's fifty seconds.

The thread that runs the cycle owns all of it: it reads the partition, claims jobs in batches, hands them to worker
threads that do nothing but ask upstream, and writes what they bring back, many jobs to a transaction. Finished jobs
are settled on a thread of their own, so that telling others never holds up asking about the next job.

The steps of one job: claim (conditional write), ask, write the result (conditional), settle. Killed after the claim,
the job waits until the claim runs out; killed after the result is written, see `outbox.py`.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.jobs.asks import Asks
from shared.jobs.due_jobs import DueJobs
from shared.jobs.job import POLL_SPACING
from shared.jobs.job_rows import PendingRow
from shared.jobs.outbox import Outbox
from shared.jobs.pending_jobs import PendingJobs, PendingPartition
from shared.jobs.poll import JobPoller, claimed_until, ends_the_cycle
from shared.jobs.poll_workers import PolledRow, PollWorkers
from shared.jobs.settlements import Settlements
from shared.jobs.tidying import Tidying
from shared.log import log_event
from shared.monitor.cycle_report import CycleFailure, CycleReport
from shared.storage.errors import RowChanged, StorageError
from shared.storage.table import TRANSACTION_MAX_ROWS
from shared.upstream.errors import (
    AccessDenied,
    CredentialRefused,
    TokenUnavailable,
    UpstreamError,
    UpstreamNotFound,
    UpstreamThrottled,
)

# Promise 7: a tick ends within 50 seconds. The last requests go out early enough to be answered, and the last answers
# come early enough to be written.
LAST_REQUEST_AFTER = timedelta(seconds=36)
LAST_ANSWER_AFTER = timedelta(seconds=44)
OVERDUE_AFTER = timedelta(minutes=5)
# Two instances that poll the same jobs take turns in losing a claim; each loss costs one more reading.
LOST_CLAIMS_MAX = 20
_log = logging.getLogger("offer_monitor.jobs")


class PollCycle:
    """Runs poll cycles. One at a time per instance; any number of instances."""

    def __init__(
        self,
        *,
        pending: PendingJobs,
        tidying: Tidying,
        asks: Asks,
        outbox: Outbox,
        poller: JobPoller,
        ensure_token: Callable[[], None],
        clock: Clock,
        sleep: Callable[[float], None],
        concurrency: int,
    ) -> None:
        self._pending = pending
        self._tidying = tidying
        self._asks = asks
        self._outbox = outbox
        self._poller = poller
        self._ensure_token = ensure_token
        self._clock = clock
        self._sleep = sleep
        self._concurrency = concurrency

    def run(self) -> CycleReport:
        """Poll what is due. Storage and upstream failures do not raise: the report names them."""
        report = CycleReport(started_at=self._clock.now())
        with Settlements(self._outbox, self._clock, until=report.started_at + LAST_ANSWER_AFTER) as settlements:
            try:
                self._run(report, settlements)
            except StorageError as error:
                report.failure, report.failure_detail = CycleFailure.STORAGE_UNREACHABLE, str(error)
        report.duration_ms = round((self._clock.now() - report.started_at).total_seconds() * 1000)
        log_event(_log, "poll_cycle", level=logging.WARNING if report.failure else logging.INFO, **report.facts())
        return report

    def _run(self, report: CycleReport, settlements: Settlements) -> None:
        partition = self._pending.read(report.started_at)
        self._tidy(partition, report, settlements)
        report.pending = len(partition.rows)
        report.overdue = sum(row.job.next_poll_at < report.started_at - OVERDUE_AFTER for row in partition.rows)
        due = self._due(partition, report)
        if not due.worth_a_start(self._clock.now()):
            return
        try:
            self._ensure_token()
        except TokenUnavailable as error:
            _credential_refused(report, error)
            report.unreached = due.due_count(self._clock.now())
            return
        with PollWorkers(self._poller, self._clock, concurrency=self._concurrency) as workers:
            _Run(self._pending, self._clock, workers, settlements, report, self._reread, due).until_done(self._sleep)
        _judge(report)

    def _reread(self, report: CycleReport) -> DueJobs:
        partition = self._pending.read(self._clock.now())
        partition.rows = [row for row in partition.rows if row.row_key == row.job.job_id]
        return self._due(partition, report)

    def _due(self, partition: PendingPartition, report: CycleReport) -> DueJobs:
        last_request_at = report.started_at + LAST_REQUEST_AFTER
        rows = [row for row in partition.rows if row.job.next_poll_at <= last_request_at]
        if any(row.never_polled for row in rows):
            # Both are read after the rows, and in this order: see `asks.py`. The first knows of jobs that another
            # system has put back after they finished, the second of those that were looked up or removed.
            now = self._clock.now()
            polled = self._outbox.last_polls(partition.outbox, now - 2 * POLL_SPACING)
            again_at = {job_id: last_poll + POLL_SPACING for job_id, last_poll in polled.items()}
            asked = self._asks.recent(now)
            rows = [_not_before(row, again_at.get(row.job.job_id), asked.get(row.job.job_id)) for row in rows]
        return DueJobs(rows, last_request_at)

    def _tidy(self, partition: PendingPartition, report: CycleReport, settlements: Settlements) -> None:
        """What earlier cycles, or other systems, left to be done."""
        settlements.left_over(partition.outbox)
        settlements.stalled([row for row in partition.rows if row.stalled_event_id is not None])
        report.set_aside = len(partition.bad)
        self._tidying.set_aside(partition.bad)
        partition.rows = self._tidying.in_lower_case(partition.rows)


class _Run:
    """The loop of one cycle: claim, hand out, write back, until nothing is due or the time is over."""

    def __init__(
        self,
        pending: PendingJobs,
        clock: Clock,
        workers: PollWorkers,
        settlements: Settlements,
        report: CycleReport,
        reread: Callable[[CycleReport], DueJobs],
        due: DueJobs,
    ) -> None:
        self._pending = pending
        self._clock = clock
        self._workers = workers
        self._settlements = settlements
        self._report = report
        self._reread = reread
        self._due = due
        self._lost_claims = 0

    def until_done(self, sleep: Callable[[float], None]) -> None:
        while True:
            self._claim()
            if self._workers.in_flight:
                self._write(self._workers.results(TRANSACTION_MAX_ROWS))
                continue
            pause = None if self._workers.stopped else self._due.wait_for_next(self._clock.now())
            if pause is None:
                break
            sleep(pause.total_seconds())
        self._report.unreached += self._due.due_count(self._clock.now())

    def _claim(self) -> None:
        """Claim the next jobs, so many that no worker runs dry while results are gathered and written."""
        send_by = self._report.started_at + LAST_REQUEST_AFTER
        answer_by = self._report.started_at + LAST_ANSWER_AFTER
        enough = self._workers.concurrency + TRANSACTION_MAX_ROWS
        while (now := self._clock.now()) <= send_by and self._workers.in_flight < enough:
            rows = [] if self._workers.stopped else self._due.take(now, TRANSACTION_MAX_ROWS)
            if not rows:
                return
            try:
                claimed = self._pending.claim(rows, until=claimed_until(answer_by))
            except RowChanged:
                self._lost_claims += 1
                if self._lost_claims > LOST_CLAIMS_MAX:
                    self._workers.stop()
                self._due = self._reread(self._report)
                return
            for row in claimed:
                self._workers.submit(row, send_by=send_by, answer_by=answer_by)

    def _write(self, polled: list[PolledRow]) -> None:
        """Write results back; a job that came back unasked is written as it was, which gives its claim back."""
        for each in polled:
            self._count(each)
        results = [(each.row, each.poll.job) for each in polled if each.poll is not None]
        results_written = self._pending.write(results, announced=self._settlements.announced)
        written = [each for each in results_written if each is not None]
        finished = [each.outbox for each in written if each.outbox is not None]
        self._report.finished += len(finished)
        self._settlements.finished(finished)
        rows = [each.row for each in written if each.row is not None]
        self._settlements.stalled([row for row in rows if row.stalled_event_id is not None])

    def _count(self, polled: PolledRow) -> None:
        report, poll = self._report, polled.poll
        if poll is None:
            report.failed_polls += 1
            return
        if not poll.asked and poll.job is polled.row.job:
            report.unreached += 1
        report.polled += poll.asked
        report.failed_polls += poll.error is not None
        if poll.latency_seconds is not None:
            report.latencies_ms.append(round(poll.latency_seconds * 1000))
        if poll.error is not None:
            self._note(poll.error)
        answered_about_job = poll.latency_seconds is not None
        report.answered += answered_about_job or isinstance(poll.error, UpstreamNotFound | UpstreamThrottled)

    def _note(self, error: UpstreamError) -> None:
        report = self._report
        report.last_error = error
        report.throttled = report.throttled or isinstance(error, UpstreamThrottled)
        if isinstance(error, CredentialRefused) and ends_the_cycle(error) and report.failure is None:
            _credential_refused(report, error)


def _not_before(row: PendingRow, *moments: datetime | None) -> PendingRow:
    """A never-polled row whose job was asked about before the row was there."""
    earliest = max([row.job.next_poll_at, *(moment for moment in moments if moment is not None)])
    if not row.never_polled or earliest == row.job.next_poll_at:
        return row
    return replace(row, job=replace(row.job, next_poll_at=earliest))


def _credential_refused(report: CycleReport, error: UpstreamError) -> None:
    report.failure, report.failure_detail = CycleFailure.TOKEN_REFUSED, str(error)
    log_event(_log, "credential_refused", level=logging.ERROR, api=error.api, reason=str(error))


def _judge(report: CycleReport) -> None:
    """A cycle in which upstream answered about no job at all could not do its work."""
    if report.failure is not None or not report.polled or report.answered or report.last_error is None:
        return
    if isinstance(report.last_error, AccessDenied | CredentialRefused):
        _credential_refused(report, report.last_error)
    else:
        report.failure, report.failure_detail = CycleFailure.UPSTREAM_DOWN, str(report.last_error)
