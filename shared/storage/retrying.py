"""Retries while storage is throttling or briefly failing: with growing pauses, and never past a deadline.

One rule covers every request. It also covers a change that fails inside a transaction's answer, which the SDK's own
retries do not see. The deadline belongs to the context of the calling thread, so that a tick can bound its writes.
"""

import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from shared.storage.errors import StorageUnreachable

# How long retries last outside `retrying_for`: an HTTP caller is waiting for the answer.
DEFAULT_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 4.0

_deadline: ContextVar[float | None] = ContextVar("storage_deadline", default=None)
_end: ContextVar[float] = ContextVar("storage_end", default=math.inf)


@dataclass(frozen=True)
class Waiting:
    """The clock, sleep and randomness of retries. A test replaces them."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random_fraction: Callable[[], float] = random.random


@contextmanager
def retrying_for(seconds: float, monotonic: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Within the block, retries start for at most `seconds`. A request that is under way by then may still finish."""
    token = _deadline.set(monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


@contextmanager
def ending_within(seconds: float, monotonic: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Within the block, no request to storage starts or waits for its answer after `seconds`."""
    token = _end.set(monotonic() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


@contextmanager
def in_its_own_time() -> Iterator[None]:
    """For work on another thread that outlives the block it was started in: that block's deadlines do not apply."""
    with retrying_for(DEFAULT_SECONDS):
        token = _end.set(math.inf)
        try:
            yield
        finally:
            _end.reset(token)


def seconds_left(waiting: Waiting) -> float:
    """How long a request that starts now may take. Raises StorageUnreachable if the time is over."""
    left = _end.get() - waiting.monotonic()
    if left <= 0:
        raise StorageUnreachable("there was no time left for a request to storage")
    return left


def retried[T](call: Callable[[], T], waiting: Waiting) -> T:
    """The result of `call`, retried after StorageUnreachable until the deadline; then the error is raised."""
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
            # If storage asks for a pause beyond the deadline, the last try is at the deadline.
            waiting.sleep(min(max(jittered, error.retry_after_seconds or 0.0), left))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
