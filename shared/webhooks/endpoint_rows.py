"""How an endpoint is stored in the endpoints table: the columns of its row, and back."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import cast, get_args
from urllib.parse import urlsplit

from shared.json_codec import InvalidJson, dumps, loads
from shared.storage.errors import RecordBroken
from shared.storage.rows import stored_moment
from shared.storage.table import Row, etag_of
from shared.webhooks.endpoint import DisabledReason, Endpoint, FormatName
from shared.webhooks.signing import secret_faults

ENDPOINT_PARTITION = "endpoint"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def endpoint_key(endpoint_id: str) -> Row:
    return {"PartitionKey": ENDPOINT_PARTITION, "RowKey": endpoint_id}


def row_of(endpoint: Endpoint) -> Row:
    # A merge cannot remove a column: an empty text means none.
    row: Row = state_row(endpoint) | {
        "url": endpoint.url,
        "events": dumps(endpoint.events),
        "description": endpoint.description or "",
        "format": endpoint.format,
        "secret": endpoint.secret,
        "oldSecret": endpoint.old_secret or "",
    }
    if endpoint.created_at is not None:
        row["createdAt"] = endpoint.created_at
    if endpoint.old_secret_until is not None:
        row["oldSecretUntil"] = endpoint.old_secret_until
    return row


def state_row(endpoint: Endpoint) -> Row:
    """The columns that attempts change."""
    return endpoint_key(endpoint.id) | {
        "enabled": endpoint.enabled,
        "disabledReason": endpoint.disabled_reason or "",
        "failingSince": endpoint.failing_since or "",
    }


def endpoint_of(row: Row) -> Endpoint:
    """The endpoint in a row. Raises RecordBroken if a column is missing or holds something absurd."""
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
        enabled=enabled,
        disabled_reason=None if enabled else _disabled_reason(row),
        failing_since=stored_moment(row.get("failingSince")),
        old_secret=old_secret,
        old_secret_until=stored_moment(row.get("oldSecretUntil")),
        etag=etag_of(row),
    )


def with_state(endpoint: Endpoint, row: Row | None) -> Endpoint:
    """The settings' endpoint with the state in its row. Only the monitor disables it, so it always has a reason."""
    if row is None or is_removed(row):
        return endpoint
    reason = _disabled_reason(row)
    return replace(
        endpoint,
        enabled=reason is None,
        disabled_reason=reason,
        failing_since=stored_moment(row.get("failingSince")),
        etag=etag_of(row),
    )


def is_removed(row: Row) -> bool:
    return "removedAt" in row


def removal_time(row: Row) -> datetime:
    return stored_moment(row["removedAt"]) or _LONG_AGO


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


def _format(row: Row) -> FormatName:
    if row.get("format") not in get_args(FormatName.__value__):
        raise RecordBroken("the format is unknown")
    return cast("FormatName", row["format"])
