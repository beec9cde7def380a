"""Every kind of problem that the API answers: the end of its `type`, its statuses and its meaning."""

from typing import NamedTuple


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
