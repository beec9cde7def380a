"""Time for storage's retries that passes only while someone sleeps."""

from shared.storage.retrying import Waiting


class TimeThatFlies:
    """`slept` are the pauses in seconds, in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @property
    def waiting(self) -> Waiting:
        return Waiting(monotonic=lambda: self.now, sleep=self.sleep, random_fraction=lambda: 0.5)
