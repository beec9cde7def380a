"""The nightly `clean_up`: it removes rows that have expired, and documents that no row refers to.

Such a document is left behind if a process is killed, or if a write loses a race.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from shared.clock import Clock
from shared.jobs.history import REMOVAL_REMEMBERED_FOR, History
from shared.jobs.large_fields import references_in
from shared.jobs.late_changes import LateChanges
from shared.jobs.pending_jobs import PendingJobs
from shared.jobs.poll_spacing import PollSpacing
from shared.jobs.set_aside import SetAsideRows
from shared.log import log_event
from shared.monitor.stats import Stats
from shared.monitor.timer_reports import TimerReport
from shared.setting_reader import SettingsError
from shared.storage.documents import Documents, StoredEntity
from shared.storage.errors import StorageError
from shared.storage.retrying import retrying_for


class OrphanedDocuments:
    """Finds and deletes documents that no row refers to."""

    def __init__(
        self,
        documents: Documents,
        pending: PendingJobs,
        history: History,
        *,
        references_of_watch: Callable[[str], list[str] | None],
    ) -> None:
        """`references_of_watch` gives the references to an owner's documents; None if the owner is a job."""
        self._documents = documents
        self._pending = pending
        self._history = history
        self._references_of_watch = references_of_watch

    def remove(self, *, after_owner: str, written_before: datetime, has_time: Callable[[], bool]) -> tuple[int, str]:
        """Delete orphans that were written before that moment, of the owners that follow `after_owner` ("": all).

        Returns the number of entities, and the owner after which to continue ("": from the start). A document is
        written before the row that refers to it, so a recent one may still get its row. Raises StorageError.
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
        references = self._references_of_watch(owner)
        if references is None:
            # In the order in which a job moves, so that a row that moves in between is seen in one place or another.
            rows = [*self._pending.rows_of(owner), self._history.record_row(owner) or {}]
            references = [reference for row in rows for reference in references_in(row)]
        kept = {reference.partition("~")[0] for reference in references}
        orphans = [entity for entity in entities if entity.document not in kept]
        return self._documents.delete_entities(owner, orphans)


# A run takes 50 seconds at most, including the work that a step has just begun. These times count from its start.
# Each step has its own, so that one with much to do does not hold up the others for days.
JOBS_UNTIL_SECONDS = 20.0
DELIVERIES_UNTIL_SECONDS = 32.0
ORPHANS_UNTIL_SECONDS = 44.0
STORAGE_RETRIED_FOR_SECONDS = 46.0
# A row that refers to a document is written seconds after it.
ORPHANED_AFTER = timedelta(days=1)
_log = logging.getLogger("offer_monitor.monitor")


class RemoveExpired(Protocol):
    """Removes deliveries whose last attempt was before `ended_before`, while there is time; returns how many."""

    def __call__(self, *, ended_before: datetime, has_time: Callable[[], bool]) -> int: ...


class RemoveExpiredOffers(Protocol):
    """Removes private offers that were gone before that moment, while there is time; returns how many."""

    def __call__(self, *, gone_before: datetime, has_time: Callable[[], bool]) -> int: ...


@dataclass(frozen=True)
class Retention:
    """How many days finished jobs and deliveries are kept; 0 keeps them for good."""

    job_history_days: int
    delivery_history_days: int


class CleanUp:
    """Removes what has expired, in steps that do not depend on each other."""

    def __init__(
        self,
        *,
        history: History,
        late_changes: LateChanges,
        set_aside_rows: SetAsideRows,
        poll_spacing: PollSpacing,
        remove_expired_offers: RemoveExpiredOffers,
        orphans: OrphanedDocuments,
        remove_expired_deliveries: RemoveExpired,
        stats: Stats,
        retention: Retention,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._history = history
        self._late_changes = late_changes
        self._set_aside_rows = set_aside_rows
        self._poll_spacing = poll_spacing
        self._remove_expired_offers = remove_expired_offers
        self._orphans = orphans
        self._remove_expired_deliveries = remove_expired_deliveries
        self._stats = stats
        self._retention = retention
        self._clock = clock
        self._monotonic = monotonic

    def run(self, last: TimerReport | None) -> TimerReport:
        """Remove what has expired; continues where the `last` run stopped. A failed step is reported, not raised."""
        now = self._clock.now()
        began = self._monotonic()
        resume_after = "" if last is None else str(last.facts.get("orphansAfter", ""))

        def until(seconds: float) -> Callable[[], bool]:
            return lambda: self._monotonic() - began < seconds

        def orphaned_documents() -> int:
            nonlocal resume_after
            removed, resume_after = self._orphans.remove(
                after_owner=resume_after, written_before=now - ORPHANED_AFTER, has_time=until(ORPHANS_UNTIL_SECONDS)
            )
            return removed

        # Small steps first. Documents come last, since removed jobs may have left some.
        steps: dict[str, Callable[[], int]] = {
            "statusRequests": lambda: self._poll_spacing.forget(now, has_time=until(JOBS_UNTIL_SECONDS)),
            "removals": lambda: self._history.forget_removals(
                removed_before=now - REMOVAL_REMEMBERED_FOR, has_time=until(JOBS_UNTIL_SECONDS)
            ),
            "days": lambda: self._stats.remove_old(now, has_time=until(JOBS_UNTIL_SECONDS)),
        }
        if days := self._retention.job_history_days:
            ended_before = now - timedelta(days=days)
            steps["setAside"] = lambda: self._set_aside_rows.remove_expired(
                set_aside_before=ended_before, has_time=until(JOBS_UNTIL_SECONDS)
            )
            steps["jobs"] = lambda: self._history.remove_expired(
                ended_before=ended_before, has_time=until(JOBS_UNTIL_SECONDS)
            )
            steps["offers"] = lambda: self._remove_expired_offers(
                gone_before=ended_before, has_time=until(JOBS_UNTIL_SECONDS)
            )
            steps["changes"] = lambda: self._late_changes.remove_expired(
                changed_before=ended_before, has_time=until(JOBS_UNTIL_SECONDS)
            )
        if days := self._retention.delivery_history_days:
            attempted_before = now - timedelta(days=days)
            steps["deliveries"] = lambda: self._remove_expired_deliveries(
                ended_before=attempted_before, has_time=until(DELIVERIES_UNTIL_SECONDS)
            )
        steps["documents"] = orphaned_documents
        with retrying_for(STORAGE_RETRIED_FOR_SECONDS):
            counts, reasons = _run_steps(steps)
        _log_run(counts, reasons, duration_ms=round((self._monotonic() - began) * 1000))
        return TimerReport(now, ok=not reasons, facts={"orphansAfter": resume_after})


def _run_steps(steps: Mapping[str, Callable[[], int]]) -> tuple[dict[str, int], list[str]]:
    """Run every step, even if others fail. Returns how much each removed, and why steps failed."""
    counts: dict[str, int] = {}
    reasons: list[str] = []
    for name, remove in steps.items():
        try:
            counts[name] = remove()
        except (StorageError, SettingsError) as error:
            reasons.append(f"{name}: {error}")
        except Exception:  # noqa: BLE001 - an unexpected failure of one step must not stop the others
            _log.exception("cleaning up %s failed unexpectedly", name)
            reasons.append(f"{name}: failed unexpectedly; the log says why")
    return counts, reasons


def _log_run(counts: Mapping[str, int], reasons: list[str], *, duration_ms: int) -> None:
    log_event(
        _log,
        "clean_up",
        level=logging.WARNING if reasons else logging.INFO,
        outcome="failed" if reasons else "ok",
        reason="; ".join(reasons) or None,
        **{name: counts.get(name, 0) for name in ("jobs", "setAside", "deliveries", "documents")},
        durationMs=duration_ms,
    )
