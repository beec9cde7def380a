"""The loop of one poll cycle: read, claim, hand out, write back, until nothing is due or the time is over."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.events.outbox import OUTBOX_PREFIX
from shared.jobs.job_rows import PendingRow
from shared.jobs.pending_jobs import PendingJobs, PendingPage
from shared.log import log_event
from shared.polling.due import DueJobs
from shared.polling.finishing_thread import FinishingThread
from shared.polling.large_answers import NoRoom
from shared.polling.poller import claimed_until, ends_the_cycle
from shared.polling.report import CycleFailure, CycleReport
from shared.polling.workers import PolledRow, PollWorkers
from shared.storage.errors import StorageError
from shared.storage.retrying import retrying_for
from shared.storage.table import TRANSACTION_MAX_ROWS
from shared.upstream.errors import CredentialRefused, UpstreamError, UpstreamNotFound, UpstreamThrottled

# Promise 7 (docs/promises.md): a tick ends within 50 seconds. The last requests go out early enough to be answered,
# and the last answers come early enough to be written.
LAST_REQUEST_AFTER = timedelta(seconds=36)
LAST_ANSWER_AFTER = timedelta(seconds=44)
# While storage fails, reading and claiming are tried again for so long. Results are, until the tick is over: they are
# upstream's answers, which it gives once a minute.
STORAGE_MAY_FAIL_SECONDS = 20.0
# Claims lost to another instance that polls the same jobs: enough to leave the rest to it.
LOST_CLAIMS_MAX = 500
_log = logging.getLogger("offer_monitor.jobs")


class Reading:
    """The partition as far as it has been read, and the jobs in it that come due."""

    def __init__(
        self,
        pages: Iterator[PendingPage],
        due: DueJobs,
        tidied: Callable[[PendingPage], list[PendingRow]],
        clock: Clock,
        *,
        start_at: str = "",
    ) -> None:
        self._pages = pages
        self._tidied = tidied
        self._clock = clock
        self._start_at = start_at
        self._next_key = start_at
        self._given_back: list[str] = []
        self.due = due
        self.ended = False

    def read_on(self) -> bool:
        """Read the next page, unless that is not needed now or not possible any more."""
        now = self._clock.now()
        if self.ended or now > self.due.last_request_at or self.due.enough(now):
            return False
        with retrying_for(STORAGE_MAY_FAIL_SECONDS):
            page = next(self._pages, None)
            if page is None:
                self.ended = True
                return False
            if page.last_key and not page.last_key.startswith(OUTBOX_PREFIX):
                self._next_key = page.last_key
            self.due.add(self._tidied(page))
        return True

    def stopped_at(self, now: datetime) -> str:
        """Where the next cycle should begin: at the first job that this one read and could not ask, or at what it
        did not read. Empty if it read everything: then those that have waited longest come first by themselves."""
        if self.ended:
            return ""
        left = [row.row_key for row in self.due.now_due(now)] + self._given_back
        return min(left, key=lambda key: (key < self._start_at, key), default=self._next_key)

    def give_back(self, row: PendingRow) -> None:
        """A claimed job could not be asked."""
        self._given_back.append(row.row_key)


class PollRun:
    """The loop of one cycle: read, claim, hand out, write back, until nothing is due or the time is over."""

    def __init__(
        self,
        pending: PendingJobs,
        clock: Clock,
        workers: PollWorkers,
        finishing: FinishingThread,
        report: CycleReport,
        reading: Reading,
        not_asked_elsewhere: Callable[[Sequence[PendingRow]], list[PendingRow]],
        set_aside_refused: Callable[[Sequence[PendingRow]], None],
    ) -> None:
        self._pending = pending
        self._clock = clock
        self._workers = workers
        self._finishing = finishing
        self._report = report
        self._reading = reading
        self._not_asked_elsewhere = not_asked_elsewhere
        self._set_aside_refused = set_aside_refused
        self._send_by = report.started_at + LAST_REQUEST_AFTER
        self._answer_by = report.started_at + LAST_ANSWER_AFTER
        self._lost_claims = 0
        self._storage_error: StorageError | None = None

    def until_done(self, sleep: Callable[[float], None]) -> None:
        """Raises StorageError once all that was under way is written, or can no longer be."""
        while True:
            has_read = self._claim_and_read()
            if self._workers.in_flight:
                self._write_if_possible(self._workers.results(TRANSACTION_MAX_ROWS))
                continue
            if has_read:
                continue
            pause = None if self._workers.stopped else self._reading.due.wait_for_next(self._clock.now())
            if pause is None:
                break
            sleep(pause.total_seconds())
        if self._storage_error is not None:
            raise self._storage_error

    def _claim_and_read(self) -> bool:
        """Whether more was read. If storage fails, nothing more is asked; what is under way is still written."""
        if self._storage_error is not None:
            return False
        try:
            self._claim()
            return self._reading.read_on()
        except StorageError as error:
            self._storage_error = error
            self._workers.stop()
            return False

    def _claim(self) -> None:
        """Claim the next jobs, so many that no worker runs dry while results are gathered and written."""
        enough = self._workers.concurrency + TRANSACTION_MAX_ROWS
        while (now := self._clock.now()) <= self._send_by and self._workers.in_flight < enough:
            rows = [] if self._workers.stopped else self._reading.due.take(now, TRANSACTION_MAX_ROWS)
            if not rows:
                return
            with retrying_for(STORAGE_MAY_FAIL_SECONDS):
                claims = self._pending.claim(rows, until=claimed_until(self._answer_by))
                for row in claims.taken:
                    self._workers.submit(row, send_by=self._send_by, answer_by=self._answer_by)
                self._take_up_again(claims.lost)
                self._set_aside_refused(claims.refused)

    def _take_up_again(self, lost: Sequence[PendingRow]) -> None:
        """Of the rows that others have changed, those that are still due have another turn."""
        self._lost_claims += len(lost)
        if self._lost_claims > LOST_CLAIMS_MAX:
            self._workers.stop()
        elif lost:
            self._reading.due.add(self._not_asked_elsewhere(self._pending.reread(lost, self._clock.now())))

    def _write_if_possible(self, polled: list[PolledRow]) -> None:
        """Storage may take the next results even if it did not take these."""
        try:
            self._write(polled)
        except StorageError as error:
            self._storage_error = error
            self._workers.stop()

    def _write(self, polled: list[PolledRow]) -> None:
        """Write results back; a job that came back unasked is written as it was, which gives its claim back."""
        answered = [each for each in polled if each.poll is not None]
        results = [(each.row, each.poll.job) for each in answered if each.poll is not None]
        left = (self._answer_by - self._clock.now()).total_seconds()
        try:
            for each in polled:
                self._count(each)
            with retrying_for(max(left, 0.0)):
                written = self._pending.write(results, self._clock.now())
        finally:
            for each in polled:
                each.turn.give_back()
        large = {each.row.job.job_id for each in answered if each.was_large}
        events = [each.event for each in written if each is not None and each.event is not None]
        self._report.finished += sum(event.finishes for event in events)
        self._finishing.finish([event for event in events if event.finishes and event.job.job_id not in large])
        # A large offer is read again when its event is sent: many of them may be waiting for that.
        again = [event for event in events if not event.finishes or event.job.job_id in large]
        self._finishing.finish_stored([event.without_large_fields() for event in again])

    def _count(self, polled: PolledRow) -> None:
        report, poll = self._report, polled.poll
        if poll is None:
            report.failed_polls += 1
            return
        if not poll.asked and poll.job is polled.row.job:
            report.unreached += 1
            self._reading.give_back(polled.row)
        report.polled += poll.asked
        report.failed_polls += poll.error is not None
        report.failed_of_polled += poll.asked and poll.error is not None
        if poll.latency_seconds is not None:
            report.latencies_ms.append(round(poll.latency_seconds * 1000))
        if poll.error is not None:
            self._note(poll.error)
        answered_about_job = poll.latency_seconds is not None
        report.answered += answered_about_job or isinstance(poll.error, UpstreamNotFound | UpstreamThrottled | NoRoom)

    def _note(self, error: UpstreamError) -> None:
        report = self._report
        report.last_error = error
        report.throttled = report.throttled or isinstance(error, UpstreamThrottled)
        if isinstance(error, CredentialRefused) and ends_the_cycle(error) and report.failure is None:
            credential_refused(report, error)


def credential_refused(report: CycleReport, error: UpstreamError) -> None:
    report.failure, report.failure_detail = CycleFailure.TOKEN_REFUSED, str(error)
    log_event(_log, "credential_refused", level=logging.ERROR, api=error.api, reason=str(error))
