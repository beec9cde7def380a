"""Turns events into deliveries: one for each endpoint that wants the event."""

from collections.abc import Sequence
from itertools import batched

from shared.clock import Clock
from shared.events.event import Event, wants
from shared.log import InvocationThreadPool
from shared.storage.table import TRANSACTION_MAX_ROWS
from shared.webhooks.deliverer import Batch, Deliverer
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.delivery import Payload
from shared.webhooks.endpoint import Endpoint, FormatName
from shared.webhooks.endpoints import EndpointStore
from shared.webhooks.formats import Formats

# Fits into one transaction: a delivery has three rows, and a transaction holds a hundred.
EVENTS_STORED_AT_ONCE = TRANSACTION_MAX_ROWS // 3
# With a hundred endpoints, storing must not reach the last one only after all the others.
STORING_THREADS = 16
type Payloads = dict[tuple[str, FormatName], Payload]


class WebhookAnnouncer:
    """Announces events: stores one delivery for each endpoint that wants the event, and starts the first attempts.

    A delivery's id follows from its event and endpoint, and storing it again changes nothing. So an event may be
    announced any number of times: by a process that was killed half-way, and by the one that takes over.
    """

    def __init__(
        self,
        *,
        endpoints: EndpointStore,
        deliveries: DeliveryStore,
        deliverer: Deliverer,
        formats: Formats,
        clock: Clock,
    ) -> None:
        self._endpoints = endpoints
        self._formats = formats
        self._deliveries = deliveries
        self._deliverer = deliverer
        self._clock = clock

    def announce(self, events: Sequence[Event]) -> None:
        """Store the deliveries of the events, and start the first attempts: an `Announce` of `events/outbox.py`.

        Raises StorageError; deliveries stored before that stay.
        """
        if events:
            self._announce(events, self._deliverer.open_batch())

    def announce_and_wait(self, events: Sequence[Event], seconds: float) -> None:
        """Announce, then wait up to `seconds` for the first attempts: lines logged after an invocation are lost."""
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
            # In groups: the first of a thousand events are on their way to every endpoint before the last are stored.
            for group in batched(events, EVENTS_STORED_AT_ONCE, strict=False):
                payloads = self._payloads(group, listening)
                # All endpoints at once: a failure to store for one must not delay the others.
                stored = [
                    pool.submit(self._store_and_start, endpoint, group, payloads, batch) for endpoint in listening
                ]
                for each in stored:
                    each.result()

    def _store_and_start(self, endpoint: Endpoint, events: Sequence[Event], payloads: Payloads, batch: Batch) -> None:
        wanted = [event for event in events if wants(endpoint.events, event.type)]
        with_payloads = [(event, payloads[event.id, endpoint.format]) for event in wanted]
        stored = self._deliveries.add(endpoint.id, with_payloads, self._clock.now(), dead=not endpoint.enabled)
        self._deliverer.start(stored, batch)

    def _payloads(self, events: Sequence[Event], listening: Sequence[Endpoint]) -> Payloads:
        """What is sent for each event, in every format that an endpoint wants it in."""
        needed = {
            (event.id, one.format): event for one in listening for event in events if wants(one.events, event.type)
        }
        return {
            (event_id, format_name): self._formats.payload(event, format_name)
            for (event_id, format_name), event in needed.items()
        }
