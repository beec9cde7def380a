"""What can go wrong at the storage boundary. `transient` says whether the same call may succeed later."""


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
