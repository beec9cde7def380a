"""Rows of the pending partition that are not as they should be: no jobs, or jobs under a misspelt key.

Other systems put them there. Both kinds are dealt with many at a time, before polling begins, and never hold it up
for long: what is left has its turn in the next tick.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.jobs.job_rows import PENDING_PARTITION, PendingRow, columns_of, pending_row
from shared.jobs.set_aside import SetAsideRows
from shared.storage.columns import BadRow
from shared.storage.table import Change, Row, Table, Write

SET_ASIDE_IN_A_TICK = 500
# Fifty to a transaction: about two seconds.
RENAMED_IN_A_TICK = 5_000


class Tidying:
    """Moves bad rows out of the partition, and misspelt ones to the key they should have. Raises StorageError."""

    def __init__(self, table: Table, set_aside_rows: SetAsideRows) -> None:
        self._table = table
        self._set_aside_rows = set_aside_rows

    def set_aside(self, bad: Sequence[tuple[Row, str]]) -> int:
        """Move rows that are no jobs, as many as a tick has time for; returns how many."""
        return self._set_aside_rows.add(bad[:SET_ASIDE_IN_A_TICK])

    def set_aside_refused(self, rows: Sequence[PendingRow]) -> None:
        """Move rows that storage will not let grow by the columns of a job: they are too large already."""
        found = [self._table.get(PENDING_PARTITION, row.row_key) for row in rows]
        self.set_aside([(row, "storage does not take a job's columns beside its own") for row in found if row])

    def set_aside_if_bad(self, job_id: str, now: datetime) -> None:
        """Make way for a job whose key is taken by a row that is no job."""
        row = self._table.get(PENDING_PARTITION, job_id)
        if row is None:
            return
        try:
            pending_row(row, now)
        except BadRow as error:
            self.set_aside([(row, str(error))])

    def in_lower_case(self, rows: Sequence[PendingRow]) -> list[PendingRow]:
        """The rows under their right keys, those renamed whose key another system wrote in another case.

        Of two rows for the same job the one with the right key stays, whether or not it is among `rows`. One that
        could not be renamed now is left out.
        """
        right = [row for row in rows if row.row_key == row.job.job_id]
        misspelt = [row for row in rows if row.row_key != row.job.job_id][:RENAMED_IN_A_TICK]
        if not misspelt:
            return right
        known = {row.job.job_id for row in right}
        to_rename = {row.job.job_id: row for row in misspelt if row.job.job_id not in known}
        surplus = [row for row in misspelt if to_rename.get(row.job.job_id) is not row]
        renamed = self._table.commit_each([[_insert(row), _delete(row)] for row in to_rename.values()])
        found = []
        for row, result in zip(to_rename.values(), renamed, strict=True):
            if isinstance(result, list):
                found.append(replace(row, row_key=row.job.job_id, etag=result[0]))
            elif self._table.get(PENDING_PARTITION, row.job.job_id) is not None:
                surplus.append(row)
        self._table.commit_each([[_delete(row)] for row in surplus])
        return right + found


def _insert(row: PendingRow) -> Change:
    return Change(Write.INSERT, _key(row.job.job_id) | columns_of(row.job) | row.parts)


def _delete(row: PendingRow) -> Change:
    return Change(Write.DELETE, _key(row.row_key), row.etag)


def _key(row_key: str) -> Row:
    return {"PartitionKey": PENDING_PARTITION, "RowKey": row_key}
