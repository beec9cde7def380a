"""Gathers what is to be stored of many offers, writes it in few transactions, and sends the events."""

import logging
from collections.abc import Callable, Sequence

from shared.storage.errors import StorageError
from shared.watch.comparing import Planned
from shared.watch.events import OfferEvent, OfferOutbox
from shared.watch.rows import OfferRow, StoredSummary
from shared.watch.run_state import ClaimedRun, Stored
from shared.watch.snapshots import Snapshots

PLANS_AT_ONCE = 40
# What they hold in memory.
PLANS_AT_ONCE_BYTES = 2 * 1024 * 1024
# How many times to decide again about an offer whose row a finishing job changes.
WRITE_TRIES = 5
_log = logging.getLogger("offer_monitor.watch")
#: What to store of an offer, given its row as it is now.
type Plan = Callable[[OfferRow | None], Planned | None]


class PlannedWrites:
    """The writes of one invocation. Methods raise RunElsewhere, and StorageError."""

    def __init__(self, claimed: ClaimedRun, snapshots: Snapshots, outbox: OfferOutbox) -> None:
        self._claimed = claimed
        self._snapshots = snapshots
        self._outbox = outbox
        self._waiting: list[tuple[OfferRow | None, Plan]] = []
        self._waiting_bytes = 0
        #: How many events were stored.
        self.events = 0
        #: The offers whose rows were written, as they are now.
        self.written: dict[str, StoredSummary] = {}

    def add(self, before: OfferRow | None, plan: Plan, *, size_bytes: int = 0) -> None:
        """Have an offer compared, of which `plan` holds so many bytes in memory.

        Plans are made when several offers have been read: what they need to know of jobs is asked for once.
        """
        self._waiting.append((before, plan))
        self._waiting_bytes += size_bytes
        if len(self._waiting) >= PLANS_AT_ONCE or self._waiting_bytes > PLANS_AT_ONCE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Store what is planned and send its events. What a finishing job has changed meanwhile is decided again."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        for _ in range(WRITE_TRIES):
            plans = [(planned, plan) for before, plan in waiting if (planned := plan(before)) is not None]
            if not plans:
                return
            results = self._claimed.write([planned.changes for planned, _ in plans])
            written = [each for (each, _), result in zip(plans, results, strict=True) if result is Stored.WRITTEN]
            self.written |= {each.row.summary.id: each.row.summary for each in written}
            self._send([event for each in written for event in each.events])
            for each in written:
                self._snapshots.delete_outdated(each.before, each.row)
            changed = [
                (planned.row.summary.id, plan)
                for (planned, plan), result in zip(plans, results, strict=True)
                if result is Stored.CHANGED_MEANWHILE
            ]
            waiting = [(self._snapshots.get(offer_id), plan) for offer_id, plan in changed]
        if waiting:
            _log.warning("%d offers are left to the next run: their rows kept changing", len(waiting))

    def _send(self, events: Sequence[OfferEvent]) -> None:
        self.events += len(events)
        try:
            self._outbox.send(events)
        except StorageError as error:
            _log.warning("events of private offers are left to the next run: %s", error)
