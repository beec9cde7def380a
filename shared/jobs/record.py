"""A job as the API and the webhooks show it."""

from datetime import datetime
from typing import TypedDict

from shared.clock import rfc3339
from shared.jobs.job import Job, JobState, Operation
from shared.json_codec import JsonObject, RawJson


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
        updatedAt=rfc3339(job.updated_at or job.registered_at),
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
