"""The most memory that a tick over 10,000 due jobs holds."""

from collections.abc import Iterator

from bench.results import Result, Scale
from bench.surroundings import Surroundings
from bench.ticks import Mix, tick_over

GROUP = "memory"
MEGABYTES_MAX = 256
# Short, so that one tick gets to many of them; how many, this machine decides, and the row says.
LATENCY_SECONDS = 0.02


def measure(surroundings: Surroundings, scale: Scale) -> Iterator[Result]:
    """Beside a tick over a single job: what importing the app and its libraries takes."""
    jobs = scale.pending_rows
    single = tick_over(surroundings, Mix(running=1), latency_seconds=LATENCY_SECONDS)
    for mix, course in ((Mix(running=jobs), "all still running"), (Mix(finishing=jobs), "all finishing")):
        tick = tick_over(surroundings, mix, latency_seconds=LATENCY_SECONDS, whole=False)
        yield Result(
            GROUP,
            f"tick over {jobs} due jobs, {course}",
            f"{tick.peak_megabytes:.0f} MB ({tick.polled} polled in {tick.seconds:.0f} s)",
            f"{single.peak_megabytes:.0f} MB: over 1 job",
            tick.peak_megabytes / single.peak_megabytes,
            f"{MEGABYTES_MAX} MB or less",
            scale.judged(tick.peak_megabytes <= MEGABYTES_MAX),
        )
