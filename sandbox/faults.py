"""Faults: what goes wrong, where, and how often. `fault_kinds` holds what each of them does."""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import count
from typing import Any


@dataclass
class Fault:
    """One fault switched on. It hits the requests that match, `remaining` times (None: until cleared)."""

    fault_id: int
    kind: str
    route: str | None = None
    method: str | None = None
    job_id: str | None = None
    path_contains: str | None = None
    remaining: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def matches(self, *, route: str, method: str, path: str, job_id: str | None) -> bool:
        """`route` matches a whole route name (`product-ingestion.job-status`) or its first part."""
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
    """The faults that are switched on, in the order in which they were set; the first match is taken."""

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
        """Switches a fault on. Raises ValueError for a kind that does not exist."""
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
        """The fault that hits this request, counted down; None for a request that goes well."""
        for fault in self._faults:
            if fault.matches(route=route, method=method, path=path, job_id=job_id):
                if fault.remaining is not None:
                    fault.remaining -= 1
                    if fault.remaining <= 0:
                        self._faults.remove(fault)
                return fault
        return None

    def all(self) -> list[Fault]:
        """Every fault that is still on."""
        return list(self._faults)

    def clear(self, fault_id: int | None = None) -> None:
        """Switches one fault off, or all."""
        self._faults = [fault for fault in self._faults if fault_id is not None and fault.fault_id != fault_id]
