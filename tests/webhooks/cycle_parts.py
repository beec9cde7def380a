"""Everything that a retry cycle calls, answering as the test says, and a monotonic clock that the test moves."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.storage.table import Row
from shared.webhooks.deliverer import Batch
from shared.webhooks.deliveries import Counted
from shared.webhooks.delivery import DueDelivery
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.endpoints import Listing
from shared.webhooks.retry_cycle import DeliveryReport, RetryCycle
from tests.clock import FakeClock

NOTHING = Counted(waiting=0, dead=0, unreadable=[])


@dataclass
class Stopwatch:
    """In place of the module `time`."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Parts:
    """Notes each call with its arguments. A call takes the seconds, or raises the error, given for its name.

    The name is the method's, or the method's with the endpoint's id: `count wh_1`.
    """

    stopwatch: Stopwatch
    endpoints: list[Endpoint] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    dues: dict[str, list[DueDelivery]] = field(default_factory=dict)
    requests: dict[str, list[Row]] = field(default_factory=dict)
    counts: dict[str, Counted] = field(default_factory=dict)
    not_begun: int = 0
    batch: Batch = field(default_factory=Batch)
    takes: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    errors: dict[str, Exception] = field(default_factory=dict)
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def run(self, clock: FakeClock, **options: float) -> DeliveryReport:
        """One cycle with these parts."""
        parts: Any = self
        cycle = RetryCycle(
            endpoints=parts,
            deliveries=parts,
            deliverer=parts,
            bulk_redelivery=parts,
            removal=parts,
            clock=clock,
        )
        return cycle.run(**options)

    def called(self, method: str) -> list[tuple[Any, ...]]:
        """The arguments of each call of this method."""
        return [call[1:] for call in self.calls if call[0] == method]

    def _note(self, method: str, *arguments: object) -> None:
        self.calls.append((method, *arguments))
        for name in (method, f"{method} {arguments[0]}" if arguments else ""):
            self.stopwatch.seconds += self.takes[name]
            if name in self.errors:
                raise self.errors[name]

    def listing(self) -> Listing:
        self._note("listing")
        return Listing(self.endpoints, self.removed, self.unreadable, settings_row_is_missing=False)

    def due(self, endpoint_id: str, now: datetime) -> Iterator[DueDelivery]:
        self._note("due", endpoint_id, now)
        return iter(self.dues.get(endpoint_id, []))

    def open_batch(self) -> Batch:
        return self.batch

    def start(self, dues: Iterable[DueDelivery], batch: Batch) -> int:
        started = list(dues)
        if started:
            self._note("start", started[0].endpoint_id, started, batch)
        return len(started)

    def finish_batch(self, batch: Batch, seconds: float) -> int:
        self._note("finish_batch", batch, seconds)
        return self.not_begun

    def mark_pending_dead(self, endpoint_id: str, now: datetime, has_time: Callable[[], bool]) -> int:
        self._note("mark_pending_dead", endpoint_id, now, has_time)
        return 0

    def clean(self, endpoint_id: str, has_time: Callable[[], bool]) -> None:
        self._note("clean", endpoint_id, has_time)

    def requested(self) -> dict[str, list[Row]]:
        self._note("requested")
        return self.requests

    def resume(self, endpoint_id: str, requests: list[Row], has_time: Callable[[], bool]) -> None:
        self._note("resume", endpoint_id, requests, has_time)

    def cancel(self, requests: list[Row]) -> None:
        self._note("cancel", requests)

    def count(self, endpoint_id: str, *, rows_at_most: int) -> Counted:
        self._note("count", endpoint_id, rows_at_most)
        return self.counts.get(endpoint_id, NOTHING)
