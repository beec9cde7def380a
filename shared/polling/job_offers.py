"""The private offer that a job made or changed, whether or not the job is registered here."""

from shared.clock import Clock
from shared.jobs.errors import AskedTooRecently, JobMadeNoOffer, JobStillPending, JobUnknown, OfferDeleted
from shared.jobs.job import POLL_SPACING, Job, JobState, Operation
from shared.jobs.poll_spacing import PollSpacing, RememberedRequest
from shared.jobs.registry import JobRegistry
from shared.json_codec import InvalidJson, dumps, loads
from shared.polling.poller import ANSWER_WITHIN, claimed_until
from shared.storage.errors import RowChanged
from shared.upstream.errors import TokenUnavailable, UpstreamError, UpstreamNotFound, UpstreamRejectedRequest
from shared.upstream.job_status import JobStatus
from shared.upstream.product_ingestion import ProductIngestion

# A remembered answer fits into one column: errors that are too long for it are left out.
LONGEST_REMEMBERED_CHARACTERS = 30_000
NO_SUCH_JOB = "null"


class JobOffers:
    """Finds the private offer of a job."""

    def __init__(
        self, *, registry: JobRegistry, poll_spacing: PollSpacing, upstream: ProductIngestion, clock: Clock
    ) -> None:
        self._registry = registry
        self._poll_spacing = poll_spacing
        self._upstream = upstream
        self._clock = clock

    def private_offer(self, job_id: str) -> bytes:
        """The private offer as upstream sent it: one JSON object, in UTF-8.

        It was stored when the job finished; if the job is not registered here, upstream is asked for it now. Raises
        JobError, UpstreamError and StorageError.
        """
        job = self._registry.find(job_id)
        return self._of_unregistered(job_id) if job is None else self._of_registered(job)

    def _of_registered(self, job: Job) -> bytes:
        match job.state:
            case JobState.PENDING:
                raise JobStillPending(job.next_poll_at - self._clock.now())
            case JobState.FAILED | JobState.CANCELLED:
                raise JobMadeNoOffer(job.state.value, job.errors)
            case JobState.LOST | JobState.EXPIRED:
                raise JobUnknown(job.job_id)
            case JobState.SUCCEEDED if job.operation is Operation.DELETE:
                raise OfferDeleted(job.job_id)
        if job.private_offer is not None:
            return job.private_offer
        # The detail was unavailable when the job finished; it may be there now.
        try:
            return self._from_detail(job.job_id)
        except (JobUnknown, UpstreamNotFound) as error:
            if job.resource_uri is None:
                raise OfferDeleted(job.job_id) from error
            raise

    def _of_unregistered(self, job_id: str) -> bytes:
        """Ask for the detail first: only a finished job has one, and it may be requested at any time."""
        try:
            return self._from_detail(job_id)
        except (JobUnknown, UpstreamNotFound, UpstreamRejectedRequest):
            status = self._status(job_id)
        if not status.finished or status.outcome is None:
            raise JobStillPending(POLL_SPACING)
        if status.outcome != "succeeded":
            raise JobMadeNoOffer(status.outcome, status.errors)
        if status.resource_uri is None:
            raise OfferDeleted(job_id)
        raise JobUnknown(job_id)

    def _from_detail(self, job_id: str) -> bytes:
        private_offer = self._upstream.job_offer(job_id)
        if private_offer is None:
            raise JobUnknown(job_id)
        return private_offer

    def _status(self, job_id: str) -> JobStatus:
        """The job's status, requested now or less than a minute ago."""
        now = self._clock.now()
        claim = self._poll_spacing.claim(job_id, now, until=claimed_until(now + ANSWER_WITHIN))
        if claim is None:
            return self._remembered_status(job_id)
        if self._registry.find(job_id) is not None:
            # Registered just now: from here on its own row says when it may be polled. See `poll_spacing.py`.
            self._store_answer(claim, None)
            raise JobStillPending(POLL_SPACING)
        try:
            claim = self._poll_spacing.confirm(claim)
        except RowChanged as error:
            raise AskedTooRecently(POLL_SPACING) from error
        if self._clock.now() > now + ANSWER_WITHIN:
            raise AskedTooRecently(POLL_SPACING)  # this process stood still, and the claim may be over by the answer
        try:
            status = self._upstream.job_status(job_id, timeout_seconds=ANSWER_WITHIN.total_seconds())
        except TokenUnavailable:
            self._store_answer(claim, None)
            raise
        except UpstreamNotFound:
            self._store_answer(claim, NO_SUCH_JOB, asked=True)
            raise
        except UpstreamError:
            self._store_answer(claim, None, asked=True)
            raise
        self._store_answer(claim, _as_text(status), asked=True)
        return status

    def _remembered_status(self, job_id: str) -> JobStatus:
        known = self._poll_spacing.get(job_id, self._clock.now())
        if known is None or known.answer is None:
            raise AskedTooRecently(POLL_SPACING if known is None else known.next_poll_at - self._clock.now())
        if known.answer == NO_SUCH_JOB:
            raise JobUnknown(job_id)
        try:
            return JobStatus.from_json(loads(known.answer), job_id)
        except (InvalidJson, UpstreamError) as error:  # someone has changed the row
            raise AskedTooRecently(known.next_poll_at - self._clock.now()) from error

    def _store_answer(self, claim: RememberedRequest, answer: str | None, *, asked: bool = False) -> None:
        now = self._clock.now()
        try:
            self._poll_spacing.answered(claim, now + POLL_SPACING if asked else now, answer)
        except RowChanged:
            return  # the claim had expired and was taken over: the other answer is newer


def _as_text(status: JobStatus) -> str:
    answer = {
        "jobStatus": status.job_status,
        "jobResult": status.job_result,
        "resourceUri": status.resource_uri,
        "errors": status.errors,
    }
    text = dumps(answer)
    return text if len(text) <= LONGEST_REMEMBERED_CHARACTERS else dumps(answer | {"errors": []})
