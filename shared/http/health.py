"""`/health`: one word for everyone, the parts for whoever holds a key."""

from dataclasses import dataclass
from http import HTTPStatus

from shared.http.messages import Request, Response, json_response
from shared.monitor.health import Health, HealthDetails
from shared.monitor.health import HealthStatus as HealthBody


@dataclass(frozen=True)
class HealthHandlers:
    """The handlers of `/health`."""

    health: Health

    def read(self, _: Request) -> Response:
        """GET /health."""
        is_ok = self.health.is_ok()
        return json_response(HealthBody(status="ok" if is_ok else "degraded"), _status(is_ok=is_ok))

    def details(self, _: Request) -> Response:
        """GET /health/details."""
        details: HealthDetails = self.health.details()
        return json_response(details, _status(is_ok=details["status"] == "ok"))


def _status(*, is_ok: bool) -> int:
    return HTTPStatus.OK if is_ok else HTTPStatus.SERVICE_UNAVAILABLE
