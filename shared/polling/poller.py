"""One poll of one job: ask its status, fetch the detail of one that succeeded."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.jobs.job import POLL_SPACING, Job
from shared.log import log_event
from shared.polling.large_answers import LargeAnswers, Turn
from shared.polling.rules import PollRules
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
REMEMBERED_ANSWERS = 20_000
# Less than this is no time to ask upstream anything.
SHORTEST_TIMEOUT_SECONDS = 2.0
_log = logging.getLogger("offer_monitor.jobs")


@dataclass(frozen=True)
class Poll:
    """What one poll did: the job as it now is, and how asking its status went."""

    job: Job
    asked: bool
    error: UpstreamError | None = None
    latency_seconds: float | None = None


def claimed_until(answer_by: datetime) -> datetime:
    """Until when nobody else may ask about a job whose request is given up at `answer_by`.

    A request may arrive upstream as late as it is given up, and whoever sent it may die before writing that down.
    """
    return answer_by + POLL_SPACING


def ends_the_cycle(error: UpstreamError) -> bool:
    """Whether the next request would fare no better: no token, a renewed one rejected again, or throttled."""
    refused_again = isinstance(error, TokenRejected) and error.after_renewal
    return refused_again or isinstance(error, TokenUnavailable | UpstreamThrottled)


class JobPoller:
    """Polls single jobs. Thread-safe. Claims and stores nothing: that is the caller's part."""

    def __init__(self, upstream: ProductIngestion, rules: PollRules, clock: Clock) -> None:
        self._upstream = upstream
        self._rules = rules
        self._clock = clock
        # Stored state keeps the spacing; but a system that replaces a followed job's row wipes that out, and then at
        # least the instance that asked remembers. Dictionaries are safe to share between threads.
        self._last_answers: dict[str, datetime] = {}
        self._large_answers = LargeAnswers()

    def turn(self) -> Turn:
        """For one poll: to be given back when its result is stored."""
        return self._large_answers.turn()

    def poll(self, job: Job, *, answer_by: datetime, turn: Turn) -> Poll:
        """Poll a claimed job with at most one status request; every upstream failure is in the result.

        `turn` is taken if upstream's answer is large; the caller gives it back.
        The 60 seconds to the next request count from the moment the answer was had, or given up on: so upstream sees
        the spacing however long the request was under way.
        """
        if job.awaits_detail:
            return self._with_detail(Poll(job, asked=False), answer_by, turn)
        began = self._clock.now()
        answered_at = self._last_answers.get(job.job_id) if job.poll_count == 0 else None
        if answered_at is not None and began < answered_at + POLL_SPACING:
            return Poll(replace(job, next_poll_at=answered_at + POLL_SPACING), asked=False)
        try:
            status = self._upstream.job_status(
                job.job_id,
                timeout_seconds=(answer_by - began).total_seconds(),
                before_large=lambda: turn.take(self._seconds_until(answer_by)),
            )
        except TokenUnavailable as error:
            return Poll(job, asked=False, error=error)
        except UpstreamError as error:
            now = self._noted_answer(job)
            polled = self._rules.after_failed_status(job, error, now)
            _log_failure(polled, error)
            _log_newly_stalled(job, polled, now)
            return Poll(polled, asked=True, error=error)
        now = self._noted_answer(job)
        poll = Poll(
            self._rules.after_status(job, status, now), asked=True, latency_seconds=(now - began).total_seconds()
        )
        _log_newly_stalled(job, poll.job, now)
        if poll.job.pending and poll.job.last_poll_error is not None:
            log_event(
                _log,
                "job_status_unknown",
                level=logging.WARNING,
                jobId=job.job_id,
                jobStatus=status.job_status,
                jobResult=status.job_result,
            )
        succeeded = status.finished and status.outcome == "succeeded"
        return self._with_detail(poll, answer_by, turn) if poll.job.pending and succeeded else poll

    def _seconds_until(self, moment: datetime) -> float:
        return (moment - self._clock.now()).total_seconds()

    def _noted_answer(self, job: Job) -> datetime:
        now = self._clock.now()
        if len(self._last_answers) >= REMEMBERED_ANSWERS:
            recent = {job_id: at for job_id, at in self._last_answers.copy().items() if now < at + POLL_SPACING}
            self._last_answers = recent
        self._last_answers[job.job_id] = now
        return now

    def failed_unexpectedly(self, job: Job) -> Poll:
        """What a poll that failed in a way nobody foresaw is taken for: an answer that cannot be read."""
        error = UpstreamUnreadable("The poll failed unexpectedly; the log says why.", api=PRODUCT_INGESTION)
        now = self._clock.now()
        if job.awaits_detail:
            return Poll(self._rules.after_failed_detail(job, error, now), asked=False, error=error)
        return Poll(self._rules.after_failed_status(job, error, now), asked=True, error=error)

    def _with_detail(self, poll: Poll, answer_by: datetime, turn: Turn) -> Poll:
        """Fetch the detail of a succeeded job, from the configured base URL; never from `resourceUri`."""
        job = poll.job
        try:
            private_offer = self._upstream.job_offer(
                job.job_id,
                timeout_seconds=max(self._seconds_until(answer_by), SHORTEST_TIMEOUT_SECONDS),
                before_large=lambda: turn.take(self._seconds_until(answer_by)),
            )
        except UpstreamError as error:
            job = self._rules.after_failed_detail(job, error, self._clock.now())
            _log_failure(job, error)
            return Poll(job, asked=poll.asked, error=error, latency_seconds=poll.latency_seconds)
        job = self._rules.after_detail(job, private_offer, self._clock.now())
        return Poll(job, asked=poll.asked, latency_seconds=poll.latency_seconds)


def _log_newly_stalled(before: Job, after: Job, now: datetime) -> None:
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
