"""Ask storage again while it is throttled or fails for a moment: with growing pauses, and never past a deadline.

One rule for every request, and for a change that fails inside a transaction's answer, which the SDK's own retries do
not see. The deadline belongs to the calling thread's context, so that a tick can say how long its writes may go on.
"""

import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from shared.storage.errors import StorageUnreachable

# The default. An HTTP caller waits for the answer.
DEFAULT_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 4.0

_deadline: ContextVar[float | None] = ContextVar("storage_deadline", default=None)
_end: ContextVar[float] = ContextVar("storage_end", default=math.inf)


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


@contextmanager
def ending_within(seconds: float, monotonic: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Inside the block no request to storage begins after `seconds`, and none waits longer for its answer."""
    token = _end.set(monotonic() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


@contextmanager
def in_its_own_time() -> Iterator[None]:
    """For work that outlives the block that started it, and took that block's deadlines along to another thread."""
    with retrying_for(DEFAULT_SECONDS):
        token = _end.set(math.inf)
        try:
            yield
        finally:
            _end.reset(token)


def seconds_left(waiting: Waiting) -> float:
    """How long a request that begins now may take. Raises StorageUnreachable if it must not begin."""
    left = _end.get() - waiting.monotonic()
    if left <= 0:
        raise StorageUnreachable("there was no time left to ask storage")
    return left


def retried[T](call: Callable[[], T], waiting: Waiting) -> T:
    """The call's result, tried again after StorageUnreachable until the deadline; then that error is raised."""
    given = _deadline.get()
    deadline = min(waiting.monotonic() + DEFAULT_SECONDS if given is None else given, _end.get())
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
