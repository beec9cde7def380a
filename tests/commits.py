"""The transactions that a table was asked for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from shared.storage.table import Change, Table


@contextmanager
def recorded_commits(table: Table) -> Iterator[list[list[str]]]:
    """The transactions made inside the block, each as `WRITE row key`; ids of events are left out."""
    commits: list[list[str]] = []
    commit = table.commit

    def recorded(changes: Sequence[Change]) -> list[str]:
        commits.append([f"{change.write.name} {change.row['RowKey'].partition('evt_')[0]}" for change in changes])
        return commit(changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "commit", recorded)
        yield commits
