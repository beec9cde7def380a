"""The log of requests, so that tests can check what a client did and did not do."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from sandbox.answers import JsonObject

LOG_CAPACITY = 120_000
JOB_STATUS_ROUTE = "product-ingestion.job-status"
HEADERS_OF_INTEREST = (
    "Accept",
    "Accept-Encoding",
    "Client-Request-Id",
    "Content-Type",
    "If-None-Match",
    "MS-CorrelationId",
    "MS-RequestId",
    "User-Agent",
    "X-Ms-Correlation-Request-Id",
    "X-Ms-Client-Request-Id",
)


@dataclass(slots=True)
class LoggedRequest:
    """One request, without its secrets. `status` is None if it was never answered."""

    number: int
    method: str
    path: str
    query: str
    route: str
    job_id: str | None
    arrived_at: datetime
    arrived_monotonic: float
    token_audience: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    fault: str | None = None

    def as_json(self) -> JsonObject:
        """The entry in the control endpoint's form."""
        return {
            "number": self.number,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "route": self.route,
            "jobId": self.job_id,
            "arrivedAt": f"{self.arrived_at:%Y-%m-%dT%H:%M:%S.%f}Z",
            "arrivedMonotonic": self.arrived_monotonic,
            "tokenAudience": self.token_audience,
            "headers": dict(self.headers),
            "status": self.status,
            "fault": self.fault,
        }


class RequestLog:
    """The last LOG_CAPACITY requests."""

    def __init__(self) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=LOG_CAPACITY)
        self._arrived = 0

    def append(self, entry: LoggedRequest) -> None:
        """Adds an entry; a full log drops its oldest."""
        self._entries.append(entry)

    def next_number(self) -> int:
        """The number of the next request, from 1 in the order of arrival."""
        self._arrived += 1
        return self._arrived

    def select(
        self, *, route: str | None = None, job_id: str | None = None, method: str | None = None, after: int = 0
    ) -> list[LoggedRequest]:
        """The matching entries, in the order of arrival; as in faults, `route` may be a route name's first part."""
        wanted_job = job_id.lower() if job_id else None
        return [
            entry
            for entry in self._entries
            if entry.number > after
            and (route is None or entry.route == route or entry.route.startswith(f"{route}."))
            and (wanted_job is None or entry.job_id == wanted_job)
            and (method is None or entry.method == method)
        ]

    def status_requests(self) -> dict[str, list[LoggedRequest]]:
        """The status requests of each job."""
        by_job: dict[str, list[LoggedRequest]] = {}
        for entry in self._entries:
            if entry.route == JOB_STATUS_ROUTE and entry.job_id is not None:
                by_job.setdefault(entry.job_id, []).append(entry)
        return by_job

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()


def minimum_spacing_seconds(requests: Iterable[LoggedRequest]) -> float | None:
    """The shortest time between two successive arrivals; None for fewer than two requests."""
    arrivals = sorted(request.arrived_monotonic for request in requests)
    return min((later - earlier for earlier, later in pairwise(arrivals)), default=None)
