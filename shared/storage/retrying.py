"""Asks storage again while it is throttled or fails for a moment: with growing pauses, and never past a deadline.

One rule for every request, and for a change that fails inside a transaction's answer, which the SDK's own retries do
not see. The deadline belongs to the calling thread's context, so that a tick can say how long its writes may go on.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from shared.storage.errors import StorageUnreachable

# For whoever says nothing else: an HTTP caller waits for the answer.
DEFAULT_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 4.0

_deadline: ContextVar[float | None] = ContextVar("storage_deadline", default=None)


@dataclass(frozen=True)
class Waiting:
    """How time passes; a test passes it faster."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random_fraction: Callable[[], float] = random.random


@contextmanager
def retrying_for(seconds: float, monotonic: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Inside the block storage is asked again for at most `seconds`; what is under way then still ends by itself."""
    token = _deadline.set(monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def retried[T](call: Callable[[], T], waiting: Waiting) -> T:
    """The call's result, tried again after StorageUnreachable until the deadline; then that error is raised."""
    given = _deadline.get()
    deadline = waiting.monotonic() + DEFAULT_SECONDS if given is None else given
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return call()
        except StorageUnreachable as error:
            jittered = pause * (0.5 + waiting.random_fraction())
            left = deadline - waiting.monotonic()
            if jittered > left:
                raise
            # If storage asks for a longer pause than there is time for, it is asked once more at the deadline.
            waiting.sleep(min(max(jittered, error.retry_after_seconds or 0.0), left))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
