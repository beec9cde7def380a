"""Hosts that are killed at random moments of a kind of work, and what was in progress when it happened."""

import itertools
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import requests

from local.processes.child import ChildFailedError
from sandbox.server import Sandbox
from tests.app.app import App
from tests.reliability.kills.proxy import StorageProxy
from tests.reliability.kills.receiver import FailingReceiver

type Aim = Literal["any", "polls", "writes", "deliveries", "watch", "clean-up"]
type Turn = Literal["kill", "let through"]

FUNCTIONS = ("poll_pending_jobs", "deliver_webhooks", "watch_offers", "clean_up")
_STARTED = re.compile(r" host: (\w+) started \(")
_ENDED = re.compile(r" host: (\w+) (?:succeeded|failed) (?:in|after) ")
_LIST_ROUTE = "product-ingestion.private-offers"
# Of all aims except the watch: polls and writes are over soon, so a kill often comes too late for them.
_WEIGHTS = (2, 3, 3, 2, 2)
_LONGEST_WAIT_SECONDS = 20.0
_LONGEST_RUN_SECONDS = 30.0
# A killed run of the watch holds its claim for 55 seconds; until then another one does nothing.
_WATCH_CLAIM_SECONDS = 62.0
_WATCH_RUN_SECONDS = 8.0


@dataclass(frozen=True)
class HostKill:
    """One kill. `in_progress` are the functions that had started and not ended. `at` is of `time.monotonic`."""

    host: int
    at: float
    pid: int
    exit_status: int
    aim: Aim
    in_progress: tuple[str, ...]


@dataclass(frozen=True)
class Surroundings:
    """What a host works with."""

    environments: Sequence[Mapping[str, str]]
    proxy: StorageProxy
    sandbox: Sandbox
    receiver: FailingReceiver


class WatchTurns:
    """Says when a run of the watch is worth a kill. Every third one may end, so that changes of offers are seen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._turns: Iterator[Turn] = itertools.cycle(("kill", "kill", "let through"))

    def take(self) -> Turn | None:
        """What to do with a run that begins now; None while a killed one still holds the claim."""
        with self._lock:
            if time.monotonic() < self._not_before:
                return None
            turn = next(self._turns)
            self._not_before = time.monotonic() + (_WATCH_CLAIM_SECONDS if turn == "kill" else _WATCH_RUN_SECONDS)
            return turn


class KilledHosts:
    """The lives and deaths of one host."""

    def __init__(
        self, number: int, around: Surroundings, choices: random.Random, turns: WatchTurns, over: threading.Event
    ) -> None:
        self.app: App | None = None
        self._number = number
        self._around = around
        self._choices = choices
        self._turns = turns
        self._over = over
        self._aims: dict[Aim, Callable[[App], None]] = {
            "any": self._any_moment,
            "polls": self._during_polls,
            "writes": self._during_writes,
            "deliveries": self._during_deliveries,
            "clean-up": self._during_clean_up,
        }

    def live_and_die(self) -> HostKill:
        """Start a host, wait for a moment of a random kind of work, and kill it."""
        app = App(self._around.environments[self._number], timers=True)
        self.app = app
        try:
            turn = self._turns.take()
            if turn == "let through":
                self._fire(app, "watch_offers")
                with suppress(ChildFailedError):
                    app.host.wait_for_line(r"watch_offers (succeeded|failed)", timeout_seconds=_LONGEST_RUN_SECONDS)
            aim: Aim = "watch" if turn == "kill" else self._choices.choices(list(self._aims), _WEIGHTS)[0]
            (self._during_watch if aim == "watch" else self._aims[aim])(app)
        finally:
            self.app = None
            at, pid = time.monotonic(), app.host.pid
            exit_status = app.host.kill()
        return HostKill(self._number, at, pid, exit_status, aim, in_progress(app.host.lines))

    def _any_moment(self, app: App) -> None:
        self._pause(2)
        for function in self._choices.sample(("poll_pending_jobs", "deliver_webhooks", "clean_up"), k=2):
            self._fire(app, function)
        self._pause(8)

    def _during_polls(self, app: App) -> None:
        state, before = self._around.sandbox.state, self._requests()
        self._fire(app, "poll_pending_jobs")
        self._wait_for(lambda: bool(state.requests(route="product-ingestion.job-status", after=before)))
        self._pause(0.2)

    def _during_writes(self, app: App) -> None:
        function = self._choices.choice(("poll_pending_jobs", "clean_up", "deliver_webhooks"))
        self._fire(app, function)
        self._wait_for_a_write()
        self._pause(1)
        self._wait_for_a_write()

    def _wait_for_a_write(self) -> None:
        begun = self._around.proxy.writes_begun
        before = begun[self._number]
        self._wait_for(lambda: begun[self._number] > before, look_every_seconds=0.002)

    def _during_deliveries(self, app: App) -> None:
        before = len(self._around.receiver.deliveries)
        self._fire(app, "deliver_webhooks")
        self._fire(app, "poll_pending_jobs")
        self._wait_for(lambda: len(self._around.receiver.deliveries) > before)
        self._pause(0.1)

    def _during_watch(self, app: App) -> None:
        state, before = self._around.sandbox.state, self._requests()
        self._fire(app, "watch_offers")
        self._wait_for(lambda: bool(state.requests(route=_LIST_ROUTE, after=before)))
        self._pause(1)

    def _during_clean_up(self, app: App) -> None:
        self._fire(app, "clean_up")
        self._wait_for(lambda: "clean_up" in in_progress(app.host.lines))
        self._pause(2)

    def _requests(self) -> int:
        return max((each.number for each in self._around.sandbox.state.requests()), default=0)

    def _fire(self, app: App, function: str) -> None:
        with suppress(requests.RequestException):
            app.fire(function)

    def _wait_for(self, happened: Callable[[], bool], *, look_every_seconds: float = 0.02) -> None:
        """Wait until it happens, or not much longer than usual: then the kill hits whatever there is."""
        ends = time.monotonic() + _LONGEST_WAIT_SECONDS
        while not happened() and time.monotonic() < ends:
            self._over.wait(look_every_seconds)

    def _pause(self, most_seconds: float) -> None:
        threading.Event().wait(self._choices.uniform(0, most_seconds))


def in_progress(lines: list[str]) -> tuple[str, ...]:
    """The functions that a host's log says have started and not ended."""
    running: list[str] = []
    for line in lines:
        if (started := _STARTED.search(line)) and started[1] in FUNCTIONS:
            running.append(started[1])
        elif (ended := _ENDED.search(line)) and ended[1] in running:
            running.remove(ended[1])
    return tuple(sorted(running))
