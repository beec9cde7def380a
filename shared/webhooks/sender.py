"""Makes one attempt: signs the body, posts it and describes the result."""

import logging
import traceback
from pathlib import PurePath

from shared.clock import Clock
from shared.egress.guard import AttemptFailed, NetworkGuard
from shared.egress.urls import without_secrets
from shared.log import log_event
from shared.webhooks.delivery import Attempt, Payload
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.signing import signed_headers

# How much of an answer or an error is kept.
TEXT_MAX_CHARACTERS = 1000
_USER_AGENT = "partner-center-offer-monitor"
_TRACED_CALLS = 8
_log = logging.getLogger("offer_monitor.webhooks")


class Sender:
    """Makes attempts. Thread-safe; stores nothing."""

    def __init__(self, guard: NetworkGuard, clock: Clock) -> None:
        self._guard = guard
        self._clock = clock

    def send(self, endpoint: Endpoint, event_id: str, payload: Payload) -> Attempt:
        """Post the payload to the endpoint once. Never raises: whatever goes wrong is the attempt's result."""
        at = self._clock.now()
        try:
            signed = signed_headers(event_id, int(at.timestamp()), payload.body, endpoint.signing_secrets(at))
            headers = _headers(endpoint, payload.content_type) | signed
            answer = self._guard.post(endpoint.url, payload.body, headers)
            # An error page may repeat the endpoint's URL and headers, which can hold keys.
            shown = without_secrets(answer.beginning, endpoint.url, endpoint.headers, is_cut=answer.is_cut)
            return Attempt(
                at=at,
                status=answer.status,
                latency_ms=answer.latency_ms,
                response=shown[:TEXT_MAX_CHARACTERS],
                retry_after=answer.retry_after,
            )
        except AttemptFailed as failure:
            shown = without_secrets(str(failure), endpoint.url, endpoint.headers, is_cut=failure.is_cut)
            error = shown[:TEXT_MAX_CHARACTERS] or "no readable answer"
            return Attempt(at=at, status=None, latency_ms=failure.latency_ms, error=error)
        except Exception as fault:  # noqa: BLE001 - without a record the attempt would be repeated without end
            log_fault(fault, webhookId=endpoint.shown_id)
            error = f"the attempt failed unexpectedly ({type(fault).__name__})"
            return Attempt(at=at, status=None, latency_ms=0, error=error)

    def close(self) -> None:
        """Close the pooled connections."""
        self._guard.close()


def _headers(endpoint: Endpoint, content_type: str) -> dict[str, str]:
    """The headers of a request, except the signature. The endpoint's own replace ours of the same name."""
    own = {name.lower() for name, _ in endpoint.headers}
    ours = {
        "content-type": content_type,
        "user-agent": _USER_AGENT,
        # People read the start of the answer, so it should not be compressed.
        "accept-encoding": "identity",
    }
    return {name: value for name, value in ours.items() if name not in own} | dict(endpoint.headers)


def log_fault(fault: Exception, **facts: object) -> None:
    """Log an error in the app itself: its type and where it was raised, not its message, which may hold a secret."""
    calls = traceback.extract_tb(fault.__traceback__)[-_TRACED_CALLS:]
    at = [f"{PurePath(call.filename).name}:{call.lineno} {call.name}" for call in calls]
    log_event(_log, "delivery_fault", level=logging.ERROR, error=type(fault).__name__, at=at, **facts)
