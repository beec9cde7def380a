"""Why a question about a job has no answer: one exception tree, one class for each thing a caller may do about it."""

import math
from datetime import timedelta

from shared.json_codec import JsonObject


class JobError(Exception):
    """A job, or its offer, cannot be shown now or at all."""


class JobUnknown(JobError):
    """There is no such job, here or upstream."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"there is no job {job_id}")


class AskedTooRecently(JobError):
    """Upstream was asked about this job less than 60 seconds ago, or is being asked right now."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__("upstream was asked about this job less than 60 seconds ago")
        self.retry_after_seconds = _whole_seconds(wait)


class JobStillPending(JobError):
    """The job has not ended; its offer may be there later."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__("the job has not ended yet")
        self.retry_after_seconds = _whole_seconds(wait)


class JobMadeNoOffer(JobError):
    """The job ended as `outcome` (failed or cancelled) and made or changed no offer; `errors` are upstream's."""

    def __init__(self, outcome: str, errors: list[JsonObject]) -> None:
        super().__init__(f"the job {'was cancelled' if outcome == 'cancelled' else outcome}")
        self.outcome = outcome
        self.errors = errors


class OfferDeleted(JobError):
    """The job deleted the offer."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"the job {job_id} deleted the offer")


def _whole_seconds(wait: timedelta) -> int:
    return max(1, math.ceil(wait.total_seconds()))
