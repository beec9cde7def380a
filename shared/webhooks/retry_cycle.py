"""What the timer `deliver_webhooks` does: attempts again what is due, and sees to endpoints that are out of use."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice

from shared.clock import Clock
from shared.log import log_event
from shared.storage.errors import StorageError
from shared.webhooks.deliverer import Batch, Deliverer
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.delivery import DueDelivery
from shared.webhooks.endpoint import shown_id
from shared.webhooks.endpoints import EndpointStore, Listing
from shared.webhooks.removal import Removal
from shared.webhooks.sender import log_fault

# The next tick comes after 60 s.
CYCLE_SECONDS = 50.0
# The share of a cycle that is kept for counting at its end.
COUNTING_SHARE = 0.1
FIRST_READ = 100
# The most of one endpoint's deliveries that a cycle takes up, and the most rows that it counts in all.
DUE_PER_CYCLE = 2000
COUNTED_ROWS_MAX = 10_000
_log = logging.getLogger("offer_monitor.webhooks")


@dataclass(kw_only=True)
class DeliveryReport:
    """How a cycle went. `reason` is None if it did its work.

    `waiting` and `dead` count the deliveries of all endpoints at the end of the cycle; they are too low while
    `all_counted` is false. `unreadable` rows, of endpoints and of deliveries, were passed over.
    """

    at: datetime
    reason: str | None = None
    due: int = 0
    attempted: int = 0
    delivered: int = 0
    given_up: int = 0
    not_begun: int = 0
    waiting: int = 0
    dead: int = 0
    all_counted: bool = True
    unreadable: int = 0

    @property
    def ok(self) -> bool:
        return self.reason is None


class RetryCycle:
    """One cycle of `deliver_webhooks`. Its cost follows what is outstanding, not the history."""

    def __init__(
        self,
        *,
        endpoints: EndpointStore,
        deliveries: DeliveryStore,
        deliverer: Deliverer,
        removal: Removal,
        clock: Clock,
    ) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._deliverer = deliverer
        self._removal = removal
        self._clock = clock

    def run(self, seconds: float = CYCLE_SECONDS) -> DeliveryReport:
        """Attempt what is due, for at most `seconds`; the rest stays due. A storage failure is logged, not raised."""
        began = time.monotonic()
        ends = began + seconds
        counting_from = ends - seconds * COUNTING_SHARE
        report = DeliveryReport(at=self._clock.now())
        batch = self._deliverer.open_batch()
        listing = self._listing(report)
        self._start_due(report, listing, batch, until=counting_from)
        self._see_to_unused(report, listing, until=counting_from)
        report.not_begun = self._deliverer.finish_batch(batch, counting_from - time.monotonic())
        report.attempted, report.delivered, report.given_up = batch.attempted, batch.delivered, batch.given_up
        self._count(report, listing, until=ends)
        _log_report(report, duration_ms=round((time.monotonic() - began) * 1000))
        return report

    def _listing(self, report: DeliveryReport) -> Listing:
        listing = Listing([], [], [], settings_row_is_missing=False)

        def read() -> None:
            nonlocal listing
            listing = self._endpoints.listing()

        report.all_counted = _try(report, "", read)
        for endpoint_id in listing.unreadable:
            log_event(_log, "webhook_unreadable", level=logging.ERROR, webhookId=endpoint_id)
        report.unreadable = len(listing.unreadable)
        return listing

    def _start_due(self, report: DeliveryReport, listing: Listing, batch: Batch, *, until: float) -> None:
        """Start a first piece of what is due for each endpoint before the rest of any: reading thousands of rows of
        one must keep no other waiting."""
        dues = {
            endpoint.id: self._deliveries.due(endpoint.id, self._clock.now())
            for endpoint in listing.endpoints
            if endpoint.enabled
        }
        for most in (FIRST_READ, DUE_PER_CYCLE - FIRST_READ):
            for endpoint_id in _while_before(until, dues):
                _try(report, endpoint_id, partial(self._start_some, report, batch, dues[endpoint_id], most))

    def _start_some(self, report: DeliveryReport, batch: Batch, dues: Iterator[DueDelivery], most: int) -> None:
        some = sorted(islice(dues, most), key=lambda due: due.claimed_until)
        report.due += self._deliverer.start(some, batch)

    def _see_to_unused(self, report: DeliveryReport, listing: Listing, *, until: float) -> None:
        def has_time() -> bool:
            return time.monotonic() < until

        # What was announced, or in flight, while the endpoint was being disabled.
        disabled = [one.id for one in listing.endpoints if one.disabled_reason is not None]
        for endpoint_id in _while_before(until, disabled):
            _try(report, endpoint_id, partial(self._deliveries.bury, endpoint_id, self._clock.now(), has_time))
        for endpoint_id in _while_before(until, listing.removed):
            _try(report, endpoint_id, partial(self._removal.clean, endpoint_id, has_time))

    def _count(self, report: DeliveryReport, listing: Listing, *, until: float) -> None:
        counted = 0
        for endpoint_id in _while_before(until, [endpoint.id for endpoint in listing.endpoints]):
            counted += _try(report, endpoint_id, partial(self._count_one, report, endpoint_id))
        report.all_counted &= counted == len(listing.endpoints)

    def _count_one(self, report: DeliveryReport, endpoint_id: str) -> None:
        room = COUNTED_ROWS_MAX - report.waiting - report.dead
        counted = self._deliveries.count(endpoint_id, rows_at_most=room)
        report.waiting += counted.waiting
        report.dead += counted.dead
        report.unreadable += len(counted.unreadable)
        report.all_counted &= counted.waiting + counted.dead + len(counted.unreadable) < room
        for row_key in counted.unreadable:
            log_event(
                _log,
                "delivery_unreadable",
                level=logging.ERROR,
                webhookId=shown_id(endpoint_id),
                rowKey=row_key,
                reason="a column is missing or holds something absurd",
            )


def _try(report: DeliveryReport, endpoint_id: str, step: Callable[[], object]) -> bool:
    """Take a step for one endpoint; its trouble must not stop the steps for others. Returns whether it went well."""
    try:
        step()
    except StorageError as error:
        report.reason = report.reason or ("storage_unreachable" if error.transient else "storage_refused")
        return False
    except Exception as fault:  # noqa: BLE001 - see above
        report.reason = report.reason or "unforeseen"
        log_fault(fault, webhookId=shown_id(endpoint_id))
        return False
    return True


def _while_before(until: float, endpoint_ids: Iterable[str]) -> Iterator[str]:
    return (endpoint_id for endpoint_id in endpoint_ids if time.monotonic() < until)


def _log_report(report: DeliveryReport, *, duration_ms: int) -> None:
    log_event(
        _log,
        "delivery_cycle",
        level=logging.INFO if report.ok else logging.ERROR,
        outcome="ok" if report.ok else "failed",
        reason=report.reason,
        due=report.due,
        attempted=report.attempted,
        delivered=report.delivered,
        gaveUp=report.given_up,
        notBegun=report.not_begun,
        waiting=report.waiting,
        dead=report.dead,
        unreadable=report.unreadable,
        durationMs=duration_ms,
    )
