"""A finished job as webhooks carry it, with a private offer of usual size."""

from datetime import UTC, datetime

from sandbox.sample_offers import private_offer_of
from shared.jobs.job import Job, JobRecord, JobState, Operation, job_record
from shared.json_codec import dumps


def sample_record(job_id: str) -> JobRecord:
    """The record of a job that has created an offer."""
    now = datetime.now(UTC)
    return job_record(
        Job(
            job_id=job_id,
            registered_at=now,
            next_poll_at=now,
            finished_at=now,
            state=JobState.SUCCEEDED,
            operation=Operation.CREATE,
            label="Contoso renewal",
            job_status="completed",
            job_result="succeeded",
            private_offer=dumps(private_offer_of("customerPromotion")).encode("ascii"),
            poll_count=2,
            last_polled_at=now,
        )
    )
