"""A request that a fault has hit, and the list of all faults."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from sandbox.faults import Fault


@dataclass
class FaultyCall:
    """`answer` makes the answer that the request would have got."""

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
