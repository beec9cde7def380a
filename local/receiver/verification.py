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


def member_of(event: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object of that name in an event's data, such as the job record; empty if it has none."""
    data = event.get("data")
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def offer_id_of(event: Mapping[str, Any]) -> str | None:
    """The bare id of an event's private offer, or `publisherId/offerId` of its CPP offer."""
    if durable_id := member_of(event, "privateOffer").get("id"):
        return str(durable_id).removeprefix("private-offer/")
    cpp_offer = member_of(event, "cppOffer")
    return f"{cpp_offer.get('publisherId')}/{cpp_offer.get('offerId')}" if cpp_offer else None
