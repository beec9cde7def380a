"""One poll of one job: request its status, and the detail of a job that succeeded."""

import logging
import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from types import TracebackType
from typing import Self

from shared.clock import Clock
from shared.jobs.job import POLL_SPACING, Job
from shared.log import log_event
from shared.polling.rules import AnswerPostponed, PollRules
from shared.upstream.errors import (
    TokenRejected,
    TokenUnavailable,
    UpstreamError,
    UpstreamThrottled,
    UpstreamUnreadable,
)
from shared.upstream.product_ingestion import PRODUCT_INGESTION, ProductIngestion

# How long a single poll may take: a status request and the detail, each of which UPSTREAM_TIMEOUT_SECONDS bounds.
ANSWER_WITHIN = timedelta(seconds=45)
# With less time left than this, no request is sent.
SHORTEST_TIMEOUT_SECONDS = 2.0
# Large answers in memory at once, each from reading it until it is stored: an offer may be megabytes long, and many
# jobs may end in the same minute. Small answers need no limit of their own; the number of requests in flight limits
# them.
LARGE_ANSWERS_AT_ONCE = 2
# How long a large answer waits for others; then its job is left to a later poll.
LARGE_ANSWER_WAITS_SECONDS = 10.0
# How many jobs the process remembers the last answer of.
REMEMBERED_ANSWERS = 20_000
_log = logging.getLogger("offer_monitor.jobs")


class LargeAnswerPermit:
    """One poll's permit to have a large answer in memory; acquired only if the answer turns out to be large.

    The thread that reads the answer acquires it, the one that has stored the answer releases it.
    """

    def __init__(self, slots: BoundedSemaphore, *, wait_seconds: float = LARGE_ANSWER_WAITS_SECONDS) -> None:
        self._slots = slots
        self._wait_seconds = wait_seconds
        self._held = False
        #: Whether the answer was large; stays true after the release.
        self.used = False

    def acquire(self, seconds_left: float = math.inf) -> None:
        """Wait for a slot, but no longer than the poll has time. Raises AnswerPostponed."""
        if self._held:
            return
        if not self._slots.acquire(timeout=max(0.0, min(seconds_left, self._wait_seconds))):
            raise AnswerPostponed(
                "The answer is large, and other large answers are still being stored.", api=PRODUCT_INGESTION
            )
        self._held = self.used = True

    def release(self) -> None:
        """Make room for the next large answer. Does nothing if this permit is not held."""
        if self._held:
            self._held = False
            self._slots.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


@dataclass(frozen=True)
class Poll:
    """What one poll did: the job as it is now, and how its status request went.

    `asked` tells whether a status request was sent; `latency_seconds` is set if it was answered.
    """

    job: Job
    asked: bool
    error: UpstreamError | None = None
    latency_seconds: float | None = None


def claimed_until(answer_by: datetime) -> datetime:
    """How long to claim a job whose request is given up at `answer_by`.

    The request may reach upstream as late as that, and its sender may die before it stores anything.
    """
    return answer_by + POLL_SPACING


def ends_the_cycle(error: UpstreamError) -> bool:
    """Whether the next request would fail in the same way: no token, a renewed token rejected again, or throttled."""
    rejected_again = isinstance(error, TokenRejected) and error.after_renewal
    return rejected_again or isinstance(error, TokenUnavailable | UpstreamThrottled)


