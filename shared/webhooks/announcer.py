"""From an event to the endpoints that want it."""

from collections.abc import Sequence
from itertools import batched

from shared.clock import Clock
from shared.events.event import Event, wants
from shared.log import InvocationThreadPool
from shared.storage.table import TRANSACTION_MAX_ROWS
from shared.webhooks.deliverer import Batch, Deliverer
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.endpoint import Endpoint, FormatName
from shared.webhooks.endpoints import EndpointStore
from shared.webhooks.formats import body_of

# What fits into one transaction: a delivery is three rows, and a transaction holds a hundred.
EVENTS_STORED_AT_ONCE = TRANSACTION_MAX_ROWS // 3
# With a hundred endpoints, the last one's deliveries must not be stored after those of all others.
STORING_THREADS = 16
type Bodies = dict[tuple[str, FormatName], bytes]


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
        """See `shared.events.event.Announcer`. Raises StorageError; deliveries stored until then stay."""
        if events:
            self._announce(events, self._deliverer.open_batch())

    def announce_and_wait(self, events: Sequence[Event], seconds: float) -> None:
        """Announce, and wait for the first attempts, at most `seconds`: lines logged after an invocation are lost."""
        batch = self._deliverer.open_batch()
        try:
            self._announce(events, batch)
        finally:
            self._deliverer.wait_for(batch, seconds)

    def _announce(self, events: Sequence[Event], batch: Batch) -> None:
        listening = self._endpoints.listening()
        if not listening:
            return
        with InvocationThreadPool(min(len(listening), STORING_THREADS), thread_name_prefix="announce") as pool:
            # A few at a time: of a thousand events the first are under way to every endpoint before the last are
            # stored.
            for few in batched(events, EVENTS_STORED_AT_ONCE, strict=False):
                bodies = _bodies(few, listening)
                # One endpoint that cannot be stored for must not keep the others waiting.
                stored = [pool.submit(self._store_and_start, endpoint, few, bodies, batch) for endpoint in listening]
                for each in stored:
                    each.result()

    def _store_and_start(self, endpoint: Endpoint, events: Sequence[Event], bodies: Bodies, batch: Batch) -> None:
        wanted = [event for event in events if wants(endpoint.events, event.type)]
        with_bodies = [(event, bodies[event.id, endpoint.format]) for event in wanted]
        stored = self._deliveries.add(endpoint.id, with_bodies, self._clock.now(), dead=not endpoint.enabled)
        self._deliverer.start(stored, batch)


def _bodies(events: Sequence[Event], listening: Sequence[Endpoint]) -> Bodies:
    """What is sent about each event in each format in which an endpoint wants it."""
    by_id = {event.id: event for event in events}
    asked_for = {(event.id, one.format) for one in listening for event in events if wants(one.events, event.type)}
    return {(event_id, format_name): body_of(by_id[event_id], format_name) for event_id, format_name in asked_for}
