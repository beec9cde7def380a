"""`/health`: one word for everyone, the parts for callers with a key."""

from dataclasses import dataclass
from http import HTTPStatus

from shared.http.messages import Request, Response, json_response
from shared.http.operations import operation
from shared.monitor.health import Health, HealthDetails, HealthStatus


@dataclass(frozen=True)
class HealthHandlers:
    """The handlers of `/health`."""

    health: Health

    @operation(answers={200: HealthStatus, 503: HealthStatus}, anonymous=True)
    def read(self, _: Request) -> Response:
        """Tell anyone whether the monitor can do its work, and nothing else."""
        is_ok = self.health.is_ok()
        return json_response(HealthStatus(status="ok" if is_ok else "degraded"), _status(is_ok=is_ok))

    @operation(answers={200: HealthDetails, 503: HealthDetails})
    def details(self, _: Request) -> Response:
        """Tell the parts of the monitor's health."""
        details: HealthDetails = self.health.details()
        return json_response(details, _status(is_ok=details["status"] == "ok"))


def _status(*, is_ok: bool) -> int:
    return HTTPStatus.OK if is_ok else HTTPStatus.SERVICE_UNAVAILABLE
