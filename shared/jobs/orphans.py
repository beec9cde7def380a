"""Documents that no row refers to: left behind where a process was killed, or a write lost its race."""

from collections.abc import Callable
from datetime import datetime

from shared.jobs.history import History
from shared.jobs.job_bodies import references_in
from shared.jobs.pending_jobs import PendingJobs
from shared.storage.documents import Documents, StoredEntity


class OrphanedDocuments:
    """Finds and deletes them."""

    def __init__(self, documents: Documents, pending: PendingJobs, history: History) -> None:
        self._documents = documents
        self._pending = pending
        self._history = history

    def remove(self, *, after_owner: str, written_before: datetime, has_time: Callable[[], bool]) -> tuple[int, str]:
        """Delete orphans written before that moment, of the owners that follow `after_owner` ("": of all).

        Returns how many entities, and the owner after whom to go on next time ("": from the start). A document is
        written before the row that refers to it, so one written just now may still get its row.
        Raises StorageError.
        """
        removed = 0
        for owner, entities in self._documents.by_owner(after_owner):
            if not has_time():
                return removed, after_owner
            old = [entity for entity in entities if entity.written_at and entity.written_at < written_before]
            removed += self._remove(owner, old) if old else 0
            after_owner = owner
        return removed, ""

    def _remove(self, owner: str, entities: list[StoredEntity]) -> int:
        # In the order in which a job moves: a row that moves meanwhile is seen in one place or the other.
        rows = [*self._pending.rows_of(owner), self._history.record_row(owner) or {}]
        kept = {reference.partition("~")[0] for row in rows for reference in references_in(row)}
        orphans = [entity for entity in entities if entity.document not in kept]
        return self._documents.delete_entities(owner, orphans)
