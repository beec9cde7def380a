"""A process that dies before one of its writes to storage: the shared part of the crash tests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from shared.storage.table import Change, Table


class Killed(BaseException):
    """The process dies here. No handler of the app catches it, as none would run."""


@dataclass
class Kill:
    """`writes` counts the transactions that were begun; `happened` says whether one of them was the last."""

    before_write: int
    writes: int = 0

    @property
    def happened(self) -> bool:
        return self.writes >= self.before_write


@contextmanager
def killed_before_write(table: Table, number: int) -> Iterator[Kill]:
    """Inside the block the process dies before the table's write of that number, counted from 1.

    Every kind of write is one `commit`. After its death no write gets through, on any thread.
    """
    kill = Kill(before_write=number)
    commit = table.commit

    def die_or_commit(changes: Sequence[Change]) -> list[str]:
        kill.writes += 1
        if kill.happened:
            raise Killed
        return commit(changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "commit", die_or_commit)
        yield kill
