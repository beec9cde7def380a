"""`/jobs`: register, list, read, check and remove jobs."""

import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypedDict, cast

from shared import identifiers
from shared.clock import Clock
from shared.http.messages import NO_CONTENT, Request, Response, json_response, unchanged_json
from shared.http.models import JobRegistration
from shared.http.problems import ProblemError, invalid_request
from shared.http.reading import Parameters, read_body, takes_parameters
from shared.jobs.job import POLL_SPACING, Job, JobState
from shared.jobs.listing import InvalidCursor, JobListing, Listed
from shared.jobs.record import JobRecord, job_record
from shared.jobs.registry import JobRegistry
from shared.polling.check import AskedTooRecently, JobUnknown, ManualCheck
from shared.polling.job_offers import JobMadeNoOffer, JobOffers, JobStillPending, OfferDeleted

DEFAULT_LIMIT = 50
HIGHEST_LIMIT = 500
# A cursor may hold the key of a row that another system chose.
LONGEST_CURSOR_CHARACTERS = 5_000


class JobList(TypedDict):
    """A page of jobs; `nextCursor` is null on the last one."""

    jobs: list[JobRecord]
    nextCursor: str | None


@dataclass(frozen=True)
class JobHandlers:
    """The handlers of `/jobs`; each raises the errors of its domain, which the edge turns into problems."""

    registry: JobRegistry
    listing: JobListing
    manual_check: ManualCheck
    job_offers: JobOffers
    clock: Clock

    def register(self, request: Request) -> Response:
        """POST /jobs: 202 with the record; 200 for a job already known, which stays as it is."""
        body = read_body(request, JobRegistration)
        job, is_new = self.registry.register(
            body.jobId, operation=body.operation, label=body.label, external_id=body.externalId
        )
        if not is_new:
            return json_response(job_record(job), headers=self._retry_after(job))
        location = request.url.partition("?")[0].rstrip("/") + f"/{job.job_id}"
        headers = {"Location": location, "Retry-After": str(int(POLL_SPACING.total_seconds()))}
        return json_response(job_record(job), HTTPStatus.ACCEPTED, headers)

    @takes_parameters
    def list(self, request: Request) -> Response:
        """GET /jobs."""
        parameters = Parameters(request.query, known={"state", "externalId", "limit", "cursor"})
        state = parameters.choice("state", [*JobState, "all"], default=JobState.PENDING)
        external_id = parameters.text("externalId")
        cursor = parameters.text("cursor", longest=LONGEST_CURSOR_CHARACTERS)
        limit = parameters.limit(DEFAULT_LIMIT, HIGHEST_LIMIT)
        parameters.check()
        listed: Listed = "all" if state == "all" else JobState(cast("str", state))
        try:
            page = self.listing.page(listed, external_id=external_id, limit=limit, cursor=cursor)
        except InvalidCursor as error:
            raise invalid_request([str(error)]) from error
        return json_response(JobList(jobs=[job_record(job) for job in page.jobs], nextCursor=page.next_cursor))

    def read(self, request: Request) -> Response:
        """GET /jobs/{jobId}."""
        job = self.registry.find(_job_id(request))
        if job is None:
            raise _unknown()
        return json_response(job_record(job), headers=self._retry_after(job))

    def remove(self, request: Request) -> Response:
        """DELETE /jobs/{jobId}."""
        if not self.registry.remove(_job_id(request)):
            raise _unknown()
        return NO_CONTENT

    def check(self, request: Request) -> Response:
        """POST /jobs/{jobId}/check: polls now; 429 if upstream was asked less than 60 seconds ago."""
        try:
            job = self.manual_check.check(_job_id(request))
        except JobUnknown as error:
            raise _unknown() from error
        except AskedTooRecently as error:
            raise _asked_too_recently(error) from error
        return json_response(job_record(job), headers=self._retry_after(job))

    def private_offer(self, request: Request) -> Response:
        """GET /jobs/{jobId}/private-offer."""
        return unchanged_json(private_offer_of_job(self.job_offers, _job_id(request)))

    def _retry_after(self, job: Job) -> dict[str, str]:
        if not job.pending:
            return {}
        wait = math.ceil((job.next_poll_at - self.clock.now()).total_seconds())
        return {"Retry-After": str(max(wait, 1))}


def private_offer_of_job(job_offers: JobOffers, job_id: str) -> bytes:
    """The private offer behind a job id as upstream sent it, or the problem that says why there is none."""
    try:
        return job_offers.private_offer(job_id)
    except JobStillPending as error:
        raise ProblemError(
            HTTPStatus.CONFLICT, "job-pending", str(error), retry_after_seconds=error.retry_after_seconds
        ) from error
    except JobMadeNoOffer as error:
        raise ProblemError(
            HTTPStatus.CONFLICT, f"job-{error.outcome}", f"The job {error.outcome}.", errors=error.errors
        ) from error
    except OfferDeleted as error:
        raise ProblemError(HTTPStatus.GONE, "offer-deleted", "The job deleted the private offer.") from error
    except JobUnknown as error:
        raise ProblemError(HTTPStatus.NOT_FOUND, "no-offer", "There is no private offer behind this job.") from error
    except AskedTooRecently as error:
        raise _asked_too_recently(error) from error


def _job_id(request: Request) -> str:
    return identifiers.job_id(request.route["jobId"])


def _unknown() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "job-unknown", "No such job is registered here.")


def _asked_too_recently(error: AskedTooRecently) -> ProblemError:
    return ProblemError(
        HTTPStatus.TOO_MANY_REQUESTS, "asked-too-recently", str(error), retry_after_seconds=error.retry_after_seconds
    )
