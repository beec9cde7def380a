"""The table that keeps webhook endpoints.

It holds one row per endpoint, secrets included: storage is encrypted at rest and reached only by the app's identity,
and a receiver cannot be signed for with anything less. Nothing but the signing reads them back; neither a list nor a
log shows one.

A removed endpoint keeps a bare row with `removedAt` until its deliveries are deleted (`removal.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.storage.errors import RecordBroken, RowChanged
from shared.storage.table import Row, Table, etag_of
from shared.storage.transactions import Gathered
from shared.webhooks.endpoint import Endpoint, is_settings_id
from shared.webhooks.endpoint_rows import (
    ENDPOINT_PARTITION,
    endpoint_key,
    endpoint_of,
    is_removed,
    removal_time,
    row_of,
    state_row,
    with_state,
)

FAILING_DISABLES_AFTER = timedelta(days=5)
ENDPOINTS_MAX = 100
_WRITE_TRIES = 3


@dataclass(frozen=True)
class Listing:
    """What the table holds: endpoints (that of the settings first, then the oldest first), and ids of other rows."""

    endpoints: list[Endpoint]
    removed: list[str]
    unreadable: list[str]
    # The settings' endpoint needs one, so that its departure is noticed.
    settings_row_is_missing: bool


class EndpointStore:
    """Reads and conditionally writes endpoints, the one of the settings among them."""

    def __init__(self, table: Table, settings_endpoint: Endpoint | None = None) -> None:
        self._table = table
        self._settings_endpoint = settings_endpoint
        self._read_together = Gathered[None, Row | None](
            lambda endpoint_id, askers: [table.get(ENDPOINT_PARTITION, endpoint_id)] * len(askers)
        )

    def all(self) -> list[Endpoint]:
        """Every endpoint, the one of the settings first, then the oldest first; one query."""
        return self.listing().endpoints

    def listing(self) -> Listing:
        """Everything in the table; one query."""
        registered: list[Endpoint] = []
        removed: list[str] = []
        unreadable: list[str] = []
        settings_row: Row | None = None
        for row in self._table.rows("PartitionKey eq @partition", {"partition": ENDPOINT_PARTITION}):
            endpoint_id = row["RowKey"]
            if self._settings_endpoint is not None and endpoint_id == self._settings_endpoint.id:
                settings_row = row
            elif is_removed(row) or is_settings_id(endpoint_id):
                removed.append(endpoint_id)
            else:
                try:
                    registered.append(endpoint_of(row))
                except RecordBroken:
                    unreadable.append(endpoint_id)
        registered.sort(key=lambda one: (str(one.created_at), one.id))
        endpoints = [*self._from_settings(settings_row), *registered]
        row_is_missing = self._settings_endpoint is not None and (settings_row is None or is_removed(settings_row))
        return Listing(endpoints, removed, unreadable, row_is_missing)

    def listening(self) -> list[Endpoint]:
        """The endpoints that events are stored for: all but those that a person has disabled."""
        listing = self.listing()
        if self._settings_endpoint is not None and listing.settings_row_is_missing:
            self._table.upsert(endpoint_key(self._settings_endpoint.id))
        return [one for one in listing.endpoints if one.enabled or one.disabled_reason is not None]

    def get(self, endpoint_id: str) -> Endpoint | None:
        """The endpoint as it is now; None if there is none or it was removed. Raises RecordBroken."""
        row = self._read_together(endpoint_id, None)
        if row is not None and is_removed(row):
            return None
        if self._settings_endpoint is not None and endpoint_id == self._settings_endpoint.id:
            return next(self._from_settings(row))
        return None if row is None or is_settings_id(endpoint_id) else endpoint_of(row)

    def from_settings(self) -> Endpoint | None:
        """The endpoint of the settings."""
        if self._settings_endpoint is None:
            return None
        return next(self._from_settings(self._table.get(ENDPOINT_PARTITION, self._settings_endpoint.id)))

    def add(self, endpoint: Endpoint) -> None:
        """Keep a new endpoint. Raises RowChanged if its id is taken."""
        if not self._table.insert(row_of(endpoint)):
            raise RowChanged("there is an endpoint of that id")

    def change(self, endpoint: Endpoint) -> Endpoint:
        """Write an endpoint that was read here. Raises RowChanged if it is not as it was read."""
        etag = self._table.merge(row_of(endpoint), endpoint.etag or "")
        return replace(endpoint, etag=etag)

    def mark_removed(self, endpoint_id: str, now: datetime) -> bool:
        """Replace the endpoint, its secrets included, by the mark that it was removed; False if there is none."""
        row = self._table.get(ENDPOINT_PARTITION, endpoint_id)
        if row is None or is_removed(row):
            return False
        self._table.upsert(endpoint_key(endpoint_id) | {"removedAt": now})
        return True

    def removed_at(self, endpoint_id: str) -> tuple[datetime, str] | None:
        """When the endpoint was removed, and the ETag of its row; None if it has no such row."""
        row = self._table.get(ENDPOINT_PARTITION, endpoint_id)
        return None if row is None or not is_removed(row) else (removal_time(row), etag_of(row))

    def forget(self, endpoint_id: str, etag: str) -> None:
        """Delete the mark of a removed endpoint. Raises RowChanged if it is not as it was read."""
        self._table.delete(ENDPOINT_PARTITION, endpoint_id, etag)

    def note_success(self, endpoint: Endpoint) -> None:
        """Note that an attempt succeeded: nothing that failed before it counts."""
        self._change_state(
            endpoint, lambda one: one.enabled_again() if one.from_settings else replace(one, failing_since=None)
        )

    def note_failure(self, endpoint: Endpoint, now: datetime) -> bool:
        """Note that an attempt failed; True if the endpoint is disabled for it, after five days of nothing else."""

        def noted(one: Endpoint) -> Endpoint:
            if one.failing_since is None:
                return replace(one, failing_since=now)
            if now - one.failing_since < FAILING_DISABLES_AFTER:
                return one
            return replace(one, enabled=False, disabled_reason="failing")

        changed = self._change_state(endpoint, noted)
        return changed is not None and not changed.enabled

    def disable_gone(self, endpoint: Endpoint) -> bool:
        """Disable an endpoint that answered 410; False if it was moved or removed meanwhile."""
        changed = self._change_state(endpoint, lambda one: replace(one, enabled=False, disabled_reason="gone"))
        return changed is not None

    def _change_state(self, endpoint: Endpoint, change: Callable[[Endpoint], Endpoint]) -> Endpoint | None:
        """Change what attempts say about an endpoint; returns it as it is then.

        None if it has another URL by now, was removed, disabled by a person, or keeps changing: then the attempt says
        nothing about it.
        """
        for _ in range(_WRITE_TRIES):
            try:
                current = self.get(endpoint.id)
            except RecordBroken:
                return None
            disabled_by_a_person = current is not None and not current.enabled and current.disabled_reason is None
            if current is None or current.url != endpoint.url or disabled_by_a_person:
                return None
            changed = change(current)
            if changed == current or self._write_state(changed):
                return changed
        return None

    def _write_state(self, endpoint: Endpoint) -> bool:
        if endpoint.etag is None:
            return self._table.insert(state_row(endpoint))
        try:
            self._table.merge(state_row(endpoint), endpoint.etag)
        except RowChanged:
            return False
        return True

    def _from_settings(self, row: Row | None) -> Iterator[Endpoint]:
        if self._settings_endpoint is not None:
            yield with_state(self._settings_endpoint, row)
