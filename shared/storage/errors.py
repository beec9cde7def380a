"""What can go wrong at the storage boundary. `transient` says whether the same call may succeed later."""


class StorageError(Exception):
    """Table Storage did not do what it was asked."""

    transient = False


class StorageUnreachable(StorageError):
    """No answer, or an answer that storage is busy or broken."""

    transient = True


class StorageRefused(StorageError):
    """Storage does not accept the app's identity or key."""


class RowChanged(StorageError):
    """A conditional write lost: the row changed, vanished or appeared since it was read. Nothing was written."""

    transient = True


class ChangeRefused(StorageError):
    """Storage will never take this change: the row would be too large, or holds what a row cannot."""


class RecordBroken(StorageError):
    """A stored record cannot be read back: a part is missing or was altered by someone else."""
