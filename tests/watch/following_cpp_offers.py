"""Invocations that follow three CPP offers (shared/watch/cpp_offers.py)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from shared.events.event import Event
from shared.events.outbox import Outbox
from shared.storage.documents import Documents
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Table
from shared.upstream.clients import Upstream
from shared.watch.cpp_offers import CppOffers, CppOutcome
from shared.watch.events import OfferOutbox
from shared.watch.reading import RequestTime
from shared.watch.run_state import RunRow, RunState
from tests.clock import FakeClock

ENTRIES = tuple(("contoso", f"vm-{number}") for number in range(3))
KEYS = [f"cpp~contoso~vm-{number}" for number in range(3)]


class Following:
    """Follows CPP offers in a table, and records what is announced."""

    def __init__(self, table: Table, upstream: Upstream, clock: FakeClock) -> None:
        self.table = table
        self.clock = clock
        self.events: list[Event] = []
        self.unreachable = False
        self.state = RunState()
        self.upstream = upstream.cloud_partner_portal
        self.entries: Sequence[tuple[str, str]] = ENTRIES
        self.documents = Documents(table)

    def follow(self, *looks: float) -> CppOutcome:
        """The next invocation. `looks` are the seconds at which it looks at its clock; none are never too late."""
        self.clock.advance(900)
        run_row = RunRow(self.table, self.documents)
        outbox = OfferOutbox(self.table, self.documents, Outbox(self.table, self._announce))
        offers = CppOffers(
            table=self.table, upstream=self.upstream, outbox=outbox, entries=self.entries, clock=self.clock
        )
        claimed = run_row.claim(self.clock, timedelta(seconds=55), lambda found: found)
        seconds = iter([0.0, *looks])
        request_time = RequestTime(12.0, 16.0, lambda: next(seconds, 0.0 if not looks else looks[-1]))
        outcome = offers.follow(claimed, request_time)
        claimed.release(RunState(cpp_after=outcome.after, cpp_not_before=outcome.not_before))
        return outcome

    def _announce(self, events: Sequence[Event]) -> None:
        if self.unreachable:
            raise StorageUnreachable("storage did not answer")
        self.events += events

    def rows(self) -> dict[str, dict[str, Any]]:
        found = self.table.rows("PartitionKey eq 'offers'")
        return {row["RowKey"]: row for row in found if row["RowKey"] != "run"}
