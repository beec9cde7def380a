"""The finishing events of jobs as a receiver got them."""

from collections import defaultdict

from tests.webhooks.receiver import Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def webhook_settings(receiver: Receiver) -> dict[str, str]:
    """Settings that make the receiver get every event."""
    return {"WEBHOOK_URL": receiver.url, "WEBHOOK_SECRET": SECRET, "WEBHOOK_ALLOW_PRIVATE_NETWORKS": "true"}


def finishing_events(receiver: Receiver) -> dict[str, set[tuple[str, str]]]:
    """By job: the webhook-id and type of each event that came, every signature checked."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for request in list(receiver.requests):
        request.verify(SECRET)
        body = request.json
        if "job" in body["data"] and body["type"] != "job.stalled":
            found[body["data"]["job"]["jobId"]].add((request.webhook_id, body["type"]))
    return found
