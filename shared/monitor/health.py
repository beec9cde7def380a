"""Whether the monitor can do its work, from the last reports of its timers, which any instance can read.

Health reads no jobs: the report of the last tick has the counts of jobs.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Literal, NotRequired, TypedDict

from shared.clock import Clock, rfc3339
from shared.jobs.job import POLL_SPACING
from shared.jobs.set_aside import SetAside
from shared.monitor.state import MonitorState, MonitorStateStore
from shared.monitor.timer_reports import TimerReport, TimerReports
from shared.polling.report import OVERDUE_AFTER
from shared.storage.errors import StorageError
from shared.storage.retrying import retrying_for
from shared.watch.cpp_offers import CppOfferTrouble

# Anyone may ask for the overall status, without a key: for them storage is not read more often than this.
REMEMBERED_FOR = timedelta(seconds=10)
FIRST_ANSWER_WITHIN_SECONDS = 5.0
# A probe waits only a few seconds, and storage that fails for longer than this is a problem to report.
STORAGE_MAY_FAIL_SECONDS = 2.0
# Without ticks nothing counts overdue jobs; a job that came due a minute after the last tick is overdue by then.
SILENT_AFTER = OVERDUE_AFTER + POLL_SPACING


class HealthStatus(TypedDict):
    """What anyone may know."""

    status: Literal["ok", "degraded"]


class LastTick(TypedDict):
    """The last poll cycle: when it began, how long it took, and what it did."""

    at: str
    durationMs: int
    outcome: Literal["ok", "failed"]
    reason: str | None
    polled: int
    finished: int
    failedPolls: int
    setAside: int
    unreached: int
    upstreamLatencyMsP50: int | None
    upstreamLatencyMsMax: int | None


class TimerRun(TypedDict):
    """The last run of a timer function: when it began, and whether it could do its work or, where known, why not."""

    at: str
    ok: bool
    reason: NotRequired[str]


class HealthDetails(TypedDict):
    """The parts of the monitor's health, for callers with a key."""

    status: Literal["ok", "degraded"]
    problems: list[str]
    failingSince: str | None
    storageReachable: bool
    lastTick: LastTick | None
    pending: int | None
    overdue: int | None
    setAside: SetAside | None
    timers: dict[str, TimerRun]
    cppOffers: list[CppOfferTrouble]
    lastTokenError: str | None
    deliveriesWaiting: int | None
    deliveriesDead: int | None


class Health:
    """Reports the monitor's health. Thread-safe."""

    def __init__(self, *, states: MonitorStateStore, timers: TimerReports, clock: Clock) -> None:
        self._states = states
        self._timers = timers
        self._clock = clock
        self._lock = Lock()
        self._remembered: tuple[datetime, bool] | None = None

    def is_ok(self) -> bool:
        """The overall status, cached for ten seconds so that probes do not load storage.

        While one caller waits for storage, the others get the last known status, or False if there is none: storage
        that hangs must not hold every thread of the app.
        """
        remembered = self._remembered
        # abs: after the clock was set back, an answer would else be remembered for hours.
        if remembered is not None and abs(self._clock.now() - remembered[0]) <= REMEMBERED_FOR:
            return remembered[1]
        if not self._lock.acquire(timeout=0 if remembered else FIRST_ANSWER_WITHIN_SECONDS):
            return remembered is not None and remembered[1]
        try:
            is_ok = not self._state()[1]
            self._remembered = self._clock.now(), is_ok
        finally:
            self._lock.release()
        return is_ok

    def details(self) -> HealthDetails:
        """Every part, read from storage now."""
        state, problems = self._state()
        timers: dict[str, TimerReport] = {}
        if state is not None:
            try:
                with retrying_for(STORAGE_MAY_FAIL_SECONDS):
                    timers = self._timers.all()
            except StorageError as error:
                state, problems = None, [_unusable(error)]
        reached = state or MonitorState()
        deliveries = timers.get("deliver_webhooks")
        return HealthDetails(
            status="degraded" if problems else "ok",
            problems=problems,
            failingSince=None if reached.failing_since is None else rfc3339(reached.failing_since),
            storageReachable=state is not None,
            lastTick=_last_tick(reached),
            pending=reached.pending,
            overdue=reached.overdue,
            setAside=reached.set_aside,
            timers=_runs(reached, timers),
            cppOffers=_cpp_offers(timers.get("watch_offers")),
            lastTokenError=reached.last_token_error,
            deliveriesWaiting=_count(deliveries, "waiting"),
            deliveriesDead=_count(deliveries, "dead"),
        )

    def _state(self) -> tuple[MonitorState | None, list[str]]:
        """The monitor's state (None if storage cannot be used), and a sentence for each problem."""
        try:
            with retrying_for(STORAGE_MAY_FAIL_SECONDS):
                state = self._states.read()
        except StorageError as error:
            return None, [_unusable(error)]
        problems = []
        if state.failed_cycles_in_a_row:
            problems.append(f"the last cycle could not do its work: {state.failure_detail}")
        silent_since = state.last_tick_at
        if state.overdue:
            problems.append(f"{state.overdue} due jobs have waited for over 5 minutes")
        if silent_since is not None and self._clock.now() - silent_since > SILENT_AFTER:
            problems.append("no tick has run for over 6 minutes")
        if silent_since is not None and silent_since - self._clock.now() > SILENT_AFTER:
            problems.append("the last tick is over 6 minutes ahead of the clock, which was set back or differs")
        return state, problems


def _unusable(error: StorageError) -> str:
    return f"storage cannot be used: {error}"


def _runs(state: MonitorState, timers: Mapping[str, TimerReport]) -> dict[str, TimerRun]:
    runs = {function: _run(report) for function, report in timers.items()}
    if state.last_tick_at is not None:
        runs["poll_pending_jobs"] = TimerRun(at=rfc3339(state.last_tick_at), ok=state.last_tick_ok)
    return runs


def _run(report: TimerReport) -> TimerRun:
    run = TimerRun(at=rfc3339(report.at), ok=report.ok)
    reason = report.facts.get("reason")
    if not report.ok and isinstance(reason, str):
        run["reason"] = reason
    return run


def _cpp_offers(report: TimerReport | None) -> list[CppOfferTrouble]:
    """The entries in the report of the last run, whether it succeeded or not."""
    entries = None if report is None else report.facts.get("cppOffers")
    return [
        CppOfferTrouble(
            publisherId=entry["publisherId"], offerId=entry["offerId"], reason=entry["reason"], since=entry["since"]
        )
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict)
        and all(isinstance(entry.get(name), str) for name in CppOfferTrouble.__annotations__)
    ]


def _count(report: TimerReport | None, fact: str) -> int | None:
    value = None if report is None else report.facts.get(fact)
    return value if isinstance(value, int) else None


def _last_tick(state: MonitorState) -> LastTick | None:
    tick = state.last_tick
    if tick is None:
        return None
    return LastTick(
        at=tick.get("at", ""),
        durationMs=tick.get("durationMs", 0),
        outcome=tick.get("outcome", "failed"),
        reason=tick.get("reason"),
        polled=tick.get("polled", 0),
        finished=tick.get("finished", 0),
        failedPolls=tick.get("failedPolls", 0),
        setAside=tick.get("setAside", 0),
        unreached=tick.get("unreached", 0),
        upstreamLatencyMsP50=tick.get("upstreamLatencyMsP50"),
        upstreamLatencyMsMax=tick.get("upstreamLatencyMsMax"),
    )
