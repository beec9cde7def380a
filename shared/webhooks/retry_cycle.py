"""The timer's part: attempts again what is due."""

import logging
import time

from shared.clock import Clock
from shared.log import log_event
from shared.storage.errors import StorageError
from shared.webhooks.deliverer import Deliverer, Tally
from shared.webhooks.deliveries import DUE_PER_CYCLE, DeliveryStore
from shared.webhooks.endpoints import Endpoint, EndpointStore

# The next tick comes after 60 s.
CYCLE_SECONDS = 50.0
FIRST_READ = 100
_log = logging.getLogger("offer_monitor.webhooks")


class RetryCycle:
    """One cycle of `deliver_webhooks`. Its cost follows what is outstanding, not the history."""

    def __init__(
        self, *, endpoints: EndpointStore, deliveries: DeliveryStore, deliverer: Deliverer, clock: Clock
    ) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._deliverer = deliverer
        self._clock = clock

    def run(self, seconds: float = CYCLE_SECONDS) -> None:
        """Attempt what is due, for at most `seconds`; the rest stays due. A storage failure is logged, not raised."""
        began = time.monotonic()
        tally = Tally()
        due = 0
        reason = None
        try:
            due = self._start_due(tally)
        except StorageError as error:
            reason = "storage_unreachable" if error.transient else "storage_refused"
        waiting = self._deliverer.finish_batch(tally, seconds - (time.monotonic() - began))
        log_event(
            _log,
            "delivery_cycle",
            level=logging.INFO if reason is None else logging.ERROR,
            outcome="ok" if reason is None else "failed",
            reason=reason,
            due=due,
            attempted=tally.attempted,
            delivered=tally.delivered,
            dead=tally.dead,
            waiting=waiting,
            durationMs=round((time.monotonic() - began) * 1000),
        )

    def _start_due(self, tally: Tally) -> int:
        endpoints = self._endpoints.all()
        due = 0
        busy = []
        for endpoint in endpoints:
            if endpoint.enabled:
                found = self._start_due_of(endpoint, FIRST_READ, tally)
                due += found
                if found == FIRST_READ:
                    busy.append(endpoint)
        # Only now the rest of those with much to do: reading thousands of rows must keep nobody else waiting.
        for endpoint in busy:
            due += self._start_due_of(endpoint, DUE_PER_CYCLE, tally)
        for endpoint in endpoints:
            if endpoint.gone:
                # Whatever was announced while it became gone.
                self._deliveries.bury(endpoint, self._clock.now())
        return due

    def _start_due_of(self, endpoint: Endpoint, limit: int, tally: Tally) -> int:
        found = self._deliveries.due(endpoint, self._clock.now(), limit=limit)
        return self._deliverer.start(found, tally)
