"""A Partner Center job as the monitor follows it, and its record as the API and the webhooks show it."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypedDict

from shared.clock import rfc3339
from shared.json_codec import JsonObject, RawJson
from shared.upstream.job_status import JobStatus


class JobState(StrEnum):
    """`pending` until upstream's word, or `lost` or `expired` without it."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    EXPIRED = "expired"


class Operation(StrEnum):
    """What the configure request asked for. Upstream's answers do not say; the one who registers the job may."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    WITHDRAW = "withdraw"
    UPGRADE = "upgrade"
    UNKNOWN = "unknown"

    @classmethod
    def named(cls, text: str | None) -> "Operation":
        """The operation of that name in any case; `unknown` for any other."""
        try:
            return cls((text or "").strip().casefold())
        except ValueError:
            return cls.UNKNOWN


# "You can poll the status of an existing job with a maximum frequency of one request per minute" (Microsoft, "Job
# status and retrieve private offer detail via API").
POLL_SPACING = timedelta(seconds=60)
LONGEST_POLL_SPACING = timedelta(minutes=15)
# The longest Retry-After that is obeyed: a wrong clock upstream must not silence a job for ever.
LONGEST_RETRY_AFTER = timedelta(days=1)
# The first try and "the next two ticks".
DETAIL_ATTEMPTS = 3
# A text column of a job's row holds no more (`job_rows.py`).
LONGEST_TIMELINE_CHARACTERS = 15_000


_NO_UPDATE = (
    *("next_poll_at", "last_polled_at", "poll_count", "consecutive_poll_failures", "not_found_in_a_row"),
    *("detail_attempts", "retry_after_until", "updated_at", "errors", "private_offer"),
)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job. Upstream's values are kept as they came; times of our own are aware UTC.

    `next_poll_at` is the earliest moment of the next status request, by any instance. Promise 1 (docs/promises.md)
    rests on it alone.
    """

    job_id: str
    registered_at: datetime
    next_poll_at: datetime
    state: JobState = JobState.PENDING
    operation: Operation = Operation.UNKNOWN
    label: str | None = None
    external_id: str | None = None
    finished_at: datetime | None = None
    job_status: str | None = None
    job_result: str | None = None
    job_start: str | None = None
    job_end: str | None = None
    resource_uri: str | None = None
    errors: list[JsonObject] = field(default_factory=list)
    # One JSON object as the bytes that came from upstream (UTF-8): it is passed on, and only webhooks look inside.
    private_offer: bytes | None = None
    poll_count: int = 0
    last_polled_at: datetime | None = None
    consecutive_poll_failures: int = 0
    not_found_in_a_row: int = 0
    last_poll_error: str | None = None
    # What upstream's Retry-After asked for, which a check by hand heeds as well.
    retry_after_until: datetime | None = None
    detail_attempts: int = 0
    stalled: bool = False
    # None: not since it was registered, or not known; see `last_updated_at`.
    updated_at: datetime | None = None
    # The column as it is stored: read and extended by `timeline.py` only.
    timeline: str = ""

    @property
    def pending(self) -> bool:
        return self.state is JobState.PENDING

    @property
    def last_updated_at(self) -> datetime:
        """When anything but counters and times of polls last changed. Rows of version 1.0.0 do not say it."""
        return self.updated_at or self.finished_at or self.registered_at

    @property
    def awaits_detail(self) -> bool:
        """Upstream has said that it succeeded; only the offer's detail is still missing."""
        said = (self.job_status or "").casefold(), (self.job_result or "").casefold()
        return self.pending and self.poll_count > 0 and said == ("completed", "succeeded")

    def with_status(self, status: JobStatus) -> "Job":
        """The job with what an answered status request said; failures are forgotten."""
        return replace(
            self,
            job_status=status.job_status,
            job_result=status.job_result,
            job_start=status.job_start,
            job_end=status.job_end,
            resource_uri=status.resource_uri,
            errors=status.errors,
            consecutive_poll_failures=0,
            not_found_in_a_row=0,
            last_poll_error=None,
            retry_after_until=None,
        )

    def finished(self, state: JobState, now: datetime) -> "Job":
        """The job as it leaves `pending`."""
        return replace(self, state=state, finished_at=now, updated_at=now)

    def says_more_than(self, before: "Job") -> bool:
        """Whether anything changed since `before` except counters, times of polls, and the large fields."""
        same = {name: getattr(before, name) for name in _NO_UPDATE}
        return replace(self, **same) != before


class ShortJobRecord(TypedDict):
    """A job without its private offer. Times are RFC 3339 in UTC.

    Upstream's values (`jobStatus`, `jobResult`, `jobStart`, `jobEnd`, `resourceUri`, `errors`) are unchanged.
    """

    jobId: str
    state: JobState
    operation: Operation
    label: str | None
    externalId: str | None
    registeredAt: str
    updatedAt: str
    finishedAt: str | None
    jobStatus: str | None
    jobResult: str | None
    jobStart: str | None
    jobEnd: str | None
    resourceUri: str | None
    errors: list[JsonObject]
    pollCount: int
    lastPolledAt: str | None
    nextPollAt: str | None
    consecutivePollFailures: int
    lastPollError: str | None
    stalled: bool


class JobRecord(ShortJobRecord):
    """A job with its private offer: upstream's whole object, or null if there is none yet."""

    privateOffer: RawJson | None


def job_record(job: Job) -> JobRecord:
    """The job record of the API. It may hold signed links: webhooks remove them before they send it."""
    return JobRecord(
        jobId=job.job_id,
        state=job.state,
        operation=job.operation,
        label=job.label,
        externalId=job.external_id,
        registeredAt=rfc3339(job.registered_at),
        updatedAt=rfc3339(job.last_updated_at),
        finishedAt=_time(job.finished_at),
        jobStatus=job.job_status,
        jobResult=job.job_result,
        jobStart=job.job_start,
        jobEnd=job.job_end,
        resourceUri=job.resource_uri,
        errors=job.errors,
        privateOffer=None if job.private_offer is None else RawJson(job.private_offer),
        pollCount=job.poll_count,
        lastPolledAt=_time(job.last_polled_at),
        nextPollAt=_time(job.next_poll_at) if job.pending else None,
        consecutivePollFailures=job.consecutive_poll_failures,
        lastPollError=job.last_poll_error,
        stalled=job.stalled,
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
