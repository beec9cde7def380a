"""Errors as RFC 9457 problem details: every kind of problem, and which error becomes which.

Upstream's 401, and Product Ingestion's 403, are the app's own fault, not the caller's: they become 502. Only the
Cloud Partner Portal's 403 is about the call, namely about another publisher's offers.
"""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple, NotRequired, TypedDict

from shared.cursor import InvalidCursor
from shared.http.messages import PROBLEM_TYPE, Response
from shared.identifiers import InvalidIdentifier
from shared.jobs.errors import AskedTooRecently, JobError, JobMadeNoOffer, JobStillPending, JobUnknown, OfferDeleted
from shared.json_codec import JsonObject, dumps
from shared.redaction import redact, without_signed_links
from shared.setting_reader import SettingsError
from shared.storage.errors import RowChanged, StorageError
from shared.upstream.cloud_partner_portal import CLOUD_PARTNER_PORTAL
from shared.upstream.errors import (
    AccessDenied,
    CredentialRefused,
    UpstreamError,
    UpstreamNotFound,
    UpstreamRejectedRequest,
    UpstreamThrottled,
    UpstreamTimeout,
)


class ProblemType(NamedTuple):
    """A kind of problem."""

    statuses: tuple[int, ...]
    meaning: str


PROBLEM_TYPES = {
    "invalid-request": ProblemType((400, 422), "Something in the request is wrong. `faults` names all of it."),
    "settings-invalid": ProblemType((500,), "Settings of the app are missing or malformed. `faults` names them."),
    "internal": ProblemType((500,), "The request failed unexpectedly. The app's log says why."),
    "storage": ProblemType((503,), "The app cannot use its storage at the moment."),
    "busy": ProblemType((503,), "Others kept changing the same record."),
    "length-required": ProblemType((411,), "The body was sent in chunks, which do not reach the app."),
    "body-too-large": ProblemType((413,), "The body is too large."),
    "body-compressed": ProblemType((415,), "The body is compressed."),
    "configure-refused": ProblemType(
        (422,), "The body is upstream's refusal of a configure request, which made no job. Its own error is repeated."
    ),
    "upstream-not-found": ProblemType((404,), "Upstream does not have it."),
    "upstream-rejected": ProblemType((400, 502), "Upstream rejected the request: 400 if it said 400."),
    "upstream-access-denied": ProblemType((403,), "The app has no access to this publisher's offers."),
    "credential-refused": ProblemType((502,), "Upstream does not accept the app's own credential."),
    "upstream-throttled": ProblemType((503,), "Upstream asks for fewer requests."),
    "upstream-timeout": ProblemType((504,), "Upstream did not answer in time."),
    "upstream-failed": ProblemType((502,), "Upstream failed, could not be reached, or gave an unreadable answer."),
    "job-unknown": ProblemType((404,), "The job is not registered."),
    "job-pending": ProblemType((409,), "The job has not ended."),
    "job-failed": ProblemType((409,), "The job failed. `errors` has upstream's reasons."),
    "job-cancelled": ProblemType((409,), "The job was cancelled. `errors` has upstream's reasons."),
    "asked-too-recently": ProblemType((429,), "Upstream was asked about the job less than 60 seconds ago."),
    "no-offer": ProblemType((404,), "There is no private offer behind the job."),
    "offer-deleted": ProblemType((410,), "The job deleted the private offer."),
    "offer-never-seen": ProblemType((404,), "The watch has not seen the private offer."),
    "row-unknown": ProblemType((404,), "No such row is set aside."),
    "webhook-unknown": ProblemType((404,), "There is no such webhook."),
    "webhook-unreadable": ProblemType((409,), "The webhook's stored row cannot be read."),
    "webhook-from-settings": ProblemType((409,), "The webhook can only be changed in the app's settings."),
    "webhook-disabled": ProblemType((409,), "The webhook is disabled."),
    "too-many-webhooks": ProblemType((409,), "There are as many webhooks as there may be."),
    "delivery-unknown": ProblemType((404,), "There is no such delivery to this webhook."),
    "page-file-unknown": ProblemType((404,), "No such file belongs to the page."),
    "being-sent": ProblemType((409,), "The delivery is being sent at this moment."),
}

