"""The running invocations: starts and logs them, and waits for them when the host stops."""

import asyncio
import logging
import time
from collections.abc import Callable

from azure_functions_runtime.bindings.datumdef import Datum

from local.host import runtime
from local.host.runtime import IndexedFunction, Outcome

logger = logging.getLogger("host")


class Invocations:
    """Runs functions and keeps track of those that are running."""

    def __init__(self, *, timeout_seconds: float | None, on_timeout: Callable[[], None]) -> None:
        """Call `on_timeout` when a function has run for `timeout_seconds`; with None, never."""
        self._timeout_seconds = timeout_seconds
        self._on_timeout = on_timeout
        self._names: dict[str, str] = {}
        self._tasks: set[asyncio.Task[Outcome]] = set()

    def function_of(self, invocation_id: str | None) -> str | None:
        """The function's name of a running invocation."""
        return self._names.get(invocation_id) if invocation_id else None

    def start(self, function: IndexedFunction, trigger: Datum, reason: str) -> asyncio.Task[Outcome]:
        """Start `run` as a task. A caller may wait for it, and stop waiting without ending it."""
        task = asyncio.create_task(self.run(function, trigger, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def run(self, function: IndexedFunction, trigger: Datum, reason: str) -> Outcome:
        """Run `function` to its end. The log gives `reason` as why it was started; an empty one logs nothing."""
        invocation_id = runtime.new_invocation_id()
        self._names[invocation_id] = function.name
        started = time.monotonic()
        if reason:
            logger.info("%s started (%s)", function.name, reason)
        timer = self._start_timer(function)
        try:
            outcome = await runtime.invoke(function, invocation_id, trigger)
        finally:
            del self._names[invocation_id]
            if timer is not None:
                timer.cancel()
        duration_ms = (time.monotonic() - started) * 1000
        if outcome.error is not None:
            logger.error("%s failed after %.0f ms: %s", function.name, duration_ms, outcome.error)
        elif reason:
            logger.info("%s succeeded in %.0f ms", function.name, duration_ms)
        return outcome

    async def wait_until_idle(self, timeout_seconds: float) -> list[str]:
        """Wait for running invocations. Returns the names of those still running after `timeout_seconds`."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_seconds)
        return sorted(self._names.values())

    def _start_timer(self, function: IndexedFunction) -> asyncio.TimerHandle | None:
        if self._timeout_seconds is None:
            return None
        return asyncio.get_running_loop().call_later(self._timeout_seconds, self._time_out, function)

    def _time_out(self, function: IndexedFunction) -> None:
        logger.critical(
            "%s has run for %g seconds, the functionTimeout of host.json: the process ends with all that it is doing",
            function.name,
            self._timeout_seconds,
        )
        self._on_timeout()
