"""One run of the watch: claim it, send what was left behind, follow the CPP offers, then the private offers.

A run that has no time left, or that upstream stops, stores where it is; the next one goes on from there.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.clock import Clock, rfc3339
from shared.log import log_event
from shared.storage.errors import StorageError
from shared.storage.retrying import retrying_for
from shared.upstream.product_ingestion import ProductIngestion
from shared.watch.comparing import Comparison
from shared.watch.cpp_offers import CppOffers, CppOfferTrouble, CppOutcome
from shared.watch.events import OfferOutbox
from shared.watch.job_details import JobDetails
from shared.watch.notices import Thresholds
from shared.watch.planned_writes import PlannedWrites
from shared.watch.private_offers import OfferCounts, PrivateOfferRun
from shared.watch.reading import RequestTime
from shared.watch.run_state import ClaimedRun, RunElsewhere, RunRow, RunState
from shared.watch.snapshots import Snapshots

# These times count from the start of a run, which is given 50 seconds, sending included. The first is the last moment
# for a request, the second the end of waiting for its answer.
CPP_REQUESTS_SECONDS = (12.0, 16.0)
SENDING_SECONDS = (5.0, 5.0)
OFFER_REQUESTS_SECONDS = (28.0, 42.0)
# Later, so that what was read last is not left to the next run for lack of them.
DETAIL_REQUESTS_SECONDS = (34.0, 42.0)
REMOVING_UNTIL_SECONDS = 40.0
STORAGE_RETRIED_FOR_SECONDS = 46.0
# A claim ends soon after its holder has died.
CLAIMED_FOR = timedelta(seconds=55)
LONGEST_PAUSE = timedelta(days=1)
_log = logging.getLogger("offer_monitor.watch")


@dataclass(frozen=True)
class WatchSettings:
    """What to follow, and how many days before their dates offers are announced."""

    private_offers: bool
    expiring_days: tuple[int, ...]
    ending_days: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class WatchReport:
    """One run. `reason` is why the watch could not do its work, `since` when that began; None if it could.

    `complete` tells whether the run has been over all private offers.
    """

    at: datetime
    reason: str | None = None
    since: datetime | None = None
    # Those in trouble, and how many were read.
    cpp_offers: Sequence[CppOfferTrouble] = ()
    cpp_read: int = 0
    counts: OfferCounts = field(default_factory=OfferCounts)
    events: int = 0
    complete: bool = False

    @property
    def ok(self) -> bool:
        return self.reason is None

    def facts(self) -> dict[str, Any]:
        """As JSON, for the timer's report."""
        return {
            "reason": self.reason,
            "since": None if self.since is None else rfc3339(self.since),
            "cppOffers": list(self.cpp_offers),
            "listed": self.counts.listed,
            "readById": self.counts.read_by_id,
            "failed": self.counts.failed + self.counts.malformed,
            "events": self.events,
            "complete": self.complete,
        }


