"""Claims of the run, and the state that is stored with it (shared/watch/run_state.py)."""

from datetime import UTC, datetime, timedelta

from shared.upstream.private_offer_pages import Place
from shared.watch.notices import Thresholds
from shared.watch.run_state import (
    ClaimedRun,
    RunRow,
    RunState,
)
from tests.clock import FakeClock

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(seconds=55)
THRESHOLDS = Thresholds().renewed([7, 1], [30], NOW)
STATE = RunState(
    baseline_at=NOW - timedelta(days=9),
    thresholds=THRESHOLDS,
    started_at=NOW - timedelta(minutes=1),
    place=Place("private-offers?continuationToken=a", 0, 3, "fingerprint"),
    page_failed=True,
    confirming=True,
    not_before=NOW + timedelta(minutes=2),
    cpp_not_before=NOW + timedelta(minutes=3),
    trouble="it failed",
    trouble_since=NOW - timedelta(minutes=4),
    cpp_after="cpp~contoso~vm",
)


def as_they_are(thresholds: Thresholds) -> Thresholds:
    return thresholds


def claim(run_row: RunRow, now: datetime = NOW, until: datetime = UNTIL) -> ClaimedRun:
    return run_row.claim(FakeClock(now), until - now, as_they_are)


def state_of(run_row: RunRow) -> RunState:
    found = run_row.read()
    assert found is not None
    return found[0]
