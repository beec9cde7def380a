"""Removes deliveries that ended long ago."""

from collections.abc import Callable
from datetime import datetime

from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.endpoints import EndpointStore


class Retention:
    """What the timer `clean_up` asks of the webhooks."""

    def __init__(self, *, endpoints: EndpointStore, deliveries: DeliveryStore) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries

    def remove_expired(self, *, ended_before: datetime, has_time: Callable[[], bool]) -> int:
        """Remove delivered and dead deliveries whose last attempt was before `ended_before`; returns how many.

        It goes on while `has_time()`; what it did not get to is removed by the next call. Raises StorageError.
        """
        listing = self._endpoints.listing()
        removed = 0
        for endpoint_id in [*(endpoint.id for endpoint in listing.endpoints), *listing.unreadable]:
            removed += self._deliveries.remove_expired(endpoint_id, ended_before, has_time)
        return removed
