"""Rows of the pending partition that are not as they should be: no jobs, or jobs under a misspelt key.

Other systems put them there. Both kinds are dealt with many at a time, before polling begins, and never hold it up
for long: what is left has its turn in the next tick.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.jobs.job_bodies import JobBodies
from shared.jobs.job_rows import PENDING_PARTITION, BadRow, PendingRow, columns_of, pending_row
from shared.log import log_event
from shared.storage.table import Change, Row, Table, Write, etag_of

# Rows that are no job, kept whole with the reason.
SET_ASIDE_PARTITION = "setaside"
TIDIED_IN_A_TICK = 500
_log = logging.getLogger("offer_monitor.jobs")


class Tidying:
    """Moves bad rows out of the partition, and misspelt ones to the key they should have. Raises StorageError."""

    def __init__(self, table: Table, bodies: JobBodies) -> None:
        self._table = table
        self._bodies = bodies

    def set_aside(self, bad: Sequence[tuple[Row, str]]) -> None:
        """Move rows that are no jobs, whole. Copied first: killed between, they are copied again."""
        bad = bad[:TIDIED_IN_A_TICK]
        copies = [{**row, "PartitionKey": SET_ASIDE_PARTITION, "reason": reason} for row, reason in bad]
        copied = self._table.commit_groups([[Change(Write.UPSERT, copy)] for copy in copies])
        done = [row_and_reason for row_and_reason, etags in zip(bad, copied, strict=True) if etags is not None]
        self._table.commit_groups([[Change(Write.DELETE, _key(row["RowKey"]), etag_of(row))] for row, _ in done])
        for row, reason in done:
            log_event(_log, "job_set_aside", level=logging.WARNING, rowKey=row["RowKey"], reason=reason)

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

        Of two rows for the same job the one with the right key stays. One that could not be renamed now is left out.
        """
        right = [row for row in rows if row.row_key == row.job.job_id]
        misspelt = [row for row in rows if row.row_key != row.job.job_id][:TIDIED_IN_A_TICK]
        known = {row.job.job_id for row in right}
        surplus = [row for row in misspelt if row.job.job_id in known]
        self._table.commit_groups([[_delete(row)] for row in surplus])
        to_rename = {row.job.job_id: row for row in misspelt if row.job.job_id not in known}
        renamed = self._table.commit_groups([[self._insert(row), _delete(row)] for row in to_rename.values()])
        return right + [
            replace(row, row_key=row.job.job_id, etag=etags[0])
            for row, etags in zip(to_rename.values(), renamed, strict=True)
            if etags is not None
        ]

    def _insert(self, row: PendingRow) -> Change:
        return Change(Write.INSERT, _key(row.job.job_id) | columns_of(row.job) | self._bodies.columns(row.job))


def _delete(row: PendingRow) -> Change:
    return Change(Write.DELETE, _key(row.row_key), row.etag)


def _key(row_key: str) -> Row:
    return {"PartitionKey": PENDING_PARTITION, "RowKey": row_key}
