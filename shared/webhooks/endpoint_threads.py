"""Threads for attempts: a few for each endpoint, so that a slow one keeps only its own deliveries waiting."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait

from shared.threads import InvocationThreadPool

# With a hundred endpoints that all hang this is 400 threads, which the smallest instance has room for.
THREADS_PER_ENDPOINT = 4


class EndpointThreads:
    """Runs calls on their endpoint's own threads, which start when they are needed and end when they are idle."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: dict[str, InvocationThreadPool] = {}
        self._calls: dict[str, set[Future[None]]] = {}

    def submit(self, endpoint_id: str, call: Callable[[], None]) -> Future[None]:
        """Run `call` as soon as one of the endpoint's threads is free, in the caller's context."""
        with self._lock:
            if endpoint_id not in self._pools:
                self._pools[endpoint_id] = InvocationThreadPool(THREADS_PER_ENDPOINT, thread_name_prefix="webhooks")
                self._calls[endpoint_id] = set()
            future = self._pools[endpoint_id].submit(_unless_exiting, call)
            self._calls[endpoint_id].add(future)
        future.add_done_callback(lambda done: self._forget(endpoint_id, done))
        return future

    def cancel(self, endpoint_id: str) -> None:
        """Forget the endpoint's calls that have not begun."""
        with self._lock:
            waiting = list(self._calls.get(endpoint_id, ()))
        for future in waiting:
            future.cancel()

    def unfinished(self) -> list[Future[None]]:
        """Every call that waits or runs."""
        with self._lock:
            return [future for calls in self._calls.values() for future in calls]

    def _forget(self, endpoint_id: str, done: Future[None]) -> None:
        with self._lock:
            calls = self._calls[endpoint_id]
            calls.discard(done)
            if calls:
                return
            del self._calls[endpoint_id]
            pool = self._pools.pop(endpoint_id)
        pool.shutdown(wait=False)


def _unless_exiting(call: Callable[[], None]) -> None:
    """A process that ends waits for what its pools hold: what has not begun by then is left to the next process."""
    if threading.main_thread().is_alive():
        call()


def finish(calls: list[Future[None]], seconds: float, *, no_start_in_last_seconds: float = 0.0) -> int:
    """Wait for calls, at most `seconds`; cancel those that have not begun by then, or by so much earlier.

    Returns how many were cancelled.
    """
    ends = time.monotonic() + seconds
    wait(calls, timeout=max(0.0, seconds - no_start_in_last_seconds))
    cancelled = sum(future.cancel() for future in calls)
    wait(calls, timeout=max(0.0, ends - time.monotonic()))
    return cancelled
