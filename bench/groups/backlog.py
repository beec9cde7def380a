"""More pending jobs than a small instance can poll in a minute: each tick does its share, every job has its turn."""

from collections.abc import Iterator

from bench.cpu_share import QUARTER, can_limit
from bench.results import Result, Scale
from bench.surroundings import Surroundings
from bench.ticks import Mix, TickFigures, add_due_jobs, warm_tick

GROUP = "backlog"
LATENCY_SECONDS = 0.2
TICKS = 3
POLLED_IN_A_TICK_MIN = 1500
GROWTH_MAX = 1.1


def measure(surroundings: Surroundings, scale: Scale) -> Iterator[Result]:
    """Three ticks in a row over 50,000 due jobs, on a quarter of a core."""
    if not can_limit():
        return
    mix = Mix(running=scale.backlog)
    with warm_tick(surroundings, latency_seconds=LATENCY_SECONDS, ticks=TICKS) as (jobs_table, tick):
        add_due_jobs(surroundings, jobs_table, mix)
        ticks: list[TickFigures] = []
        asked: set[str] = set()
        for _ in range(TICKS):
            ticks.append(tick.run(mix, whole=False, cpu_share=QUARTER))
            asked |= set(surroundings.sandbox.status_asked_at())
    fewest = min(each.polled for each in ticks)
    yield Result(
        GROUP,
        f"{scale.backlog} due jobs on a quarter of a core: polled in a tick",
        ", ".join(f"{each.polled} in {each.seconds:.0f} s" for each in ticks),
        "",
        None,
        f"{POLLED_IN_A_TICK_MIN} or more in each",
        scale.judged(fewest >= POLLED_IN_A_TICK_MIN),
    )
    polled = sum(each.polled for each in ticks)
    yield Result(
        GROUP,
        f"different jobs polled in {TICKS} ticks",
        str(len(asked)),
        f"{polled}: every poll asks another job",
        len(asked) / polled,
        "all",
        scale.judged(len(asked) == polled),
    )
    first, last = ticks[0].peak_megabytes, ticks[-1].peak_megabytes
    yield Result(
        GROUP,
        f"peak memory after {TICKS} ticks",
        f"{last:.0f} MB",
        f"{first:.0f} MB: after the first",
        last / first,
        f"ratio {GROWTH_MAX} or less",
        scale.judged(last / first <= GROWTH_MAX),
    )
