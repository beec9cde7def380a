"""The table that keeps webhook endpoints, one row each, secrets included.

Storage is encrypted at rest and only the app's identity reaches it, and signing needs the secret itself. Only the
sender reads secrets back; no list and no log shows one.

A removed endpoint keeps a bare row with `removedAt` until its deliveries are deleted (`removal.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast, get_args
from urllib.parse import urlsplit

from shared.json_codec import InvalidJson, dumps, loads
from shared.storage.errors import RecordBroken, RowChanged
from shared.storage.rows import stored_moment
from shared.storage.table import Row, Table, etag_of
from shared.storage.transactions import Gathered
from shared.webhooks.endpoint import DisabledReason, Endpoint, FormatName, header_faults, is_settings_id
from shared.webhooks.signing import secret_faults

FAILING_DISABLES_AFTER = timedelta(days=5)
ENDPOINTS_MAX = 100
_PARTITION = "endpoint"
_WRITE_TRIES = 3
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Listing:
    """Everything in the table: endpoints (the settings' one first, then the oldest first), and ids of other rows."""

    endpoints: list[Endpoint]
    removed: list[str]
    unreadable: list[str]
    # The settings' endpoint needs a row, so that the monitor notices when it leaves the settings.
    settings_row_is_missing: bool


class EndpointStore:
    """Reads and conditionally writes endpoints, including the one of the settings. Methods raise StorageError."""

    def __init__(self, table: Table, settings_endpoint: Endpoint | None = None) -> None:
        self._table = table
        self._settings_endpoint = settings_endpoint
        self._read_together = Gathered[None, Row | None](
            lambda endpoint_id, askers: [table.get(_PARTITION, endpoint_id)] * len(askers)
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
        for row in self._table.rows("PartitionKey eq @partition", {"partition": _PARTITION}):
            endpoint_id = row["RowKey"]
            if self._settings_endpoint is not None and endpoint_id == self._settings_endpoint.id:
                settings_row = row
            elif _is_removed(row) or is_settings_id(endpoint_id):
                removed.append(endpoint_id)
            else:
                try:
                    registered.append(endpoint_of(row))
                except RecordBroken:
                    unreadable.append(endpoint_id)
        registered.sort(key=lambda one: (str(one.created_at), one.id))
        if self._settings_endpoint is None:
            return Listing(registered, removed, unreadable, settings_row_is_missing=False)
        from_settings = _with_state(self._settings_endpoint, settings_row)
        row_is_missing = settings_row is None or _is_removed(settings_row)
        return Listing([from_settings, *registered], removed, unreadable, row_is_missing)

    def listening(self) -> list[Endpoint]:
        """The endpoints that events are stored for: all except those that a person has disabled."""
        listing = self.listing()
        if self._settings_endpoint is not None and listing.settings_row_is_missing:
            self._table.upsert(_key(self._settings_endpoint.id))
        return [one for one in listing.endpoints if one.enabled or one.disabled_reason is not None]

    def get(self, endpoint_id: str) -> Endpoint | None:
        """The endpoint as it is now; None if it does not exist or was removed. Raises RecordBroken."""
        row = self._read_together(endpoint_id, None)
        if row is not None and _is_removed(row):
            return None
        if self._settings_endpoint is not None and endpoint_id == self._settings_endpoint.id:
            return _with_state(self._settings_endpoint, row)
        return None if row is None or is_settings_id(endpoint_id) else endpoint_of(row)

    def from_settings(self) -> Endpoint | None:
        """The endpoint of the settings, with its state as it is now."""
        if self._settings_endpoint is None:
            return None
        return _with_state(self._settings_endpoint, self._table.get(_PARTITION, self._settings_endpoint.id))

    def add(self, endpoint: Endpoint) -> None:
        """Store a new endpoint. Raises RowChanged if its id is taken."""
        if not self._table.insert(_row_of(endpoint)):
            raise RowChanged("an endpoint with that id exists")

    def change(self, endpoint: Endpoint) -> Endpoint:
        """Write an endpoint that this store returned. Raises RowChanged if it has changed since."""
        etag = self._table.merge(_row_of(endpoint), endpoint.etag or "")
        return replace(endpoint, etag=etag)

    def mark_removed(self, endpoint_id: str, now: datetime) -> bool:
        """Replace the endpoint, secrets included, with a mark that it was removed; False if it does not exist."""
        row = self._table.get(_PARTITION, endpoint_id)
        if row is None or _is_removed(row):
            return False
        self._table.upsert(_key(endpoint_id) | {"removedAt": now})
        return True

    def removed_at(self, endpoint_id: str) -> tuple[datetime, str] | None:
        """When the endpoint was removed, and the ETag of the mark; None without a mark."""
        row = self._table.get(_PARTITION, endpoint_id)
        if row is None or not _is_removed(row):
            return None
        return stored_moment(row["removedAt"]) or _LONG_AGO, etag_of(row)

    def delete_mark(self, endpoint_id: str, etag: str) -> None:
        """Delete the mark of a removed endpoint. Raises RowChanged if it has changed since it was read."""
        self._table.delete(_PARTITION, endpoint_id, etag)

    def record_success(self, endpoint: Endpoint) -> None:
        """Record that an attempt succeeded: earlier failures no longer count."""
        self._change_state(
            endpoint, lambda one: one.enabled_again() if one.from_settings else replace(one, failing_since=None)
        )

    def record_failure(self, endpoint: Endpoint, now: datetime) -> bool:
        """Record that an attempt failed; True if this disables the endpoint, after five days of failures only."""

        def after_failure(one: Endpoint) -> Endpoint:
            if one.failing_since is None:
                return replace(one, failing_since=now)
            if now - one.failing_since < FAILING_DISABLES_AFTER:
                return one
            return replace(one, enabled=False, disabled_reason="failing")

        changed = self._change_state(endpoint, after_failure)
        return changed is not None and not changed.enabled

    def disable_gone(self, endpoint: Endpoint) -> bool:
        """Disable an endpoint that answered 410; False if its URL has changed or it was removed since."""
        changed = self._change_state(endpoint, lambda one: replace(one, enabled=False, disabled_reason="gone"))
        return changed is not None

    def _change_state(self, endpoint: Endpoint, change: Callable[[Endpoint], Endpoint]) -> Endpoint | None:
        """Change the state that attempts decide about; returns the endpoint as it is then.

        None if the attempt says nothing about the endpoint any more: it has another URL, was removed or disabled by
        a person, or keeps changing.
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
            return self._table.insert(_state_row(endpoint))
        try:
            self._table.merge(_state_row(endpoint), endpoint.etag)
        except RowChanged:
            return False
        return True


def endpoint_of(row: Row) -> Endpoint:
    """The endpoint in a row. Raises RecordBroken if a column is missing or has an impossible value."""
    url, secret, enabled = row.get("url"), row.get("secret"), row.get("enabled")
    if not isinstance(url, str) or not isinstance(secret, str) or not isinstance(enabled, bool):
        raise RecordBroken("the url, the secret or enabled is missing or of another type")
    try:
        urlsplit(url)
    except ValueError as error:
        raise RecordBroken("the url cannot be read") from error
    old_secret = row.get("oldSecret") or None
    if secret_faults(secret) or (
        old_secret is not None and (not isinstance(old_secret, str) or secret_faults(old_secret))
    ):
        raise RecordBroken("a secret cannot sign")
    description = row.get("description")
    return Endpoint(
        id=row["RowKey"],
        url=url,
        secret=secret,
        created_at=stored_moment(row.get("createdAt")),
        events=_patterns(row),
        description=description if isinstance(description, str) and description else None,
        format=_format(row),
        headers=_headers(row),
        enabled=enabled,
        disabled_reason=None if enabled else _disabled_reason(row),
        failing_since=stored_moment(row.get("failingSince")),
        old_secret=old_secret,
        old_secret_until=stored_moment(row.get("oldSecretUntil")),
        etag=etag_of(row),
    )


def _key(endpoint_id: str) -> Row:
    return {"PartitionKey": _PARTITION, "RowKey": endpoint_id}


def _row_of(endpoint: Endpoint) -> Row:
    # A merge cannot remove a column: an empty text means none.
    row: Row = _state_row(endpoint) | {
        "url": endpoint.url,
        "events": dumps(endpoint.events),
        "description": endpoint.description or "",
        "format": endpoint.format,
        "secret": endpoint.secret,
        "headers": dumps(dict(endpoint.headers)) if endpoint.headers else "",
        "oldSecret": endpoint.old_secret or "",
    }
    if endpoint.created_at is not None:
        row["createdAt"] = endpoint.created_at
    if endpoint.old_secret_until is not None:
        row["oldSecretUntil"] = endpoint.old_secret_until
    return row


def _state_row(endpoint: Endpoint) -> Row:
    """The columns that attempts change."""
    return _key(endpoint.id) | {
        "enabled": endpoint.enabled,
        "disabledReason": endpoint.disabled_reason or "",
        "failingSince": endpoint.failing_since or "",
    }


def _with_state(endpoint: Endpoint, row: Row | None) -> Endpoint:
    """The settings' endpoint with the state in its row. Only the monitor disables it, so it always has a reason."""
    if row is None or _is_removed(row):
        return endpoint
    reason = _disabled_reason(row)
    return replace(
        endpoint,
        enabled=reason is None,
        disabled_reason=reason,
        failing_since=stored_moment(row.get("failingSince")),
        etag=etag_of(row),
    )


def _is_removed(row: Row) -> bool:
    return "removedAt" in row


def _disabled_reason(row: Row) -> DisabledReason | None:
    reason = row.get("disabledReason")
    return cast("DisabledReason", reason) if reason in {"gone", "failing"} else None


def _patterns(row: Row) -> tuple[str, ...]:
    try:
        patterns = loads(row.get("events") or "")
    except (InvalidJson, TypeError, AttributeError) as error:
        raise RecordBroken("the events cannot be read") from error
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise RecordBroken("the events are not a list of texts")
    return tuple(patterns)


def _headers(row: Row) -> tuple[tuple[str, str], ...]:
    try:
        headers = loads(row.get("headers") or "{}")
        if header_faults(headers.items()):
            raise RecordBroken("the headers cannot be sent")
        return tuple(headers.items())
    except (InvalidJson, TypeError, AttributeError) as error:
        raise RecordBroken("the headers cannot be read") from error


def _format(row: Row) -> FormatName:
    if row.get("format") not in get_args(FormatName.__value__):
        raise RecordBroken("the format is unknown")
    return cast("FormatName", row["format"])
