"""Errors of the storage boundary. `transient` says whether the same call may succeed later."""

import json
import re


class StorageError(Exception):
    """Table Storage did not carry out a request."""

    transient = False


class StorageUnreachable(StorageError):
    """No answer, or storage is busy or failing; `retry_after_seconds` if it asked for a pause."""

    transient = True

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class StorageRefused(StorageError):
    """Storage does not accept the app's identity or key."""


class RowChanged(StorageError):
    """A conditional write lost a race: the row was changed, deleted or inserted since it was read. Nothing was
    written."""

    transient = True


class RowMissing(RowChanged):
    """The row does not exist."""


class RowExists(RowChanged):
    """The row exists already."""


class ChangeRefused(StorageError):
    """Storage will never accept this change: the row would be too large, or a value does not fit its column."""


class RecordBroken(StorageError):
    """A stored record cannot be read back: a part of it is missing or was altered."""


class TableMissing(Exception):
    """The table does not exist yet."""


def error_of(status: int, body: bytes, retry_after: str | None) -> StorageError | TableMissing:
    """The error for an answer with this status, or for one change in a transaction's answer."""
    code = _error_code(body)
    if status == 404 and code == "TableNotFound":
        return TableMissing()
    if status == 404:
        return RowMissing("the row does not exist")
    if status == 409 and code != "TableBeingDeleted":
        return RowExists("the row exists already")
    if status == 412:
        return RowChanged("the row has changed since it was read")
    if status in {401, 403}:
        return StorageRefused(f"storage refused the app (status {status})")
    if status >= 500 or status in {408, 409, 429}:
        asked = re.fullmatch("[0-9]{1,6}", retry_after or "")
        return StorageUnreachable(
            f"storage is busy or failing (status {status}, {code})",
            retry_after_seconds=None if asked is None else float(asked[0]),
        )
    return ChangeRefused(f"storage did not accept the change (status {status}, {code})")


def _error_code(body: bytes) -> str | None:
    """Storage's own error code, such as `TableNotFound`."""
    try:
        code = json.loads(body)["odata.error"]["code"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return str(code)[:100]
