"""`/jobs`: register, list, read, check and remove jobs."""

import math
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import NotRequired, TypedDict, cast

from shared.clock import Clock
from shared.http.messages import NO_CONTENT, Request, Response, json_response, unchanged_json
from shared.http.models import ALL_STATES, JobChange, JobPath, JobRegistration, JobRegistrations, ListJobs
from shared.http.operations import operation
from shared.http.problems import OF_A_JOBS_OFFER, OF_PRODUCT_INGESTION, Problem, ProblemError, problem_of
from shared.http.reading import read_value
from shared.jobs.errors import JobUnknown
from shared.jobs.filter import JobFilter
from shared.jobs.job import POLL_SPACING, Job, JobRecord, JobState, ShortJobRecord, job_record
from shared.jobs.listing import JobListing
from shared.jobs.registry import JobRegistry
from shared.json_codec import RawJson
from shared.polling.check import ManualCheck
from shared.polling.job_offers import JobOffers


class JobList(TypedDict):
    """A page of jobs; `nextCursor` is null on the last one."""

    jobs: list[JobRecord]
    nextCursor: str | None


class RegisteredJob(TypedDict):
    """What became of one job of several: `status` is that of a registration by itself."""

    status: int
    job: NotRequired[ShortJobRecord]
    problem: NotRequired[Problem]


class RegisteredJobs(TypedDict):
    """What became of each job, in the order in which they came."""

    jobs: list[RegisteredJob]


@dataclass(frozen=True)
class JobHandlers:
    """The handlers of `/jobs`. The edge turns the errors that they raise into problems."""

    registry: JobRegistry
    listing: JobListing
    manual_check: ManualCheck
    job_offers: JobOffers
    clock: Clock

    @operation(
        body=JobRegistrations,
        answers={200: JobRecord | RegisteredJobs, 202: JobRecord},
        problems=("configure-refused",),
    )
    def register(self, request: Request, body: JobRegistrations) -> Response:
        """Follow a job: 202 with its record, 200 if it is known. An array of up to 100: 200 with each result."""
        if isinstance(body.root, JobRegistration):
            return self._register_one(request, body.root)
        return json_response(RegisteredJobs(jobs=[self._registered(each) for each in body.root]))

    def _register_one(self, request: Request, body: JobRegistration) -> Response:
        job, is_new = self._register(body)
        if not is_new:
            return json_response(job_record(job), headers=self._retry_after(job))
        location = request.url.partition("?")[0].rstrip("/") + f"/{job.job_id}"
        headers = {"Location": location, "Retry-After": str(int(POLL_SPACING.total_seconds()))}
        return json_response(job_record(job), HTTPStatus.ACCEPTED, headers)

    def _registered(self, element: object) -> RegisteredJob:
        """What became of one element of an array."""
        try:
            job, is_new = self._register(read_value(element, JobRegistration))
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                raise
            return RegisteredJob(status=problem.problem["status"], problem=problem.problem)
        record = {name: value for name, value in job_record(job).items() if name != "privateOffer"}
        status = HTTPStatus.ACCEPTED if is_new else HTTPStatus.OK
        return RegisteredJob(status=status, job=cast("ShortJobRecord", record))

    def _register(self, body: JobRegistration) -> tuple[Job, bool]:
        return self.registry.register(
            body.job_id, operation=body.operation, label=body.label, external_id=body.external_id
        )

    @operation(parameters=JobPath, body=JobChange, answers={200: JobRecord}, problems=("job-unknown",))
    def change(self, _: Request, path: JobPath, body: JobChange) -> Response:
        """Change a job's operation, label or external id, whether it is pending or has ended."""
        job = self.registry.change(path.job_id, lambda job: replace(job, **body.model_dump(exclude_unset=True)))
        if job is None:
            raise JobUnknown(path.job_id)
        return json_response(job_record(job), headers=self._retry_after(job))

    @operation(parameters=ListJobs, answers={200: JobList})
    def list(self, _: Request, query: ListJobs) -> Response:
        """List jobs: the pending ones, unless other states or a time of change are asked for."""
        page = self.listing.page(_filter(query), limit=query.limit, cursor=query.cursor)
        return json_response(JobList(jobs=[job_record(job) for job in page.jobs], nextCursor=page.next_cursor))

    @operation(parameters=JobPath, answers={200: JobRecord}, problems=("job-unknown",))
    def read(self, _: Request, path: JobPath) -> Response:
        """Read a job's record."""
        job = self.registry.find(path.job_id)
        if job is None:
            raise JobUnknown(path.job_id)
        return json_response(job_record(job), headers=self._retry_after(job))

    @operation(parameters=JobPath, answers={204: None}, problems=("job-unknown",))
    def remove(self, _: Request, path: JobPath) -> Response:
        """Stop following a pending job, or remove a finished one from the history."""
        if not self.registry.remove(path.job_id):
            raise JobUnknown(path.job_id)
        return NO_CONTENT

    @operation(
        parameters=JobPath,
        answers={200: JobRecord},
        problems=("job-unknown", "asked-too-recently", *OF_PRODUCT_INGESTION),
    )
    def check(self, _: Request, path: JobPath) -> Response:
        """Poll a job now, unless upstream was asked about it less than 60 seconds ago."""
        job = self.manual_check.check(path.job_id)
        return json_response(job_record(job), headers=self._retry_after(job))

    @operation(parameters=JobPath, answers={200: RawJson}, problems=OF_A_JOBS_OFFER)
    def private_offer(self, _: Request, path: JobPath) -> Response:
        """Read the private offer that a job made or changed, as it was when the job ended."""
        return unchanged_json(private_offer_of_job(self.job_offers, path.job_id))

    def _retry_after(self, job: Job) -> dict[str, str]:
        if not job.pending:
            return {}
        wait = math.ceil((job.next_poll_at - self.clock.now()).total_seconds())
        return {"Retry-After": str(max(wait, 1))}


def private_offer_of_job(job_offers: JobOffers, job_id: str) -> bytes:
    """The private offer behind a job id as upstream sent it. Raises what `JobOffers.private_offer` raises, and a
    problem of its own if there is none: the job may well be registered here."""
    try:
        return job_offers.private_offer(job_id)
    except JobUnknown as error:
        raise ProblemError(HTTPStatus.NOT_FOUND, "no-offer", "There is no private offer behind this job.") from error


def _filter(query: ListJobs) -> JobFilter:
    states = query.state or ([JobState.PENDING] if query.updated_since is None else [ALL_STATES])
    return JobFilter(
        states=None if ALL_STATES in states else frozenset(JobState(state) for state in states),
        operation=query.operation,
        external_id=query.external_id,
        label=query.label,
        updated_since=query.updated_since,
    )
