"""One attempt: render, sign, post, and say what came of it."""

from shared.clock import Clock
from shared.redaction import redact_signed_links
from shared.webhooks.delivery import Attempt
from shared.webhooks.endpoints import Endpoint
from shared.webhooks.formats import render
from shared.webhooks.network_guard import AttemptFailed, NetworkGuard
from shared.webhooks.signing import signed_headers

_USER_AGENT = "partner-center-offer-monitor"


class Sender:
    """Makes attempts. Thread-safe; stores nothing."""

    def __init__(self, guard: NetworkGuard, clock: Clock) -> None:
        self._guard = guard
        self._clock = clock

    def send(self, endpoint: Endpoint, event_id: str, standard_body: bytes) -> Attempt:
        """Post the event to the endpoint once. Never raises for what the endpoint does: that is the attempt."""
        at = self._clock.now()
        body = render(endpoint.format, standard_body)
        headers = {
            "content-type": "application/json",
            "user-agent": _USER_AGENT,
            # The answer's first characters are kept for people to read.
            "accept-encoding": "identity",
            **signed_headers(event_id, int(at.timestamp()), body, endpoint.signing_secrets(at)),
        }
        try:
            answer = self._guard.post(endpoint.url, body, headers)
        except AttemptFailed as failure:
            return Attempt(at=at, status=None, latency_ms=failure.latency_ms, error=redact_signed_links(str(failure)))
        return Attempt(
            at=at,
            status=answer.status,
            latency_ms=answer.latency_ms,
            # The URL of a Teams workflow is itself a signed link, and some servers repeat it in their error page.
            response=redact_signed_links(answer.excerpt),
            retry_after=answer.retry_after,
        )

    def close(self) -> None:
        """Close the pooled connections."""
        self._guard.close()