OF_EVERY_CALL = ("invalid-request", "settings-invalid", "internal", "storage", "busy")
OF_A_BODY = ("length-required", "body-too-large", "body-compressed")
OF_PRODUCT_INGESTION = (
    *("upstream-not-found", "upstream-rejected", "credential-refused"),
    *("upstream-throttled", "upstream-timeout", "upstream-failed"),
)
OF_CLOUD_PARTNER_PORTAL = (*OF_PRODUCT_INGESTION, "upstream-access-denied")
OF_A_JOBS_OFFER = (
    *("job-pending", "job-failed", "job-cancelled", "offer-deleted", "no-offer", "asked-too-recently"),
    *OF_PRODUCT_INGESTION,
)
OF_A_WEBHOOK = ("webhook-unknown", "webhook-unreadable")
OF_AN_EDITABLE_WEBHOOK = (*OF_A_WEBHOOK, "webhook-from-settings")


# If upstream throttles without saying for how long. Its own rule is one request a minute.
DEFAULT_RETRY_AFTER_SECONDS = 60
# Faults repeat names that the caller sent. A request must not buy an answer many times its size.
FAULTS_MAX = 100
LONGEST_FAULT_CHARACTERS = 200
LONGEST_DETAIL_CHARACTERS = 2000
LONGEST_LINE_CHARACTERS = 300


class Problem(TypedDict):
    """RFC 9457 problem details, with upstream's part in it if upstream was involved."""

    type: str
    title: str
    status: int
    detail: str
    faults: NotRequired[list[str]]
    errors: NotRequired[list[JsonObject]]
    upstreamStatus: NotRequired[int]
    upstreamCode: NotRequired[str]
    upstreamRequestId: NotRequired[str]


class ProblemError(Exception):
    """An answer that is a problem. Handlers raise it; the edge renders it."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        faults: list[str] | None = None,
        errors: list[JsonObject] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = Problem(type=_type(slug), title=HTTPStatus(status).phrase, status=status, detail=detail)
        if faults is not None:
            self.problem["faults"] = faults
        if errors is not None:
            self.problem["errors"] = errors
        self.retry_after_seconds = retry_after_seconds


def invalid_request(faults: list[str], *, status: int = HTTPStatus.BAD_REQUEST) -> ProblemError:
    """The caller's request is at fault; the problem names up to FAULTS_MAX faults."""
    named = [_cut(fault, LONGEST_FAULT_CHARACTERS) for fault in faults[:FAULTS_MAX]]
    if len(faults) > FAULTS_MAX:
        named.append(f"{len(faults) - FAULTS_MAX} more faults are not named")
    return ProblemError(status, "invalid-request", _cut("; ".join(named), LONGEST_DETAIL_CHARACTERS), faults=named)


def configure_refused(error: object) -> ProblemError:
    """Upstream's refusal of a configure request, whose `error` this is, was posted as if it were a job."""
    said = error if isinstance(error, Mapping) else {"message": error}
    code, message = (_line(said.get(name)) for name in ("code", "message"))
    detail = "Upstream refused the configure request, so there is no job to follow" + (f" ({code})" if code else "")
    details = said.get("details")
    # One object alone counts as a list of it, an empty one as none.
    details = details if isinstance(details, list) else [details]
    errors = [each for each in details if each and isinstance(each, dict)]
    refusal = ProblemError(422, "configure-refused", f"{detail}: {message}" if message else f"{detail}.")
    if errors:
        refusal.problem["errors"] = without_signed_links(errors)
    if code:
        refusal.problem["upstreamCode"] = code
    inner = said.get("innerError")
    request_id = _line(inner.get("request-id")) if isinstance(inner, Mapping) else None
    if request_id:
        refusal.problem["upstreamRequestId"] = request_id
    return refusal


