"""What a poll's answer does to a job: pure rules, no request and no write.

They keep promises 3 and 5 (docs/promises.md). Upstream's own rules are in docs/upstream.md: `jobStatus` alone says
whether a job is finished, `jobResult` alone how. Transport errors and 5xx while polling are routine and say nothing
about the job.
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
from shared.polling.large_answers import NoRoom
from shared.settings import Settings
from shared.upstream.errors import TokenRejected, UpstreamError, UpstreamNotFound, UpstreamThrottled
from shared.upstream.job_status import JobStatus

LONGEST_POLL_ERROR_CHARACTERS = 500
# Sooner than the next tick, later than any overlapping one: the detail is "tried again on the next two ticks".
DETAIL_RETRY_AFTER = timedelta(seconds=20)


@dataclass(frozen=True)
class PollRules:
    """When waiting becomes noteworthy or pointless."""

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
        """The job after an answered status request. A succeeded one that has a detail stays pending to fetch it."""
        job = replace(_asked(job, now), next_poll_at=now + POLL_SPACING).with_status(status)
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
        """The job after a status request that brought no answer about it."""
        job = _asked(job, now)
        if isinstance(error, TokenRejected | NoRoom):
            # The app's fault, not the job's: it is simply asked again a minute later.
            return self._still_pending(
                replace(job, next_poll_at=now + POLL_SPACING, last_poll_error=_in_words(error)), now
            )
        failures = job.consecutive_poll_failures + 1
        not_found = job.not_found_in_a_row + 1 if isinstance(error, UpstreamNotFound) else 0
        job = replace(
            job,
            consecutive_poll_failures=failures,
            not_found_in_a_row=not_found,
            last_poll_error=_in_words(error),
            next_poll_at=now + _wait_after(error, failures),
            retry_after_until=None if error.retry_after_seconds is None else now + _asked_to_wait(error),
        )
        if not_found >= self.lost_after_not_found:
            return job.finished(JobState.LOST, now)
        return self._still_pending(job, now)

    def after_detail(self, job: Job, private_offer: bytes | None, now: datetime) -> Job:
        """The succeeded job with the private offer in its detail (None: the detail holds none)."""
        return replace(job, private_offer=private_offer, last_poll_error=None).finished(JobState.SUCCEEDED, now)

    def after_failed_detail(self, job: Job, error: UpstreamError, now: datetime) -> Job:
        """Try the detail again on the next two ticks; then the job finishes without it.

        A 404 for a job without `resourceUri` says that there is no offer: it was a delete, or the like. Waiting as
        long as upstream asks, or for a turn, is not counted as a try, but no job waits for longer than it may pend.
        """
        if isinstance(error, UpstreamNotFound) and job.resource_uri is None:
            return replace(job, last_poll_error=None).finished(JobState.SUCCEEDED, now)
        postponed = isinstance(error, NoRoom) or (
            isinstance(error, UpstreamThrottled) and error.retry_after_seconds is not None
        )
        attempts = job.detail_attempts if postponed else job.detail_attempts + 1
        job = replace(job, detail_attempts=attempts, last_poll_error=_in_words(error))
        if attempts >= DETAIL_ATTEMPTS or now - job.registered_at >= self.expires_after:
            return job.finished(JobState.SUCCEEDED, now)
        asked_to_wait = None if error.retry_after_seconds is None else _asked_to_wait(error)
        return replace(
            job,
            next_poll_at=now + max(DETAIL_RETRY_AFTER, asked_to_wait or timedelta()),
            retry_after_until=None if asked_to_wait is None else now + asked_to_wait,
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


def _asked(job: Job, now: datetime) -> Job:
    return replace(job, poll_count=job.poll_count + 1, last_polled_at=now)


def _wait_after(error: UpstreamError, failures: int) -> timedelta:
    """Doubling from a minute to fifteen; longer if upstream says so. A 404 is upstream's clear word: no slower."""
    doublings = 0 if isinstance(error, UpstreamNotFound) else min(failures - 1, 4)
    wait: timedelta = min(POLL_SPACING * 2**doublings, LONGEST_POLL_SPACING)
    if error.retry_after_seconds is not None:
        wait = max(wait, _asked_to_wait(error))
    return wait


def _asked_to_wait(error: UpstreamError) -> timedelta:
    return min(timedelta(seconds=error.retry_after_seconds or 0), LONGEST_RETRY_AFTER)


def _in_words(error: UpstreamError) -> str:
    return str(error)[:LONGEST_POLL_ERROR_CHARACTERS]
