"""What can go wrong at the storage boundary. `transient` says whether the same call may succeed later."""

import json
import re
from collections.abc import Mapping
from typing import Any


class StorageError(Exception):
    """Table Storage did not do what it was asked."""

    transient = False


class StorageUnreachable(StorageError):
    """No answer, or an answer that storage is busy or broken; `retry_after_seconds` if storage asked for a pause."""

    transient = True

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class StorageRefused(StorageError):
    """Storage does not accept the app's identity or key."""


class RowChanged(StorageError):
    """A conditional write lost: the row changed, vanished or appeared since it was read. Nothing was written."""

    transient = True


class RowMissing(RowChanged):
    """There is no such row."""


class RowExists(RowChanged):
    """There is such a row already."""


class ChangeRefused(StorageError):
    """Storage will never take this change: the row would be too large, or holds what a row cannot."""


class RecordBroken(StorageError):
    """A stored record cannot be read back: a part is missing or was altered by someone else."""


_NEXT_PAGE = {"NextPartitionKey": "x-ms-continuation-NextPartitionKey", "NextRowKey": "x-ms-continuation-NextRowKey"}


class TableMissing(Exception):
    """The table is not there yet."""


def next_page(headers: Mapping[str, str]) -> dict[str, str] | None:
    """What the request for the next page says; None after the last page."""
    return {name: headers[header] for name, header in _NEXT_PAGE.items() if header in headers} or None


def json_object(content: bytes) -> dict[str, Any]:
    """The JSON object in an answer. Raises StorageUnreachable: some proxy has answered in storage's place."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StorageUnreachable("storage gave an answer that is not JSON") from error
    if not isinstance(value, dict):
        raise StorageUnreachable("storage gave an answer of an unknown shape")
    return value


def entities_in(content: bytes) -> list[dict[str, Any]]:
    """The entities in the answer to a query. Raises StorageUnreachable, for the same reason."""
    entities = json_object(content).get("value")
    if not isinstance(entities, list) or not all(isinstance(entity, dict) for entity in entities):
        raise StorageUnreachable("storage gave an answer of an unknown shape")
    return entities


def error_of(status: int, body: bytes, retry_after: str | None) -> StorageError | TableMissing:
    """The error for an answer, or the part of a transaction's answer, of this status."""
    code = _error_code(body)
    if status == 404 and code == "TableNotFound":
        return TableMissing()
    if status == 404:
        return RowMissing("there is no such row")
    if status == 409:
        return RowExists("there is such a row already")
    if status == 412:
        return RowChanged("the row was changed meanwhile")
    if status in {401, 403}:
        return StorageRefused(f"storage refused the app (status {status})")
    if status >= 500 or status in {408, 429}:
        asked = re.fullmatch("[0-9]{1,6}", retry_after or "")
        return StorageUnreachable(
            f"storage is busy or broken (status {status}, {code})",
            retry_after_seconds=None if asked is None else float(asked[0]),
        )
    return ChangeRefused(f"storage did not take the change (status {status}, {code})")


def _error_code(body: bytes) -> str | None:
    """Storage's own word for what is wrong, such as `TableNotFound`."""
    try:
        code = json.loads(body)["odata.error"]["code"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return str(code)[:100]
