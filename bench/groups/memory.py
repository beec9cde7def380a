"""The peak memory of a tick: over 10,000 due jobs, and over sixty jobs with large offers."""

from collections.abc import Iterator

from bench.results import Result, Scale
from bench.surroundings import Surroundings
from bench.ticks import Mix, tick_over

GROUP = "memory"
MEGABYTES_MAX = 256
MEBIBYTE = 1024 * 1024
# Short, so that one tick polls many jobs. How many depends on the machine; the row says.
LATENCY_SECONDS = 0.02


def measure(surroundings: Surroundings, scale: Scale) -> Iterator[Result]:
    """Compared with a tick over a single job, which shows what the app and its libraries take."""
    jobs = scale.pending_rows
    single = tick_over(surroundings, Mix(running=1), latency_seconds=LATENCY_SECONDS)
    large = Mix(finishing=scale.large_offers, offer_bytes=MEBIBYTE)
    for mix, what in (
        (Mix(running=jobs), f"tick over {jobs} due jobs, all still running"),
        (Mix(finishing=jobs), f"tick over {jobs} due jobs, all finishing"),
        (large, f"tick in which {large.finishing} jobs with offers of 1 MiB finish"),
    ):
        tick = tick_over(surroundings, mix, latency_seconds=LATENCY_SECONDS, whole=mix is large)
        yield Result(
            GROUP,
            what,
            f"{tick.peak_megabytes:.0f} MB ({tick.polled} polled in {tick.seconds:.0f} s)",
            f"{single.peak_megabytes:.0f} MB: over 1 job",
            tick.peak_megabytes / single.peak_megabytes,
            f"{MEGABYTES_MAX} MB or less",
            scale.judged(tick.peak_megabytes <= MEGABYTES_MAX),
        )
