"""A cold start: importing the app, the first idle tick, and the modules that this tick must not load."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from bench.figures import milliseconds
from bench.process import MeasuredProcess
from bench.results import Result, Scale
from bench.surroundings import Surroundings

GROUP = "cold"
# Modules that are slow to load and that an idle tick does not need.
NEEDED_LATER = (
    "azure.identity",
    "msal",
    "cryptography",
    "pydantic",
    "shared.http",
)


def measure(surroundings: Surroundings, scale: Scale) -> Iterator[Result]:
    """Medians over several new processes."""
    with surroundings.jobs_table() as jobs_table:
        environment = surroundings.environment(jobs_table)
        _start(environment)  # creates the table, and brings the files into the page cache
        starts = [_start(environment) for _ in range(scale.starts)]
        alone = [_start(environment, "azure.functions", tick=False)["importSeconds"] for _ in range(scale.starts)]
    imported = median(start["importSeconds"] for start in starts)
    yield Result(
        GROUP,
        "import function_app",
        milliseconds(imported),
        f"{milliseconds(median(alone))}: import azure.functions alone",
        imported / median(alone),
    )
    first_tick = median(start["tickSeconds"] for start in starts)
    yield Result(
        GROUP,
        "first idle tick of a new process",
        milliseconds(first_tick),
        f"{milliseconds(median(alone))}: import azure.functions alone",
        first_tick / median(alone),
    )
    loaded = [name for name in NEEDED_LATER if name in starts[0]["modules"]]
    yield Result(
        GROUP,
        "modules loaded without need",
        ", ".join(loaded) or "none",
        f"of {', '.join(NEEDED_LATER)}",
        None,
        "none",
        scale.judged(not loaded),
    )


def _start(environment: dict[str, str], module: str = "function_app", *, tick: bool = True) -> dict[str, Any]:
    with MeasuredProcess("cold_start", {"module": module, "tick": tick}, environment) as process:
        return process.measure()
