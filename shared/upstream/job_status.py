"""A configure job as Product Ingestion tells it (the configure-status resource)."""

from dataclasses import dataclass
from typing import Any, Literal

from shared.json_codec import JsonObject
from shared.upstream.errors import UpstreamUnreadable

type JobOutcome = Literal["succeeded", "failed", "cancelled"]

_OUTCOMES: dict[str, JobOutcome] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",  # Cloud Partner Portal's spelling, should it ever spread
}
_NO_DATE_YET = "0001-01-01"


@dataclass(frozen=True)
class JobStatus:
    """What upstream says of one job.

    `status` and `result` are for comparing: trimmed, in lower case (`notstarted`, `running`, `completed`; `pending`,
    `succeeded`, ...), and may be words not seen before. `job_status`, `job_result`, `job_start` and `job_end` are
    upstream's own, trimmed; a date of year 1 is upstream's way to say "not yet" and becomes None. A job that is done
    by its `job_end` alone is not done: upstream fills it in early. `errors` are upstream's objects as they came.
    """

    job_id: str
    status: str
    result: str | None
    job_status: str
    job_result: str | None
    job_start: str | None
    job_end: str | None
    resource_uri: str | None
    errors: list[JsonObject]

    @property
    def finished(self) -> bool:
        """Only `jobStatus` decides."""
        return self.status == "completed"

    @property
    def outcome(self) -> JobOutcome | None:
        """What `jobResult` says; None while it is pending, missing or a word not known."""
        return _OUTCOMES.get(self.result or "")

    @classmethod
    def from_json(cls, value: object, job_id: str) -> "JobStatus":
        """Read upstream's answer about the job `job_id`; names of fields count in any case (`jobID`, `resourceURI`).

        Raises UpstreamUnreadable for another shape, or an answer about another job.
        """
        if not isinstance(value, dict):
            raise _unreadable("it is not a JSON object")
        fields = {str(name).strip().casefold(): content for name, content in value.items()}
        answered_id = _text(fields.get("jobid"))
        if answered_id is not None and answered_id.casefold() != job_id.casefold():
            raise _unreadable("it is about another job")
        job_status = _text(fields.get("jobstatus"))
        if job_status is None:
            raise _unreadable("it has no jobStatus")
        job_result = _text(fields.get("jobresult"))
        return cls(
            job_id=job_id,
            status=job_status.casefold(),
            result=job_result.casefold() if job_result is not None else None,
            job_status=job_status,
            job_result=job_result,
            job_start=_date(fields.get("jobstart")),
            job_end=_date(fields.get("jobend")),
            resource_uri=_text(fields.get("resourceuri")),
            errors=_errors(fields.get("errors")),
        )


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _date(value: object) -> str | None:
    text = _text(value)
    return None if text is None or text.startswith(_NO_DATE_YET) else text


def _errors(value: Any) -> list[JsonObject]:  # noqa: ANN401 - upstream sends an array, an object, null or nothing
    found = value if isinstance(value, list) else [value]
    return [
        {"message": error} if isinstance(error, str) else error
        for error in found
        if error and isinstance(error, dict | str)
    ]


def _unreadable(reason: str) -> UpstreamUnreadable:
    return UpstreamUnreadable(
        f"Product Ingestion gave a job status that cannot be used: {reason}.", api="Product Ingestion"
    )
