"""How many large answers of upstream's are in memory at once, from reading them until they are stored.

A job's offer or errors may be megabytes long, and many jobs may end in the same minute. Small answers need no bound:
the number of jobs in flight bounds them.
"""

import math
from threading import BoundedSemaphore
from types import TracebackType
from typing import Self

from shared.upstream.errors import UpstreamError
from shared.upstream.product_ingestion import PRODUCT_INGESTION

LARGE_ANSWERS_AT_ONCE = 2
# A large answer waits so long for its turn; then its job is left to a later poll.
TURN_WITHIN_SECONDS = 10.0


class NoRoom(UpstreamError):
    """The answer is large, and there were others in its way. It says nothing about the job."""


class LargeAnswers:
    """Gives out the turns. Thread-safe."""

    def __init__(self, at_once: int = LARGE_ANSWERS_AT_ONCE, *, within_seconds: float = TURN_WITHIN_SECONDS) -> None:
        self._turns = BoundedSemaphore(at_once)
        self._within_seconds = within_seconds

    def turn(self) -> "Turn":
        """For one job: nothing is taken until its answer turns out to be large."""
        return Turn(self._turns, self._within_seconds)


class Turn:
    """One job's turn. Taken by the thread that reads the answer, given back by the one that has stored it."""

    def __init__(self, turns: BoundedSemaphore, within_seconds: float) -> None:
        self._turns = turns
        self._within_seconds = within_seconds
        self.taken = False

    def take(self, within_seconds: float = math.inf) -> None:
        """Wait for the turn, no longer than the caller has time. Raises NoRoom."""
        if self.taken:
            return
        if not self._turns.acquire(timeout=max(0.0, min(within_seconds, self._within_seconds))):
            raise NoRoom("A large answer could not be read yet: others come first.", api=PRODUCT_INGESTION)
        self.taken = True

    def give_back(self) -> None:
        """Let the next large answer in; nothing happens if this one was small."""
        if self.taken:
            self.taken = False
            self._turns.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()
