"""What is to be done in the course of the soak, and when."""

import heapq
import random
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count

from tests.clock import FakeClock

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
type Action = Callable[[], object]


class Agenda:
    """Plans actions by simulated time. It also makes the choices, so that a seed repeats them."""

    def __init__(self, clock: FakeClock, seed: int) -> None:
        self.clock = clock
        self.choices = random.Random(seed)  # noqa: S311 - a seed has to repeat it
        self._entries: list[tuple[datetime, int, Action]] = []
        self._order = count()

    def add(self, at: datetime, action: Action) -> None:
        """Plan it; of two at the same moment the one planned first comes first."""
        heapq.heappush(self._entries, (at, next(self._order), action))

    def later(self, after: timedelta, action: Action) -> None:
        """Plan it from now on."""
        self.add(self.clock.now() + after, action)

    def some_time(self, day: datetime, times: int, action: Action) -> None:
        """Plan it that many times, at random moments of the day."""
        for _ in range(times):
            self.add(day + timedelta(seconds=self.choices.randrange(86_400)), action)

    def until(self, end: datetime) -> Iterator[Action]:
        """Everything before `end`, in order, also what is planned meanwhile; moves the clock."""
        while self._entries and self._entries[0][0] < end:
            at, _, action = heapq.heappop(self._entries)
            self.clock.advance(max((at - self.clock.now()).total_seconds(), 0.0))
            yield action

    def guid(self) -> str:
        """A new GUID."""
        return str(uuid.UUID(int=self.choices.getrandbits(128), version=4))
