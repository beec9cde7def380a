"""Threads for attempts: a few for each endpoint, so that a slow endpoint delays only its own deliveries.

They are daemon threads: a pool of `concurrent.futures` would run everything in its queue before the process may end.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from threading import Lock, Thread

# A hundred hanging endpoints hold 1,600 threads, which take 100 MB: the smallest instance has room for that.
THREADS_PER_ENDPOINT = 16
type _Call = tuple[Future[None], Context, Callable[[], None]]


@dataclass
class _Queue:
    waiting: deque[_Call] = field(default_factory=deque)
    running: int = 0


class EndpointThreads:
    """Runs calls on their endpoint's own threads, which start when they are needed and end when they are idle.

    Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._queues: dict[str, _Queue] = {}
        self._unfinished: dict[Future[None], str] = {}

    def submit(self, endpoint_id: str, call: Callable[[], None]) -> Future[None]:
        """Run `call` when one of the endpoint's threads is free, in the caller's context (`shared/log.py`)."""
        future: Future[None] = Future()
        with self._lock:
            queue = self._queues.setdefault(endpoint_id, _Queue())
            queue.waiting.append((future, copy_context(), call))
            self._unfinished[future] = endpoint_id
            if queue.running < THREADS_PER_ENDPOINT:
                Thread(target=self._run, args=(endpoint_id, queue), name="webhooks", daemon=True).start()
                queue.running += 1
        future.add_done_callback(self._forget)
        return future

    def cancel(self, endpoint_id: str) -> None:
        """Cancel the endpoint's calls that have not begun."""
        with self._lock:
            calls = [future for future, each in self._unfinished.items() if each == endpoint_id]
        for future in calls:
            future.cancel()

    def unfinished(self) -> list[Future[None]]:
        """Every call that is waiting or running."""
        with self._lock:
            return [future for future in self._unfinished if not future.done()]

    def _forget(self, future: Future[None]) -> None:
        with self._lock:
            del self._unfinished[future]

    def _run(self, endpoint_id: str, queue: _Queue) -> None:
        while True:
            with self._lock:
                if not queue.waiting:
                    queue.running -= 1
                    if not queue.running:
                        del self._queues[endpoint_id]
                    return
                future, context, call = queue.waiting.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                context.run(call)
            except BaseException as error:  # noqa: BLE001 - the owner of the future handles it
                future.set_exception(error)
            else:
                future.set_result(None)


def finish(calls: list[Future[None]], seconds: float, *, no_start_in_last_seconds: float = 0.0) -> int:
    """Wait up to `seconds` for calls; returns how many were cancelled.

    Cancels those that have not begun when `no_start_in_last_seconds` are left.
    """
    ends = time.monotonic() + seconds
    wait(calls, timeout=max(0.0, seconds - no_start_in_last_seconds))
    cancelled = sum(future.cancel() for future in calls)
    wait(calls, timeout=max(0.0, ends - time.monotonic()))
    return cancelled
