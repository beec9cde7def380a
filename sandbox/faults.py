"""Faults: which requests they hit, and how many times. `fault_kinds` defines their effects."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from aiohttp import web


@dataclass
class Fault:
    """An active fault. It hits the next `remaining` matching requests (None: all until it is cleared)."""

    fault_id: int
    kind: str
    route: str | None = None
    method: str | None = None
    job_id: str | None = None
    path_contains: str | None = None
    remaining: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def matches(self, *, route: str, method: str, path: str, job_id: str | None) -> bool:
        """`route` is a route name (`product-ingestion.job-status`) or its first part; `path` includes the query."""
        return (
            (self.route is None or route == self.route or route.startswith(f"{self.route}."))
            and (self.method is None or method == self.method)
            and (self.job_id is None or job_id == self.job_id)
            and (self.path_contains is None or self.path_contains in path)
        )

    def number(self, name: str, default: float) -> float:
        """A numeric parameter."""
        return float(self.parameters.get(name, default))

    def text(self, name: str, default: str) -> str:
        """A text parameter."""
        return str(self.parameters.get(name, default))


class FaultBoard:
    """The active faults in the order in which they were set. The first match hits a request."""

    def __init__(self, kinds: Collection[str]) -> None:
        self._kinds = kinds
        self._faults: list[Fault] = []
        self._ids = count(1)

    def set(
        self,
        kind: str,
        *,
        route: str | None = None,
        method: str | None = None,
        job_id: str | None = None,
        path_contains: str | None = None,
        count: int | None = None,
        **parameters: object,
    ) -> Fault:
        """Switches a fault on. Raises ValueError for an unknown kind."""
        if kind not in self._kinds:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(sorted(self._kinds))}")
        fault = Fault(
            next(self._ids),
            kind,
            route,
            method.upper() if method else None,
            job_id.lower() if job_id else None,
            path_contains,
            count,
            dict(parameters),
        )
        self._faults.append(fault)
        return fault

    def take(self, *, route: str, method: str, path: str, job_id: str | None) -> Fault | None:
        """The fault that hits this request, or None. Reduces its remaining count. `path` includes the query."""
        for fault in self._faults:
            if fault.matches(route=route, method=method, path=path, job_id=job_id):
                if fault.remaining is not None:
                    fault.remaining -= 1
                    if fault.remaining <= 0:
                        self._faults.remove(fault)
                return fault
        return None

    def all(self) -> list[Fault]:
        """Every active fault."""
        return list(self._faults)

    def clear(self, fault_id: int | None = None) -> None:
        """Switches one fault off, or all."""
        self._faults = [fault for fault in self._faults if fault_id is not None and fault.fault_id != fault_id]


@dataclass
class FaultyCall:
    """A request that a fault has hit. `answer` makes the usual answer."""

    fault: Fault
    request: web.Request
    route: str
    now: datetime
    answer: Callable[[], Awaitable[web.Response]]

    @property
    def to_portal(self) -> bool:
        """Whether the request is for the Cloud Partner Portal API."""
        return self.route.startswith("cloud-partner-portal")

    @property
    def to_tokens(self) -> bool:
        """Whether the request is for the token endpoint."""
        return self.route.startswith("tokens")

    async def usual_body(self) -> bytes:
        """The body of the usual answer."""
        body = (await self.answer()).body
        return bytes(body) if isinstance(body, bytes | bytearray) else b""


type FaultKind = Callable[[FaultyCall], Awaitable[web.StreamResponse]]