class Watch:
    """Follows offers. `unfinished_jobs` gives the ids of jobs that have not finished here, at most so many."""

    def __init__(
        self,
        *,
        settings: WatchSettings,
        run_row: RunRow,
        snapshots: Snapshots,
        comparison: Comparison,
        outbox: OfferOutbox,
        cpp_offers: CppOffers,
        upstream: ProductIngestion,
        unfinished_jobs: Callable[[int], Sequence[str]],
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._run_row = run_row
        self._snapshots = snapshots
        self._comparison = comparison
        self._outbox = outbox
        self._cpp_offers = cpp_offers
        self._upstream = upstream
        self._unfinished_jobs = unfinished_jobs
        self._clock = clock
        self._monotonic = monotonic

    def run(self) -> WatchReport | None:
        """Run once. A failure is in the report, not raised; None if another instance has the run."""
        now, began = self._clock.now(), self._monotonic()
        try:
            with retrying_for(STORAGE_RETRIED_FOR_SECONDS):
                report = self._run(now)
        except RunElsewhere:
            _log.info("another instance has the watch")
            return None
        except StorageError as error:
            report = WatchReport(at=now, reason=f"storage cannot be used: {error}", since=now)
        except Exception:  # noqa: BLE001 - health must report even an unforeseen failure
            _log.exception("a run of the watch failed unexpectedly")
            report = WatchReport(at=now, reason="the run failed unexpectedly; the log says why", since=now)
        _log_run(report, duration_ms=round((self._monotonic() - began) * 1000))
        return report

    def _run(self, now: datetime) -> WatchReport:
        offers_time = self._request_time(OFFER_REQUESTS_SECONDS)
        details_time = self._request_time(DETAIL_REQUESTS_SECONDS)
        if not self._settings.private_offers and not self._cpp_offers.followed and self._snapshots.nothing_kept():
            return WatchReport(at=now, complete=True)
        claimed = self._run_row.claim(self._clock, CLAIMED_FOR, self._thresholds)
        now, before = self._clock.now(), claimed.state
        self._send_left_behind()
        cpp = self._cpp_offers.follow(claimed, self._request_time(CPP_REQUESTS_SECONDS))
        if not self._settings.private_offers:
            return self._discard(claimed, cpp, now)
        if before.not_before is not None and now < before.not_before <= now + LONGEST_PAUSE:
            after = _with_cpp(claimed.state, cpp)
            claimed.release(after)
            return _report(now, after, cpp)
        writes = PlannedWrites(claimed, self._snapshots, self._outbox)
        offers = PrivateOfferRun(
            claimed=claimed,
            upstream=self._upstream,
            snapshots=self._snapshots,
            comparison=self._comparison,
            writes=writes,
            job_details=JobDetails(self._upstream, self._unfinished_jobs, self._clock, details_time),
            request_time=offers_time,
            clock=self._clock,
        )
        state = _with_cpp(offers.go_on(), cpp)
        reasons = [reason for reason in (offers.reason, cpp.reason) if reason is not None]
        state = state.in_trouble("; ".join(reasons) or None, now)
        claimed.release(state, offers.seen)
        _log_trouble(before, state)
        report = _report(now, state, cpp, complete=not state.interrupted)
        return replace(report, counts=offers.counts, events=writes.events + cpp.events)

    def _discard(self, claimed: ClaimedRun, cpp: CppOutcome, now: datetime) -> WatchReport:
        """Forget the private offers, the baseline first: without it nothing that is left is news."""
        removing_time = self._request_time((REMOVING_UNTIL_SECONDS, REMOVING_UNTIL_SECONDS))
        state = _with_cpp(replace(claimed.state.started_over(), baseline_at=None, not_before=None), cpp)
        before, state = claimed.state, state.in_trouble(cpp.reason, now)
        if before.baseline_at is not None or before.interrupted:
            claimed.store(replace(state, seen_document=before.seen_document))
        complete = self._snapshots.remove_all(claimed.write, has_time=removing_time.is_left)
        claimed.release(state, ())
        if not self._cpp_offers.followed:
            self._run_row.delete()
        _log_trouble(before, state)
        return _report(now, state, cpp, complete=complete)

    def _send_left_behind(self) -> None:
        try:
            self._outbox.send_left_behind(has_time=self._request_time(SENDING_SECONDS).is_left)
        except StorageError as error:
            _log.warning("events of offers are left to the next run: %s", error)

    def _thresholds(self, stored: Thresholds) -> Thresholds:
        return stored.renewed(self._settings.expiring_days, self._settings.ending_days, self._clock.now())

    def _request_time(self, seconds: tuple[float, float]) -> RequestTime:
        return RequestTime(*seconds, self._monotonic)


def _with_cpp(state: RunState, cpp: CppOutcome) -> RunState:
    return replace(state, cpp_after=cpp.after, cpp_not_before=cpp.not_before)


def _report(now: datetime, state: RunState, cpp: CppOutcome, *, complete: bool = False) -> WatchReport:
    """A report without counts of private offers."""
    return WatchReport(
        at=now,
        reason=state.trouble,
        since=state.trouble_since,
        cpp_offers=cpp.trouble,
        cpp_read=cpp.read,
        events=cpp.events,
        complete=complete,
    )


def _log_trouble(before: RunState, after: RunState) -> None:
    """Trouble is logged when it begins and when it ends."""
    if (before.trouble is None) == (after.trouble is None):
        return
    if after.trouble is None:
        _log.info("the watch is no longer in trouble")
    else:
        _log.warning("the watch is in trouble: %s", after.trouble)


def _log_run(report: WatchReport, *, duration_ms: int) -> None:
    log_event(
        _log,
        "watch_offers",
        level=logging.INFO if report.ok else logging.WARNING,
        outcome="ok" if report.ok else "failed",
        **{name: value for name, value in report.facts().items() if name not in {"cppOffers", "since"}},
        cppOffers=report.cpp_read,
        durationMs=duration_ms,
    )
