"""Processes of the app for the model test: their clock moves by hand, and their requests to storage can go wrong."""

import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from threading import RLock

import pytest
from azure.core.rest import HttpRequest, HttpResponse

from shared.app import Services, Stores, Timers, build_services, build_stores, build_timers, build_webhooks
from shared.settings import Settings, Storage, StorageSettings
from shared.storage.errors import StorageUnreachable
from shared.storage.retrying import Waiting
from shared.storage.table import Table, Tables
from tests.clock import FakeClock
from tests.instance import TestProcess
from tests.killed import Killed


class Kind(StrEnum):
    """What goes wrong with a request to storage."""

    KILLED = "the process is killed before it"
    THROTTLED = "storage is busy, for several requests"
    LOST = "storage carries it out, and the answer is lost"
    LATE = "the answer comes late"
    PAUSED = "the process stands still, and another one runs a timer"


@dataclass(frozen=True)
class Disturbance:
    """What happens to the storage request of this number, counted from 1 in one run of a function or call.

    `requests` says how many storage is busy for, `seconds` how far the clock moves meanwhile, `timer` what the other
    process runs.
    """

    kind: Kind
    at_request: int
    requests: int = 1
    seconds: float = 0.0
    timer: str = ""


class ModelClock(FakeClock):
    """The app's clock. It also says what time it was for the app when storage stamped a row."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = RLock()
        self._moves = [(_now_ms(), self.now())]

    def advance(self, seconds: float) -> datetime:
        with self._lock:
            now = super().advance(seconds)
            self._moves.append((_now_ms(), now))
            return now

    def at(self, stamp: datetime | None) -> datetime | None:
        """The app's time at a moment of this machine's clock."""
        if stamp is None:
            return None
        with self._lock:
            found = bisect_right(self._moves, stamp, key=lambda move: move[0])
            return self._moves[max(found - 1, 0)][1]


class Gate:
    """Every storage request of one process passes through it; one of them may be disturbed. Thread-safe."""

    def __init__(self, clock: ModelClock) -> None:
        self._clock = clock
        self._lock = RLock()
        self._plan: Disturbance | None = None
        self._meanwhile: Callable[[str], None] = lambda _: None
        self._requests = 0
        self.dead = False
        #: What has gone wrong since `disturb`, or None.
        self.happened: Kind | None = None

    def disturb(self, plan: Disturbance | None, meanwhile: Callable[[str], None]) -> None:
        """Count requests from here on. `meanwhile` runs a timer of another process."""
        self._plan, self._meanwhile, self._requests, self.happened = plan, meanwhile, 0, None

    def send(self, request: Callable[[], HttpResponse]) -> HttpResponse:
        """Send a request, or what becomes of it. Raises Killed, and StorageUnreachable."""
        with self._lock:
            if self.dead:
                raise Killed
            self._requests += 1
            plan = self._plan
            if plan is None or not plan.at_request <= self._requests < plan.at_request + plan.requests:
                plan = None
            else:
                self.happened = plan.kind
                if plan.kind is Kind.KILLED:
                    self.dead = True
                    raise Killed
                if plan.kind is Kind.PAUSED:  # the lock holds back the process's other threads
                    self._clock.advance(plan.seconds)
                    self._meanwhile(plan.timer)
                    self._clock.advance(1)
        if plan is not None and plan.kind is Kind.THROTTLED:
            raise StorageUnreachable("storage is busy")
        response = request()
        if plan is not None and plan.kind is Kind.LOST:
            raise StorageUnreachable("the answer is lost")
        if plan is not None and plan.kind is Kind.LATE:
            self._clock.advance(plan.seconds)
        return response


class _GatedTable(Table):
    gate: Gate

    def _send_once(self, request: HttpRequest) -> HttpResponse:
        return self.gate.send(lambda: super(_GatedTable, self)._send_once(request))


class _GatedTables(Tables):
    def __init__(self, gate: Gate, storage: Storage, waiting: Waiting | None = None) -> None:
        super().__init__(storage, waiting)
        self._gate = gate

    def table(self, name: str) -> Table:
        table = _GatedTable(self._service.get_table_client(name), self._waiting)
        table.gate = self._gate
        return table


class ModelProcess(TestProcess):
    """One process. Pauses between its retries move the clock and take no time."""

    def __init__(self, settings: Settings, clock: ModelClock) -> None:
        super().__init__(clock)
        self.gate = Gate(clock)
        self._settings = settings
        self._model_clock = clock
        self._slept_seconds = 0.0

    def begin(self) -> None:
        """Call this before each run and call of the app: the pauses of earlier ones are over."""
        self._slept_seconds = 0.0

    def stores(self) -> Stores:
        with self._building:
            if self._stores is None:
                storage = StorageSettings(self._settings.storage, self._settings.jobs_table)
                waiting = Waiting(
                    monotonic=lambda: time.monotonic() + self._slept_seconds,
                    sleep=self._sleep,
                    random_fraction=lambda: 0.5,
                )
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr("shared.app.Tables", partial(_GatedTables, self.gate))
                    self._stores = build_stores(storage, self.clock, waiting=waiting)
            return self._stores

    def services(self) -> Services:
        with self._building:
            if self._services is None:
                webhooks = build_webhooks(self.stores(), self._settings)
                self._services = build_services(self.stores(), self._settings, webhooks)
            return self._services

    def timers(self) -> Timers:
        with self._building:
            if self._timers is None:
                self._timers = build_timers(self.stores(), self.services(), sleep=self._sleep)
            return self._timers

    def finish_deliveries(self) -> None:
        """Wait for the attempts that were started."""
        self.services().webhooks.deliverer.finish(10)

    def _sleep(self, seconds: float) -> None:
        self._slept_seconds += seconds
        self._model_clock.advance(seconds)


def _now_ms() -> datetime:
    """This machine's time in whole milliseconds, as Azurite stamps rows."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
