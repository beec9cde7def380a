"""The status of a configure job, as Product Ingestion reports it (the configure-status resource)."""

from dataclasses import dataclass
from typing import Any, Literal

from shared.json_codec import JsonObject
from shared.upstream.errors import UpstreamUnreadable

type JobOutcome = Literal["succeeded", "failed", "cancelled"]

_OUTCOMES: dict[str, JobOutcome] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",  # the spelling of Cloud Partner Portal
}
_NO_DATE_YET = "0001-01-01"


@dataclass(frozen=True)
class JobStatus:
    """Upstream's report about one job.

    `status` and `result` are for comparison: trimmed and in lower case (`notstarted`, `running`, `completed`;
    `pending`, `succeeded`, ...). They may be words that are not known yet. `job_status`, `job_result`, `job_start`
    and `job_end` are upstream's own texts, trimmed. A date in year 1 means "not yet" and becomes None. `job_end` does
    not say that a job is done, since upstream fills it in early. `errors` are upstream's objects unchanged.
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
        """The outcome by `jobResult`; None while it is pending, missing or an unknown word."""
        return _OUTCOMES.get(self.result or "")

    @classmethod
    def from_json(cls, value: object, job_id: str) -> "JobStatus":
        """Read upstream's answer about the job `job_id`. Field names may be in any case (`jobID`, `resourceURI`).

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


def _errors(value: Any) -> list[JsonObject]:  # noqa: ANN401 - upstream sends an array, an object, null, or no errors at all
    found = value if isinstance(value, list) else [value]
    return [
        {"message": error} if isinstance(error, str) else error
        for error in found
        if error and isinstance(error, dict | str)
    ]


def _unreadable(reason: str) -> UpstreamUnreadable:
    return UpstreamUnreadable(
        f"Product Ingestion sent a job status that cannot be used: {reason}.", api="Product Ingestion"
    )
