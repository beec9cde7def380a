"""Removes endpoints with all that is stored about their deliveries.

A removed endpoint is only marked at first: from then on nothing is sent to it. What it had is deleted by later runs,
as much as there is time for, so a run that is killed half-way leaves nothing out of reach. The mark stays for an
hour, since an announcement that was under way may still store deliveries.
"""

from collections.abc import Callable
from datetime import timedelta

from shared.clock import Clock
from shared.storage.errors import RowChanged
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.endpoints import EndpointStore

# Longer than any announcement takes: a function is stopped after five minutes.
MARK_STAYS_FOR = timedelta(hours=1)


class Removal:
    """Marks endpoints as removed, and deletes what those have."""

    def __init__(self, *, endpoints: EndpointStore, deliveries: DeliveryStore, clock: Clock) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._clock = clock

    def mark(self, endpoint_id: str) -> bool:
        """Remove the endpoint; False if there is none. Raises StorageError."""
        return self._endpoints.mark_removed(endpoint_id, self._clock.now())

    def clean(self, endpoint_id: str, has_time: Callable[[], bool]) -> None:
        """Delete what a removed endpoint has while there is time, and its mark in the end. Raises StorageError."""
        nothing_left = self._deliveries.delete_all(endpoint_id, has_time)
        marked = self._endpoints.removed_at(endpoint_id)
        if marked is None:
            # An endpoint that has left the settings.
            self._endpoints.mark_removed(endpoint_id, self._clock.now())
            return
        removed_at, etag = marked
        if nothing_left and not self._clock.now() - removed_at < MARK_STAYS_FOR:
            try:
                self._endpoints.forget(endpoint_id, etag)
            except RowChanged:
                return  # it is back in the settings
