"""The JSON that the webhook calls answer with."""

from typing import Literal, NotRequired, TypedDict

from shared.clock import rfc3339
from shared.egress.urls import shown_url
from shared.webhooks.delivery import Attempt, Delivery, Payload
from shared.webhooks.endpoint import DisabledReason, Endpoint, FormatName

type DeliveryStatusName = Literal["pending", "delivered", "dead"]


class WebhookRecord(TypedDict):
    """An endpoint. Only `POST /webhooks` and a rotation show its secret; of its own headers only names are shown.

    `url` is shown without its query, and without a path that is a secret. `disabledReason` is "gone" if the endpoint
    answered 410, "failing" if every attempt failed for five days. `previousSecretUntil` is when the secret before the
    last rotation stops signing. The endpoint of WEBHOOK_URL is not editable and has no `createdAt`.
    """

    id: str
    url: str
    events: list[str]
    description: str | None
    format: FormatName
    headers: list[str]
    enabled: bool
    disabledReason: DisabledReason | None
    createdAt: str | None
    previousSecretUntil: str | None
    editable: bool


class WebhookWithSecret(WebhookRecord):
    """An endpoint with its secret, which is shown once."""

    secret: str


class WebhookList(TypedDict):
    """Every endpoint."""

    webhooks: list[WebhookRecord]


class TestRecord(TypedDict):
    """The result of a test event. If no answer came, `status` is null and `error` says why."""

    delivered: bool
    status: int | None
    latencyMs: int
    error: str | None


class AttemptRecord(TypedDict):
    """One attempt: the start of the answer's body, or why no answer came."""

    at: str
    status: int | None
    latencyMs: int
    response: NotRequired[str]
    error: NotRequired[str]


class DeliveryRecord(TypedDict):
    """One event to one endpoint. `eventId` is the `webhook-id` of every attempt.

    `jobId` is null if the event is not about a job, and for deliveries stored by earlier versions.
    """

    id: str
    eventId: str
    type: str
    jobId: str | None
    status: DeliveryStatusName
    createdAt: str
    nextAttemptAt: str | None
    attempts: list[AttemptRecord]


class DeliveryWithBody(DeliveryRecord):
    """A delivery with the text that each attempt sends; null if the stored body cannot be read."""

    body: str | None


class Scheduled(TypedDict):
    """How many dead deliveries are sent again."""

    scheduled: int


class DeliveryList(TypedDict):
    """A page of deliveries, newest first; `nextCursor` is null on the last page.

    A page may hold fewer deliveries than asked for, even none, and still have a `nextCursor`.
    """

    deliveries: list[DeliveryRecord]
    nextCursor: str | None


def webhook_record(endpoint: Endpoint) -> WebhookRecord:
    """The endpoint without secrets; parts of its URL that may be secret are shown as ***."""
    until = endpoint.old_secret_until
    return WebhookRecord(
        id=endpoint.shown_id,
        url=shown_url(endpoint.url),
        events=list(endpoint.events),
        description=endpoint.description,
        format=endpoint.format,
        headers=[name for name, _ in endpoint.headers],
        enabled=endpoint.enabled,
        disabledReason=endpoint.disabled_reason,
        createdAt=None if endpoint.created_at is None else rfc3339(endpoint.created_at),
        previousSecretUntil=None if until is None else rfc3339(until),
        editable=not endpoint.from_settings,
    )


def webhook_with_secret(endpoint: Endpoint) -> WebhookWithSecret:
    """For the one answer that shows the secret."""
    return WebhookWithSecret(**webhook_record(endpoint), secret=endpoint.secret)


def record_of_test(attempt: Attempt) -> TestRecord:
    """The result of a test event."""
    return TestRecord(
        delivered=attempt.succeeded,
        status=attempt.status,
        latencyMs=attempt.latency_ms,
        error=attempt.error or (None if attempt.succeeded else f"the endpoint answered {attempt.status}"),
    )


def delivery_record(delivery: Delivery) -> DeliveryRecord:
    """The delivery with its attempts, the first one first."""
    next_at = delivery.next_attempt_at
    return DeliveryRecord(
        id=delivery.id,
        eventId=delivery.event_id,
        type=delivery.event_type,
        jobId=delivery.job_id,
        status=delivery.status.value,
        createdAt=rfc3339(delivery.created_at),
        nextAttemptAt=None if next_at is None else rfc3339(next_at),
        attempts=[_attempt_record(attempt) for attempt in delivery.attempts],
    )


def delivery_with_body(delivery: Delivery, payload: Payload | None) -> DeliveryWithBody:
    """The delivery with its body."""
    body = None if payload is None else payload.body.decode(errors="replace")
    return DeliveryWithBody(**delivery_record(delivery), body=body)


def _attempt_record(attempt: Attempt) -> AttemptRecord:
    record = AttemptRecord(at=rfc3339(attempt.at), status=attempt.status, latencyMs=attempt.latency_ms)
    if attempt.response is not None:
        record["response"] = attempt.response
    if attempt.error is not None:
        record["error"] = attempt.error
    return record
