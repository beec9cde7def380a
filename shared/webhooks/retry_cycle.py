"""The work of the timer `deliver_webhooks`: retries due deliveries, tidies up after endpoints that are gone."""

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
from shared.storage.table import Row
from shared.webhooks.bulk_redelivery import BulkRedelivery
from shared.webhooks.deliverer import Batch, Deliverer
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.delivery import DueDelivery
from shared.webhooks.endpoint import shown_id
from shared.webhooks.endpoints import EndpointStore, Listing
from shared.webhooks.removal import Removal
from shared.webhooks.sender import log_fault

# The next tick comes after 60 s.
CYCLE_SECONDS = 50.0
# The share of a cycle that is reserved for counting at its end.
COUNTING_SHARE = 0.1
# How many of each endpoint's due deliveries start before more of any endpoint's are read.
FIRST_READ = 100
# How many deliveries of one endpoint a cycle retries at most, and how many rows it counts in total.
DUE_PER_CYCLE = 2000
COUNTED_ROWS_MAX = 10_000
_log = logging.getLogger("offer_monitor.webhooks")


@dataclass(kw_only=True)
class DeliveryReport:
    """The result of a cycle. `reason` is None if the cycle did its work.

    `waiting` and `dead` count the deliveries of all endpoints at the end of the cycle; they are too low if
    `all_counted` is false. `unreadable` counts the rows of endpoints and deliveries that were skipped.
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
    """One cycle of `deliver_webhooks`. Its cost follows the outstanding deliveries, not the history."""

    def __init__(
        self,
        *,
        endpoints: EndpointStore,
        deliveries: DeliveryStore,
        deliverer: Deliverer,
        bulk_redelivery: BulkRedelivery,
        removal: Removal,
        clock: Clock,
    ) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._deliverer = deliverer
        self._bulk_redelivery = bulk_redelivery
        self._removal = removal
        self._clock = clock

    def run(self, seconds: float = CYCLE_SECONDS) -> DeliveryReport:
        """Retry due deliveries for up to `seconds`; the rest stay due. A storage failure is logged, not raised."""
        began = time.monotonic()
        ends = began + seconds
        counting_from = ends - seconds * COUNTING_SHARE
        report = DeliveryReport(at=self._clock.now())
        batch = self._deliverer.open_batch()
        listing = self._listing(report)
        self._start_due(report, listing, batch, until=counting_from)
        self._tidy_up(report, listing, until=counting_from)
        self._redeliver(report, listing, until=counting_from)
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

        report.all_counted = _succeeds(report, "", read)
        for endpoint_id in listing.unreadable:
            log_event(_log, "webhook_unreadable", level=logging.ERROR, webhookId=endpoint_id)
        report.unreadable = len(listing.unreadable)
        return listing

    def _start_due(self, report: DeliveryReport, listing: Listing, batch: Batch, *, until: float) -> None:
        """Start some deliveries of every endpoint before the rest of any: reading thousands of rows for one endpoint
        must not delay the others."""
        dues = {
            endpoint.id: self._deliveries.due(endpoint.id, self._clock.now())
            for endpoint in listing.endpoints
            if endpoint.enabled
        }
        for most in (FIRST_READ, DUE_PER_CYCLE - FIRST_READ):
            for endpoint_id in _before(until, dues):
                _succeeds(report, endpoint_id, partial(self._start_some, report, batch, dues[endpoint_id], most))

    def _start_some(self, report: DeliveryReport, batch: Batch, dues: Iterator[DueDelivery], most: int) -> None:
        some = sorted(islice(dues, most), key=lambda due: due.claimed_until)
        report.due += self._deliverer.start(some, batch)

    def _redeliver(self, report: DeliveryReport, listing: Listing, *, until: float) -> None:
        """Go on with bulk redeliveries. What becomes due again here is sent by the next cycle."""
        requested: dict[str, list[Row]] = {}
        if not listing.endpoints:
            return

        def read() -> None:
            requested.update(self._bulk_redelivery.requested())

        _succeeds(report, "", read)
        endpoints = {endpoint.id: endpoint for endpoint in listing.endpoints}
        for endpoint_id in _before(until, requested):
            endpoint, requests = endpoints.get(endpoint_id), requested[endpoint_id]
            if endpoint is not None and endpoint.enabled:
                step = partial(self._bulk_redelivery.resume, endpoint_id, requests, lambda: time.monotonic() < until)
                _succeeds(report, endpoint_id, step)
            elif endpoint is not None and endpoint.disabled_reason is not None:
                _succeeds(report, endpoint_id, partial(self._bulk_redelivery.cancel, requests))

    def _tidy_up(self, report: DeliveryReport, listing: Listing, *, until: float) -> None:
        """Mark what disabled endpoints still have as dead, and delete what removed endpoints still have."""

        def has_time() -> bool:
            return time.monotonic() < until

        # Deliveries that were announced or in flight while the endpoint was being disabled.
        disabled = [one.id for one in listing.endpoints if one.disabled_reason is not None]
        for endpoint_id in _before(until, disabled):
            now = self._clock.now()
            _succeeds(report, endpoint_id, partial(self._deliveries.mark_pending_dead, endpoint_id, now, has_time))
        for endpoint_id in _before(until, listing.removed):
            _succeeds(report, endpoint_id, partial(self._removal.clean, endpoint_id, has_time))

    def _count(self, report: DeliveryReport, listing: Listing, *, until: float) -> None:
        counted = 0
        for endpoint_id in _before(until, [endpoint.id for endpoint in listing.endpoints]):
            counted += _succeeds(report, endpoint_id, partial(self._count_one, report, endpoint_id))
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
                reason="a column is missing or has an impossible value",
            )


def _succeeds(report: DeliveryReport, endpoint_id: str, step: Callable[[], object]) -> bool:
    """Run a step for one endpoint; returns whether it succeeded. A failure must not stop the steps for others."""
    try:
        step()
    except StorageError as error:
        report.reason = report.reason or ("storage_unreachable" if error.transient else "storage_refused")
        return False
    except Exception as fault:  # noqa: BLE001 - as above
        report.reason = report.reason or "unforeseen"
        log_fault(fault, webhookId=shown_id(endpoint_id))
        return False
    return True


def _before(until: float, endpoint_ids: Iterable[str]) -> Iterator[str]:
    """The endpoint ids, until the time `until` of the monotonic clock has come."""
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