def problem_of(error: Exception) -> ProblemError | None:
    """The problem that an error of a lower layer means to the caller; None for an unforeseen error."""
    match error:
        case ProblemError():
            return error
        case InvalidIdentifier() | InvalidCursor():
            return invalid_request([str(error)])
        case UpstreamError():
            return upstream_problem(error)
        case JobError():
            return _job_problem(error)
        case SettingsError():
            return ProblemError(500, "settings-invalid", str(error), faults=error.faults)
        case RowChanged():
            return ProblemError(503, "busy", "The record kept changing. Try again.", retry_after_seconds=1)
        case StorageError():
            return ProblemError(503, "storage", f"Table Storage cannot be used: {error}", retry_after_seconds=60)
    return None


def problem_response(error: ProblemError) -> Response:
    """Render a problem."""
    headers: dict[str, str] = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_seconds)))
    return Response(error.problem["status"], dumps(error.problem).encode("ascii"), PROBLEM_TYPE, headers)


def unforeseen_problem() -> ProblemError:
    """For an unforeseen error: the log has it, the caller is told nothing about the inside."""
    return ProblemError(500, "internal", "The request failed unexpectedly. The log says why.")


def _job_problem(error: JobError) -> ProblemError | None:
    match error:
        case JobUnknown():
            return ProblemError(404, "job-unknown", "No such job is registered here.")
        case AskedTooRecently():
            detail = "Upstream was asked about this job less than 60 seconds ago."
            return ProblemError(429, "asked-too-recently", detail, retry_after_seconds=error.retry_after_seconds)
        case JobStillPending():
            detail = "The job has not ended yet."
            return ProblemError(409, "job-pending", detail, retry_after_seconds=error.retry_after_seconds)
        case JobMadeNoOffer(outcome="cancelled"):
            return ProblemError(409, "job-cancelled", "The job was cancelled.", errors=error.errors)
        case JobMadeNoOffer():
            return ProblemError(409, "job-failed", "The job failed.", errors=error.errors)
        case OfferDeleted():
            return ProblemError(410, "offer-deleted", "The job deleted the private offer.")
    return None


def upstream_problem(error: UpstreamError) -> ProblemError:
    """What an error of upstream's becomes, with upstream's own status, code and request id."""
    status, slug = _status_and_slug(error)
    retry_after = error.retry_after_seconds if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    if status == HTTPStatus.SERVICE_UNAVAILABLE and retry_after is None:
        retry_after = DEFAULT_RETRY_AFTER_SECONDS
    answer = ProblemError(status, slug, str(error), retry_after_seconds=retry_after)
    errors = [detail for detail in error.details or [] if isinstance(detail, Mapping)]
    if errors:
        answer.problem["errors"] = [dict(detail) for detail in errors]
    if error.status is not None:
        answer.problem["upstreamStatus"] = error.status
    if error.code is not None:
        answer.problem["upstreamCode"] = error.code
    if error.request_id is not None:
        answer.problem["upstreamRequestId"] = error.request_id
    return answer


def _status_and_slug(error: UpstreamError) -> tuple[int, str]:
    match error:
        case UpstreamNotFound():
            return 404, "upstream-not-found"
        case UpstreamRejectedRequest():
            return (400 if error.status == HTTPStatus.BAD_REQUEST else 502), "upstream-rejected"
        case AccessDenied() if error.api == CLOUD_PARTNER_PORTAL:
            return 403, "upstream-access-denied"
        case CredentialRefused() | AccessDenied():
            return 502, "credential-refused"
        case UpstreamThrottled():
            return 503, "upstream-throttled"
        case UpstreamTimeout():
            return 504, "upstream-timeout"
    return 502, "upstream-failed"


def _line(value: object) -> str | None:
    """A text of upstream's on one line, without signed links; None for any other value."""
    if not isinstance(value, str):
        return None
    return _cut(redact(" ".join(value[:LONGEST_DETAIL_CHARACTERS].split())), LONGEST_LINE_CHARACTERS)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _type(slug: str) -> str:
    return f"urn:problem:offer-monitor:{slug}"
