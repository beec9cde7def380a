"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Satisfies `shared.clock.Clock`; safe to read from many threads, moved from one."""

    def __init__(self, start: datetime = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Move on by `seconds` and return the new time."""
        self._now += timedelta(seconds=seconds)
        return self._now
