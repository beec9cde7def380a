"""From an event to the endpoints that want it."""

from collections.abc import Sequence
from itertools import batched

from shared.clock import Clock
from shared.storage.table import TRANSACTION_MAX_ROWS
from shared.webhooks.deliverer import Deliverer
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.endpoints import Endpoint, EndpointStore
from shared.webhooks.events import Event, wants
from shared.webhooks.formats.standard import standard_body

# What fits into one transaction: a delivery is three rows, and a transaction holds a hundred.
EVENTS_STORED_AT_ONCE = TRANSACTION_MAX_ROWS // 3


class FanOut:
    """Announces events: stores one delivery per endpoint that wants one, and starts the first attempts.

    A delivery's id follows from event and endpoint, and storing one that is there changes nothing; so an event may be
    announced any number of times, by a process that was killed half-way and by the one that takes over.
    """

    def __init__(
        self, *, endpoints: EndpointStore, deliveries: DeliveryStore, deliverer: Deliverer, clock: Clock
    ) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._deliverer = deliverer
        self._clock = clock

    def announce(self, events: Sequence[Event]) -> None:
        """See `shared.webhooks.events.Announcer`. Raises StorageError; deliveries stored until then stay."""
        if not events:
            return
        listening = [endpoint for endpoint in self._endpoints.all() if endpoint.enabled or endpoint.gone]
        # A few at a time: of a thousand events the first are under way to every endpoint before the last are stored.
        for few in batched(events, EVENTS_STORED_AT_ONCE, strict=False):
            self._store_and_start(few, listening)

    def _store_and_start(self, events: Sequence[Event], listening: Sequence[Endpoint]) -> None:
        bodies = {event.id: standard_body(event) for event in events} if listening else {}
        for endpoint in listening:
            wanted = [(event, bodies[event.id]) for event in events if wants(endpoint.events, event.type)]
            self._deliverer.start(self._deliveries.add(endpoint, wanted, self._clock.now()))
