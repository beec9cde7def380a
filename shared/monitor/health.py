"""Whether the monitor can do its work, from what stands in storage: any instance can tell."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from shared.clock import Clock
from shared.jobs.pending_jobs import PendingJobs
from shared.jobs.poll_cycle import OVERDUE_AFTER
from shared.models.responses import HealthDetails, LastTick
from shared.monitor.monitor_state import MonitorState, MonitorStates
from shared.setting_reader import SettingsError
from shared.storage.errors import StorageError

# Anyone may ask for the health, without a key: storage is not read more often than this for them.
REMEMBERED_FOR = timedelta(seconds=10)
FIRST_ANSWER_WITHIN_SECONDS = 5.0


@dataclass(frozen=True)
class DeliveryCounts:
    """How many webhook deliveries wait for another attempt, and how many were given up."""

    waiting: int
    dead: int


class Health:
    """Puts the monitor's health together. Thread-safe."""

    def __init__(
        self,
        *,
        pending: PendingJobs,
        states: MonitorStates,
        count_deliveries: Callable[[], DeliveryCounts],
        clock: Clock,
    ) -> None:
        self._pending = pending
        self._states = states
        self._count_deliveries = count_deliveries
        self._clock = clock
        self._lock = Lock()
        self._remembered: tuple[datetime, bool] | None = None

    def is_ok(self) -> bool:
        """The one word for everyone, from memory for ten seconds: whoever asks often does not make storage busy.

        While one caller waits for storage, the others are answered from memory too, or else that it is not ok:
        storage that hangs must not hold every thread of the app.
        """
        remembered = self._remembered
        if remembered is not None and self._clock.now() - remembered[0] <= REMEMBERED_FOR:
            return remembered[1]
        if not self._lock.acquire(timeout=0 if remembered else FIRST_ANSWER_WITHIN_SECONDS):
            return remembered is not None and remembered[1]
        try:
            is_ok = not self._problems()[0]
            self._remembered = self._clock.now(), is_ok
        finally:
            self._lock.release()
        return is_ok

    def details(self) -> HealthDetails:
        """Every part, fresh."""
        problems, state, counts = self._problems()
        is_degraded = bool(problems)  # by what `is_ok` goes by too; what follows is worth telling, no more
        deliveries: DeliveryCounts | None = None
        try:
            deliveries = self._count_deliveries()
        except SettingsError as error:
            problems.append(str(error))
        except StorageError as error:
            problems.append(f"deliveries cannot be counted: {error}")
        return HealthDetails(
            status="degraded" if is_degraded else "ok",
            problems=problems,
            storageReachable=counts is not None,
            lastTick=None if state is None else _last_tick(state),
            pendingJobs=None if counts is None else counts[0],
            overdueJobs=None if counts is None else counts[1],
            lastTokenError=None if state is None else state.last_token_error,
            deliveriesWaiting=None if deliveries is None else deliveries.waiting,
            deliveriesDead=None if deliveries is None else deliveries.dead,
        )

    def _problems(self) -> tuple[list[str], MonitorState | None, tuple[int, int] | None]:
        """What is wrong, in words; the monitor's state; how many jobs are pending and overdue."""
        now = self._clock.now()
        try:
            state = self._states.read()
            pending, overdue = self._pending.count(due_before=now - OVERDUE_AFTER)
        except StorageError as error:
            return [f"storage cannot be used: {error}"], None, None
        problems = []
        if state.failed_cycles_in_a_row:
            problems.append(f"the last cycle could not do its work: {state.failure_detail}")
        if overdue:
            problems.append(f"{overdue} due jobs have waited for over 5 minutes")
        return problems, state, (pending, overdue)


def _last_tick(state: MonitorState) -> LastTick | None:
    tick = state.last_tick
    if tick is None:
        return None
    return LastTick(
        at=tick["at"],
        durationMs=tick["durationMs"],
        outcome=tick["outcome"],
        reason=tick["reason"],
        polled=tick["polled"],
        finished=tick["finished"],
        failedPolls=tick["failedPolls"],
        setAside=tick["setAside"],
        unreached=tick["unreached"],
    )
