"""A webhook receiver in Flask.

pip install flask standardwebhooks
WEBHOOK_SECRET=whsec_... flask --app receiver run --port 5000
"""

import os
from typing import Any

from flask import Flask, request
from standardwebhooks import Webhook, WebhookVerificationError

app = Flask(__name__)
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
handled: set[str] = set()  # in production: a table with the webhook-id as its key


@app.post("/webhook")
def receive() -> tuple[str, int]:
    """Verify the signature over the unchanged body, then handle each webhook-id once."""
    try:
        event = webhook.verify(request.get_data(), dict(request.headers))
    except (WebhookVerificationError, ValueError):
        return "the signature does not match", 400
    webhook_id = request.headers["webhook-id"]
    if webhook_id not in handled:
        handle(event)
        handled.add(webhook_id)
    return "", 204


def handle(event: dict[str, Any]) -> None:
    """Your own code. Put work that takes more than a few seconds into a queue."""
    job = event["data"].get("job", {})
    print(event["type"], job.get("jobId", ""), job.get("label") or "", flush=True)  # noqa: T201 - it is an example
