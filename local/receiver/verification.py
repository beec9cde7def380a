"""Checks signatures with the Standard Webhooks library."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError


def is_verified(body: bytes, headers: Mapping[str, str], secrets: Iterable[str]) -> bool:
    """Whether a signature of `body` is valid for any of `secrets` (`whsec_...`), and its timestamp is recent."""
    for secret in secrets:
        try:
            Webhook(secret).verify(body, dict(headers))
        except (WebhookVerificationError, EmptyWebhookSecretError, ValueError):
            continue  # not signed with this secret, or the secret or the body is invalid
        return True
    return False


def parse_event(body: bytes) -> dict[str, Any]:
    """The event in `body`; empty if the body is not a JSON object."""
    try:
        event = json.loads(body)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def job_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """The job record in an event; empty if it has none."""
    data = event.get("data")
    job = data.get("job") if isinstance(data, dict) else None
    return job if isinstance(job, dict) else {}