class JobPoller:
    """Polls single jobs. Thread-safe. It neither claims nor stores a job: its callers do."""

    def __init__(self, upstream: ProductIngestion, rules: PollRules, clock: Clock) -> None:
        self._upstream = upstream
        self._rules = rules
        self._clock = clock
        # The stored row keeps requests a minute apart. If another system replaces the row of a followed job, that is
        # lost; then at least this process remembers. Threads share the dictionary safely.
        self._last_answers: dict[str, datetime] = {}
        self._large_answers = BoundedSemaphore(LARGE_ANSWERS_AT_ONCE)

    def permit(self) -> LargeAnswerPermit:
        """A permit for one poll; the caller releases it once the poll's result is stored."""
        return LargeAnswerPermit(self._large_answers)

    def poll(self, job: Job, *, answer_by: datetime, permit: LargeAnswerPermit) -> Poll:
        """Poll a claimed job with one status request at most. An upstream failure is in the result, not raised.

        The next request may follow 60 seconds after the answer, or after the request was given up. So upstream sees
        requests a minute apart, however long each was under way.
        """
        if job.awaits_detail:
            return self._with_detail(Poll(job, asked=False), answer_by, permit)
        answered_at = self._last_answers.get(job.job_id) if job.poll_count == 0 else None
        began = self._clock.now()
        if answered_at is not None and answered_at > began:  # the clock was set back since: the minute begins anew
            answered_at = self._last_answers[job.job_id] = began
        if answered_at is not None and began < answered_at + POLL_SPACING:
            return Poll(replace(job, next_poll_at=answered_at + POLL_SPACING), asked=False)
        try:
            status = self._upstream.job_status(
                job.job_id,
                timeout_seconds=(answer_by - began).total_seconds(),
                before_large=lambda: permit.acquire(self._seconds_until(answer_by)),
            )
        except TokenUnavailable as error:
            return Poll(job, asked=False, error=error)
        except UpstreamError as error:
            now = self._remember_answer(job)
            polled = self._rules.after_failed_status(job, error, now)
            _log_failure(polled, error)
            _log_if_newly_stalled(job, polled, now)
            return Poll(polled, asked=True, error=error)
        now = self._remember_answer(job)
        polled = self._rules.after_status(job, status, now)
        _log_if_newly_stalled(job, polled, now)
        if polled.pending and polled.last_poll_error is not None:
            log_event(
                _log,
                "job_status_unknown",
                level=logging.WARNING,
                jobId=job.job_id,
                jobStatus=status.job_status,
                jobResult=status.job_result,
            )
        poll = Poll(polled, asked=True, latency_seconds=(now - began).total_seconds())
        succeeded = status.finished and status.outcome == "succeeded"
        return self._with_detail(poll, answer_by, permit) if polled.pending and succeeded else poll

    def failed_unexpectedly(self, job: Job) -> Poll:
        """The result of a poll that raised an unforeseen error: it counts as an unreadable answer."""
        error = UpstreamUnreadable("The poll failed unexpectedly; the log says why.", api=PRODUCT_INGESTION)
        now = self._clock.now()
        if job.awaits_detail:
            return Poll(self._rules.after_failed_detail(job, error, now), asked=False, error=error)
        return Poll(self._rules.after_failed_status(job, error, now), asked=True, error=error)

    def _with_detail(self, poll: Poll, answer_by: datetime, permit: LargeAnswerPermit) -> Poll:
        """Fetch the detail of a succeeded job, from the configured base URL and never from `resourceUri`."""
        job = poll.job
        try:
            private_offer = self._upstream.job_offer(
                job.job_id,
                timeout_seconds=max(self._seconds_until(answer_by), SHORTEST_TIMEOUT_SECONDS),
                before_large=lambda: permit.acquire(self._seconds_until(answer_by)),
            )
        except UpstreamError as error:
            job = self._rules.after_failed_detail(job, error, self._clock.now())
            _log_failure(job, error)
            return replace(poll, job=job, error=error)
        return replace(poll, job=self._rules.after_detail(job, private_offer, self._clock.now()))

    def _remember_answer(self, job: Job) -> datetime:
        now = self._clock.now()
        if len(self._last_answers) >= REMEMBERED_ANSWERS:
            answers = self._last_answers.copy()
            recent = {job_id: at for job_id, at in answers.items() if abs(now - at) < POLL_SPACING}
            self._last_answers = recent
        self._last_answers[job.job_id] = now
        return now

    def _seconds_until(self, moment: datetime) -> float:
        return (moment - self._clock.now()).total_seconds()


def _log_if_newly_stalled(before: Job, after: Job, now: datetime) -> None:
    if after.stalled and not before.stalled:
        log_event(
            _log,
            "job_stalled",
            level=logging.WARNING,
            jobId=after.job_id,
            operation=after.operation,
            hoursPending=round((now - after.registered_at).total_seconds() / 3600, 1),
        )


def _log_failure(job: Job, error: UpstreamError) -> None:
    log_event(
        _log,
        "job_poll_failed",
        level=logging.WARNING,
        jobId=job.job_id,
        reason=str(error),
        upstreamStatus=error.status,
        upstreamRequestId=error.request_id,
        consecutiveFailures=job.consecutive_poll_failures,
        nextPollAt=job.next_poll_at.isoformat(timespec="seconds"),
    )
