"""Endpoints and deliveries as the API shows them: never with a secret."""

from shared.clock import rfc3339
from shared.models import webhook_responses as shown
from shared.webhooks.delivery import Attempt, Delivery
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.endpoint_url import shown_url


def webhook_record(endpoint: Endpoint) -> shown.Webhook:
    """The endpoint, without secrets; the parts of its URL that may be one are shown as ***."""
    until = endpoint.old_secret_until
    return shown.Webhook(
        id=endpoint.shown_id,
        url=shown_url(endpoint.url),
        events=list(endpoint.events),
        description=endpoint.description,
        format=endpoint.format,
        enabled=endpoint.enabled,
        disabledReason=endpoint.disabled_reason,
        createdAt=None if endpoint.created_at is None else rfc3339(endpoint.created_at),
        previousSecretUntil=None if until is None else rfc3339(until),
        editable=not endpoint.from_settings,
    )


def webhook_with_secret(endpoint: Endpoint) -> shown.WebhookWithSecret:
    """For the one answer that shows the secret."""
    return shown.WebhookWithSecret(**webhook_record(endpoint), secret=endpoint.secret)


def record_of_test(attempt: Attempt) -> shown.WebhookTest:
    """What a test event met with."""
    return shown.WebhookTest(
        delivered=attempt.succeeded,
        status=attempt.status,
        latencyMs=attempt.latency_ms,
        error=attempt.error or (None if attempt.succeeded else f"the endpoint answered {attempt.status}"),
    )


def delivery_record(delivery: Delivery) -> shown.Delivery:
    """The delivery with its attempts, the first one first."""
    next_at = delivery.next_attempt_at
    return shown.Delivery(
        id=delivery.id,
        eventId=delivery.event_id,
        type=delivery.event_type,
        status=delivery.status.value,
        createdAt=rfc3339(delivery.created_at),
        nextAttemptAt=None if next_at is None else rfc3339(next_at),
        attempts=[_attempt_record(attempt) for attempt in delivery.attempts],
    )


def _attempt_record(attempt: Attempt) -> shown.DeliveryAttempt:
    record = shown.DeliveryAttempt(at=rfc3339(attempt.at), status=attempt.status, latencyMs=attempt.latency_ms)
    if attempt.response is not None:
        record["response"] = attempt.response
    if attempt.error is not None:
        record["error"] = attempt.error
    return record
