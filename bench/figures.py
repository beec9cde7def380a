"""Figures in readable form."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value such that `percent` % of all values are no larger."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


def milliseconds(seconds: float) -> str:
    """`12.3 ms`, `450 ms`."""
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def p50_p99(seconds: Sequence[float]) -> str:
    """`p50 12.3 ms, p99 40.1 ms`."""
    return f"p50 {milliseconds(percentile(seconds, 50))}, p99 {milliseconds(percentile(seconds, 99))}"
