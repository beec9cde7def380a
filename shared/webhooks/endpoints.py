"""Webhook endpoints: what is known of one, and the table that keeps them.

The table holds one row per endpoint, secrets included: storage is encrypted at rest and reached only by the app's
identity, and a receiver cannot be signed for with anything less. Nothing but the signing reads them back; neither a
list nor a log shows one.
"""

import logging
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.json_codec import InvalidJson, dumps, loads
from shared.log import log_event
from shared.models.webhook_responses import FormatName
from shared.storage.errors import RowChanged
from shared.storage.moments import stored_moment
from shared.storage.table import Row, Table, etag_of
from shared.webhooks.events import EVERY_EVENT

_PARTITION = "endpoint"
# The endpoint of WEBHOOK_URL and WEBHOOK_SECRET: it is in the settings, its row only says whether it is gone.
SETTINGS_ENDPOINT_ID = "settings"
OLD_SECRET_SIGNS_FOR = timedelta(hours=24)
ENDPOINTS_MAX = 100
_log = logging.getLogger("offer_monitor.webhooks")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One endpoint. `gone` means that it answered 410: it was disabled by its own word, not by ours."""

    id: str
    url: str
    secret: str = field(repr=False)
    created_at: datetime | None = None
    events: tuple[str, ...] = (EVERY_EVENT,)
    description: str | None = None
    format: FormatName = "standard"
    enabled: bool = True
    gone: bool = False
    old_secret: str | None = field(default=None, repr=False)
    old_secret_until: datetime | None = None
    etag: str | None = field(default=None, compare=False, repr=False)

    @property
    def from_settings(self) -> bool:
        return self.id == SETTINGS_ENDPOINT_ID

    def signing_secrets(self, now: datetime) -> list[str]:
        """The secrets that sign now, the current one first."""
        if self.old_secret is None or self.old_secret_until is None or now >= self.old_secret_until:
            return [self.secret]
        return [self.secret, self.old_secret]

    def with_secret(self, secret: str, now: datetime) -> "Endpoint":
        """The endpoint with a new secret; the old one signs too for 24 hours."""
        until = now + OLD_SECRET_SIGNS_FOR
        return replace(self, secret=secret, old_secret=self.secret, old_secret_until=until)


class EndpointStore:
    """Reads and conditionally writes endpoints, the one of the settings among them."""

    def __init__(self, table: Table, settings_endpoint: Endpoint | None = None) -> None:
        self._table = table
        self._settings_endpoint = settings_endpoint

    def all(self) -> list[Endpoint]:
        """Every endpoint, the one of the settings first, then the oldest first; one query."""
        rows = {
            row["RowKey"]: row for row in self._table.rows("PartitionKey eq @partition", {"partition": _PARTITION})
        }
        from_settings = list(self._from_settings(rows.pop(SETTINGS_ENDPOINT_ID, None)))
        registered = sorted(_readable(rows.values()), key=lambda one: (str(one.created_at), one.id))
        return [*from_settings, *registered]

    def get(self, endpoint_id: str) -> Endpoint | None:
        row = self._table.get(_PARTITION, endpoint_id)
        if endpoint_id == SETTINGS_ENDPOINT_ID:
            return next(self._from_settings(row), None)
        return None if row is None else _endpoint(row)

    def add(self, endpoint: Endpoint) -> None:
        """Keep a new endpoint. Raises RowChanged if its id is taken."""
        if not self._table.insert(_row(endpoint)):
            raise RowChanged("there is an endpoint of that id")

    def change(self, endpoint: Endpoint) -> Endpoint:
        """Write an endpoint that was read here. Raises RowChanged if it is not as it was read."""
        etag = self._table.merge(_row(endpoint), endpoint.etag or "")
        return replace(endpoint, etag=etag)

    def remove(self, endpoint_id: str) -> None:
        """Forget the endpoint; one that is gone already is no error."""
        self._table.delete(_PARTITION, endpoint_id)

    def set_gone(self, endpoint: Endpoint, *, gone: bool) -> None:
        """Note that the endpoint answered 410, or, for that of the settings, that it answers again.

        An endpoint that is changed or removed meanwhile is left to whoever changed it.
        """
        if endpoint.from_settings:
            # Of another URL the 410 would say nothing, so the URL stands beside it.
            self._table.upsert(_key(endpoint.id) | {"url": endpoint.url, "gone": gone})
            return
        row = self._table.get(_PARTITION, endpoint.id)
        if row is None or row["url"] != endpoint.url:
            return
        try:
            self._table.merge(_key(endpoint.id) | {"enabled": not gone, "gone": gone}, etag_of(row))
        except RowChanged:
            return

    def _from_settings(self, row: Row | None) -> Iterator[Endpoint]:
        endpoint = self._settings_endpoint
        if endpoint is not None:
            gone = row is not None and bool(row.get("gone")) and row.get("url") == endpoint.url
            yield replace(endpoint, enabled=not gone, gone=gone)


def new_endpoint_id() -> str:
    return f"wh_{secrets.token_hex(12)}"


def _readable(rows: Iterable[Row]) -> Iterator[Endpoint]:
    """The endpoints of these rows; one that somebody has broken by hand must not silence the others."""
    for row in rows:
        try:
            yield _endpoint(row)
        except (KeyError, TypeError, InvalidJson):
            log_event(_log, "webhook_unreadable", level=logging.ERROR, webhookId=row["RowKey"])


def _key(endpoint_id: str) -> Row:
    return {"PartitionKey": _PARTITION, "RowKey": endpoint_id}


def _row(endpoint: Endpoint) -> Row:
    # A merge cannot remove a column: an empty text and a moment long past stand for nothing.
    row: Row = _key(endpoint.id) | {
        "url": endpoint.url,
        "events": dumps(endpoint.events),
        "description": endpoint.description or "",
        "format": endpoint.format,
        "enabled": endpoint.enabled,
        "gone": endpoint.gone,
        "secret": endpoint.secret,
        "oldSecret": endpoint.old_secret or "",
    }
    if endpoint.created_at is not None:
        row["createdAt"] = endpoint.created_at
    if endpoint.old_secret_until is not None:
        row["oldSecretUntil"] = endpoint.old_secret_until
    return row


def _endpoint(row: Row) -> Endpoint:
    return Endpoint(
        id=row["RowKey"],
        url=row["url"],
        secret=row["secret"],
        created_at=stored_moment(row.get("createdAt")),
        events=tuple(loads(row["events"])),
        description=row["description"] or None,
        format=row["format"],
        enabled=row["enabled"],
        gone=row["gone"],
        old_secret=row["oldSecret"] or None,
        old_secret_until=stored_moment(row.get("oldSecretUntil")),
        etag=etag_of(row),
    )
