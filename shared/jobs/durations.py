"""How long jobs took: how many took how many seconds, in a text that fits into a column.

Seconds are exact up to MOST_DIFFERENT different values. Beyond that they are rounded to steps of 1 %, and of 2 %, 4 %
and so on if these are still too many.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from shared.storage.rows import HIGHEST_COUNT, BadRow

# With the longest numbers 30,000 characters: a column holds 32 K.
MOST_DIFFERENT = 1_500
# Three years; no job is followed for longer than ten, and hardly one for a month.
MOST_SECONDS = 99_999_999
FIRST_STEP = 0.01
# From here on a second is less than half a step of 1 %; what is smaller stays exact.
EXACT_BELOW_SECONDS = 200
_ENTRY = re.compile(r"([0-9]{1,8}):([0-9]{1,10})", re.ASCII)


@dataclass(frozen=True)
class Durations:
    """How many jobs took each number of seconds."""

    counts: Mapping[int, int] = field(default_factory=dict)

    def plus(self, seconds: Iterable[float]) -> "Durations":
        """With some more, each to the nearest second."""
        counts = Counter(self.counts)
        counts.update(min(max(round(each), 0), MOST_SECONDS) for each in seconds)
        step = FIRST_STEP
        while len(counts) > MOST_DIFFERENT:
            coarse: Counter[int] = Counter()
            for each, count in counts.items():
                coarse[_rounded(each, step)] += count
            counts, step = coarse, 2 * step
        return Durations(counts)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def median(self) -> float | None:
        """The middle one, or the mean of the two in the middle; None without any."""
        if not self.total:
            return None
        lower, upper = self._at((self.total + 1) // 2), self._at(self.total // 2 + 1)
        return lower if lower == upper else (lower + upper) / 2

    def percentile(self, percent: int) -> int | None:
        """The smallest that is not less than `percent` of all (the nearest rank); None without any."""
        return self._at(math.ceil(self.total * percent / 100)) if self.total else None

    def _at(self, rank: int) -> int:
        """The one of that rank, from 1, the shortest first."""
        ordered = sorted(self.counts)
        ranks = accumulate(self.counts[each] for each in ordered)
        return next(each for each, last in zip(ordered, ranks, strict=True) if rank <= last)

    @property
    def text(self) -> str:
        """For a column: `seconds:count`, separated by commas."""
        return ",".join(f"{each}:{count}" for each, count in sorted(self.counts.items()))


def durations_in(text: str) -> Durations:
    """Read such a text. Raises BadRow."""
    counts: Counter[int] = Counter()
    for entry in text.split(",") if text else ():
        found = _ENTRY.fullmatch(entry)
        if found is None or not 0 < int(found[2]) < HIGHEST_COUNT:
            raise BadRow("its seconds are not numbers of seconds with their counts")
        counts[int(found[1])] += int(found[2])
    return Durations(counts).plus([])


def _rounded(seconds: int, step: float) -> int:
    """In the middle of a step; rounding again changes nothing."""
    if seconds < EXACT_BELOW_SECONDS:
        return seconds
    width = math.log1p(step)
    return min(round(math.exp(round(math.log(seconds) / width) * width)), MOST_SECONDS)
