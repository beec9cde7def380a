"""Writes of many threads to the same partition, put together into few transactions.

A transaction costs about the same whether it holds one change or fifty. Whoever comes while another thread is writing
to the partition waits, and the next transaction takes everyone who waits by then; a single writer never waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Condition

from shared.storage.errors import RowChanged
from shared.storage.table import Change, Table


@dataclass
class _Group:
    changes: Sequence[Change]
    etags: list[str] | None = None
    error: Exception | None = None
    done: bool = False


class GroupCommit:
    """Commits groups of changes, each of which stands or falls whole. Thread-safe."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._waiting: dict[str, list[_Group]] = {}
        self._busy: set[str] = set()
        self._changed = Condition()

    def commit(self, partition: str, changes: Sequence[Change]) -> list[str]:
        """Write the changes, all of this partition, or none; returns the new ETags.

        Raises RowChanged if this group lost its race, and StorageError if its transaction failed.
        """
        group = _Group(changes)
        with self._changed:
            self._waiting.setdefault(partition, []).append(group)
            self._changed.wait_for(lambda: group.done or partition not in self._busy)
            batch = [] if group.done else self._waiting.pop(partition)
            if batch:
                self._busy.add(partition)
        if batch:
            self._write(partition, batch)
        if group.error is not None:
            raise group.error
        if group.etags is None:
            raise RowChanged("the row was changed meanwhile")
        return group.etags

    def _write(self, partition: str, batch: Sequence[_Group]) -> None:
        try:
            results = self._table.commit_groups([group.changes for group in batch])
            for group, etags in zip(batch, results, strict=True):
                group.etags = etags
        except Exception as error:  # noqa: BLE001 - raised again in every thread that waits for this transaction
            for group in batch:
                group.error = error
        finally:
            with self._changed:
                for group in batch:
                    group.done = True
                self._busy.discard(partition)
                self._changed.notify_all()
