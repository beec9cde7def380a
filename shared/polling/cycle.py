"""One poll cycle: every due job is polled once, within the 50 seconds of a tick.

The cycle's own thread does all reading and writing of jobs. It reads the `pending` partition page by page (`due.py`),
claims due jobs in batches, gives them to threads that do nothing but poll (`workers.py`), and writes their results,
many jobs to a transaction. Another thread finishes jobs (`jobs/finishing.py`), so that sending events never delays
the next request. Polling begins with the first page; if the partition is too large for one cycle, the next reads on.

Each job goes through four steps:

1. claim it, by a conditional write,
2. poll it,
3. write the result, by another conditional write, together with the event that it makes,
4. finish it, if it ended.

Killed after 1 or 2, the job is polled again when its claim has expired. Killed after 3, the next tick finishes it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from shared.clock import Clock
from shared.jobs.finishing import FinishingThread
from shared.jobs.job_events import JobEvent
from shared.log import log_event
from shared.polling.due import STORAGE_MAY_FAIL_SECONDS, PendingReader, PollStores
from shared.polling.poller import JobPoller, claimed_until
from shared.polling.report import CycleFailure, CycleReport
from shared.polling.workers import PolledRow, PollWorkers
from shared.storage.errors import StorageError
from shared.storage.retrying import retrying_for
from shared.storage.table import TRANSACTION_MAX_ROWS
from shared.upstream.errors import TokenUnavailable

# Promise 7 (docs/promises.md): a tick ends within 50 seconds. The last requests go out early enough to be answered,
# and the last answers come early enough to be written.
LAST_REQUEST_AFTER = timedelta(seconds=36)
LAST_ANSWER_AFTER = timedelta(seconds=44)
# After losing this many claims to another instance, the cycle leaves the rest to it.
LOST_CLAIMS_MAX = 500
_log = logging.getLogger("offer_monitor.jobs")


@dataclass(frozen=True, kw_only=True)
class PollCycle:
    """Runs poll cycles: one at a time in a process, in any number of processes.

    `ensure_token` raises TokenUnavailable; `sleep` takes seconds; `concurrency` is the number of requests in flight.
    """

    stores: PollStores
    poller: JobPoller
    ensure_token: Callable[[], None]
    clock: Clock
    sleep: Callable[[float], None]
    concurrency: int

    def run(self, start_at: str = "") -> CycleReport:
        """Poll what is due. `start_at` is where an earlier cycle stopped reading (`CycleReport.stopped_at`).

        Failures of storage and upstream are not raised: the report names them.
        """
        report = CycleReport(started_at=self.clock.now())
        send_by = report.started_at + LAST_REQUEST_AFTER
        answer_by = report.started_at + LAST_ANSWER_AFTER
        with FinishingThread(self.stores.finishing, self.clock, until=answer_by) as finishing:
            reader = PendingReader(
                self.stores, finishing, report, self.clock, last_request_at=send_by, start_at=start_at
            )
            workers = PollWorkers(
                self.poller, self.clock, concurrency=self.concurrency, send_by=send_by, answer_by=answer_by
            )
            try:
                _CycleRun(self, reader, workers, finishing, report).poll_due_jobs()
                report.unreached += len(reader.due.due(self.clock.now()))
            except StorageError as error:
                report.failure, report.failure_detail = CycleFailure.STORAGE_UNREACHABLE, str(error)
            finally:
                # Also after storage failed: otherwise a partition too large for one tick would start over each time.
                report.read_all, report.stopped_at = reader.read_all, reader.next_start(self.clock.now())
        report.duration_ms = round((self.clock.now() - report.started_at).total_seconds() * 1000)
        log_event(_log, "poll_cycle", level=logging.WARNING if report.failure else logging.INFO, **report.facts())
        return report


class _CycleRun:
    """One run: read, claim, poll and write, until nothing is due or the time is over."""

    def __init__(
        self,
        cycle: PollCycle,
        reader: PendingReader,
        workers: PollWorkers,
        finishing: FinishingThread,
        report: CycleReport,
    ) -> None:
        self._cycle = cycle
        self._stores = cycle.stores
        self._clock = cycle.clock
        self._reader = reader
        self._workers = workers
        self._finishing = finishing
        self._report = report
        self._lost_claims = 0
        self._storage_error: StorageError | None = None

    def poll_due_jobs(self) -> None:
        """Raises StorageError, but not before everything that was polled is written or can no longer be."""
        while self._wait() is None and self._reader.read_page():
            pass
        if self._wait() is None:
            return  # nothing is due: no token is needed
        try:
            self._cycle.ensure_token()
        except TokenUnavailable as error:
            self._report.credential_refused(error)
            while self._reader.read_page():
                pass  # the report still counts the jobs
            return
        with self._workers:
            self._poll_until_done()
        self._report.judge()

    def _poll_until_done(self) -> None:
        while True:
            has_read = self._claim_and_read()
            if self._workers.in_flight:
                self._write(self._workers.results(TRANSACTION_MAX_ROWS))
                continue
            if has_read:
                continue
            wait = None if self._workers.stopped else self._wait()
            if wait is None:
                break
            self._cycle.sleep(wait.total_seconds())
        if self._storage_error is not None:
            raise self._storage_error

    def _wait(self) -> timedelta | None:
        return self._reader.due.wait(self._clock.now())

    def _claim_and_read(self) -> bool:
        """Whether another page was read."""
        if self._storage_error is not None:
            return False
        try:
            self._claim()
            return self._reader.read_page()
        except StorageError as error:
            self._stop_polling(error)
            return False

    def _claim(self) -> None:
        """Claim enough jobs to keep every worker busy while results are gathered and written."""
        enough = self._workers.concurrency + TRANSACTION_MAX_ROWS
        until = claimed_until(self._workers.answer_by)
        while not self._workers.stopped and self._workers.in_flight < enough:
            now = self._clock.now()
            rows = self._reader.due.take(now, TRANSACTION_MAX_ROWS) if now <= self._workers.send_by else []
            if not rows:
                return
            with retrying_for(STORAGE_MAY_FAIL_SECONDS):
                claims = self._stores.pending.claim(rows, until=until)
                for row in claims.taken:
                    self._workers.submit(row)
                self._lost_claims += len(claims.lost)
                if self._lost_claims > LOST_CLAIMS_MAX:
                    self._workers.stop()
                elif claims.lost:
                    self._reader.read_again(claims.lost)
                self._stores.row_repair.set_aside_refused(claims.refused)

    def _write(self, polled: list[PolledRow]) -> None:
        """Count and write results. A job that came back unpolled is written as it was, which releases its claim."""
        # Until the tick is over, not only for STORAGE_MAY_FAIL_SECONDS: upstream gives each answer once a minute.
        seconds_left = max((self._workers.answer_by - self._clock.now()).total_seconds(), 0.0)
        results = [(each.row, each.poll.job) for each in polled if each.poll is not None]
        try:
            for each in polled:
                self._count(each)
            with retrying_for(seconds_left):
                written = self._stores.pending.write(results, self._clock.now())
        except StorageError as error:
            self._stop_polling(error)  # later results are still written, if storage accepts them
            return
        finally:
            for each in polled:
                each.permit.release()
        large = {each.row.job.job_id for each in polled if each.permit.used}
        in_memory: list[JobEvent] = []
        to_read_again: list[JobEvent] = []
        for event in [each.event for each in written if each is not None and each.event is not None]:
            self._report.finished += event.finishes
            if event.finishes and event.job.job_id not in large:
                in_memory.append(event)
            else:  # a large answer does not stay in memory until its event is sent
                to_read_again.append(event.without_large_fields())
        self._finishing.finish(in_memory)
        self._finishing.finish_stored(to_read_again)

    def _count(self, polled: PolledRow) -> None:
        poll = polled.poll
        if poll is None:
            self._report.failed_polls += 1
            return
        if not poll.asked and poll.job is polled.row.job:
            self._report.unreached += 1
            self._reader.return_unpolled(polled.row)
        self._report.count_poll(poll)

    def _stop_polling(self, error: StorageError) -> None:
        """Send no more requests; what is under way is still written."""
        self._storage_error = error
        self._workers.stop()
