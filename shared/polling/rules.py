"""What a poll's answer does to a job: pure rules, no request and no write.

They keep promises 3 and 5 (docs/promises.md). Upstream's own rules are in docs/upstream.md: only `jobStatus` says
whether a job is finished, and only `jobResult` says how. Transport errors and 5xx are routine while polling; they say
nothing about the job.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.jobs.job import (
    DETAIL_ATTEMPTS,
    LONGEST_POLL_SPACING,
    LONGEST_RETRY_AFTER,
    POLL_SPACING,
    Job,
    JobState,
    Operation,
)
from shared.settings import Settings
from shared.upstream.errors import TokenRejected, UpstreamError, UpstreamNotFound, UpstreamThrottled
from shared.upstream.job_status import JobStatus

LONGEST_POLL_ERROR_CHARACTERS = 500
# Sooner than the next tick, later than any overlapping one: the detail is "tried again on the next two ticks".
DETAIL_RETRY_AFTER = timedelta(seconds=20)


class AnswerPostponed(UpstreamError):
    """The answer is large, and there was no memory for it in time. It says nothing about the job."""


@dataclass(frozen=True)
class PollRules:
    """How long a job may be pending before it counts as stalled, expired or lost."""

    stalled_after: timedelta
    expires_after: timedelta
    lost_after_not_found: int

    @classmethod
    def from_settings(cls, settings: Settings) -> "PollRules":
        return cls(
            stalled_after=timedelta(hours=settings.job_stalled_after_hours),
            expires_after=timedelta(days=settings.job_expires_after_days),
            lost_after_not_found=settings.job_lost_after_not_found,
        )

    def after_status(self, job: Job, status: JobStatus, now: datetime) -> Job:
        """The job after an answered status request. A succeeded job stays pending until its detail is fetched."""
        job = replace(_polled(job, now), next_poll_at=now + POLL_SPACING).with_status(status)
        if not status.finished:
            unknown = None if status.status in {"notstarted", "running"} else f"jobStatus {status.job_status!r}"
            return self._still_pending(job, now, unknown)
        match status.outcome:
            case "succeeded" if job.operation is Operation.DELETE:
                return job.finished(JobState.SUCCEEDED, now)
            case "succeeded":
                return job
            case "failed":
                return job.finished(JobState.FAILED, now)
            case "cancelled":
                return job.finished(JobState.CANCELLED, now)
            case None:
                return self._still_pending(job, now, f"jobResult {status.job_result!r} of a completed job")

    def after_failed_status(self, job: Job, error: UpstreamError, now: datetime) -> Job:
        """The job after a status request that failed."""
        job = _polled(job, now)
        if isinstance(error, TokenRejected | AnswerPostponed):
            # The app's fault, not the job's: the job is polled again a minute later.
            return self._still_pending(
                replace(job, next_poll_at=now + POLL_SPACING, last_poll_error=_as_text(error)), now
            )
        failures = job.consecutive_poll_failures + 1
        not_found = job.not_found_in_a_row + 1 if isinstance(error, UpstreamNotFound) else 0
        job = replace(
            job,
            consecutive_poll_failures=failures,
            not_found_in_a_row=not_found,
            last_poll_error=_as_text(error),
            next_poll_at=now + _wait_after(error, failures),
            retry_after_until=None if error.retry_after_seconds is None else now + _retry_after(error),
        )
        if not_found >= self.lost_after_not_found:
            return job.finished(JobState.LOST, now)
        return self._still_pending(job, now)

    def after_detail(self, job: Job, private_offer: bytes | None, now: datetime) -> Job:
        """The succeeded job with the private offer in its detail (None: the detail holds none)."""
        return replace(job, private_offer=private_offer, last_poll_error=None).finished(JobState.SUCCEEDED, now)

    def after_failed_detail(self, job: Job, error: UpstreamError, now: datetime) -> Job:
        """The succeeded job after its detail could not be fetched. After three attempts it finishes without it.

        A 404 for a job without `resourceUri` means that there is no offer, as after a delete. If upstream asks to
        wait, or other large answers come first, that does not count as an attempt; but at the age at which a job
        expires, this one finishes too.
        """
        if isinstance(error, UpstreamNotFound) and job.resource_uri is None:
            return replace(job, last_poll_error=None).finished(JobState.SUCCEEDED, now)
        postponed = isinstance(error, AnswerPostponed) or (
            isinstance(error, UpstreamThrottled) and error.retry_after_seconds is not None
        )
        attempts = job.detail_attempts if postponed else job.detail_attempts + 1
        job = replace(job, detail_attempts=attempts, last_poll_error=_as_text(error))
        if attempts >= DETAIL_ATTEMPTS or now - job.registered_at >= self.expires_after:
            return job.finished(JobState.SUCCEEDED, now)
        retry_after = None if error.retry_after_seconds is None else _retry_after(error)
        return replace(
            job,
            next_poll_at=now + max(DETAIL_RETRY_AFTER, retry_after or timedelta()),
            retry_after_until=None if retry_after is None else now + retry_after,
        )

    def _still_pending(self, job: Job, now: datetime, unknown: str | None = None) -> Job:
        if unknown is not None:
            job = replace(
                job, last_poll_error=f"upstream answered with the unknown {unknown}"[:LONGEST_POLL_ERROR_CHARACTERS]
            )
        waited = now - job.registered_at
        if waited >= self.expires_after:
            return job.finished(JobState.EXPIRED, now)
        return replace(job, stalled=job.stalled or waited >= self.stalled_after)


def _polled(job: Job, now: datetime) -> Job:
    return replace(job, poll_count=job.poll_count + 1, last_polled_at=now)


def _wait_after(error: UpstreamError, failures: int) -> timedelta:
    """One minute, doubling to fifteen, or longer if upstream asks. A 404 is a clear answer: it slows nothing down."""
    doublings = 0 if isinstance(error, UpstreamNotFound) else min(failures - 1, 4)
    wait: timedelta = min(POLL_SPACING * 2**doublings, LONGEST_POLL_SPACING)
    if error.retry_after_seconds is not None:
        wait = max(wait, _retry_after(error))
    return wait


def _retry_after(error: UpstreamError) -> timedelta:
    return min(timedelta(seconds=error.retry_after_seconds or 0), LONGEST_RETRY_AFTER)


def _as_text(error: UpstreamError) -> str:
    return str(error)[:LONGEST_POLL_ERROR_CHARACTERS]
