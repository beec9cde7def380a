"""An idle tick: nothing pending, and 10,000 pending jobs of which none is due."""

import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from statistics import median

from bench.figures import milliseconds
from bench.pending_rows import add_pending_rows
from bench.results import Result, Scale
from bench.surroundings import Surroundings
from bench.ticks import Mix, TickFigures, ready_tick
from shared.jobs.job_rows import PENDING_PARTITION
from shared.storage.table import Table

GROUP = "idle"
DUE_IN = timedelta(minutes=10)
ROWS_PER_PAGE = 1000  # Table Storage's limit for one answer to a query
WARM_UPS = 2
READINGS = 3


def measure(surroundings: Surroundings, scale: Scale) -> Iterator[Result]:
    """A warm tick in a separate process, compared with the plain SDK reading the same rows."""
    yield from _tick_over(surroundings, 0, "nothing pending", scale)
    yield from _tick_over(surroundings, scale.pending_rows, f"{scale.pending_rows} pending, none due", scale)


def _tick_over(surroundings: Surroundings, rows: int, what: str, scale: Scale) -> Iterator[Result]:
    surroundings.sandbox.reset(latency_seconds=0)
    with surroundings.jobs_table() as name:
        table = surroundings.table(name)
        add_pending_rows(table, [str(uuid.uuid4()) for _ in range(rows)], due_in=DUE_IN)
        with ready_tick(surroundings, name, warm_ups=WARM_UPS) as warm:
            tick = warm.run(Mix())
        plain_seconds = median(_plain_reading(table) for _ in range(READINGS))
    yield Result(
        GROUP,
        f"{what}: time",
        milliseconds(tick.seconds),
        f"{milliseconds(plain_seconds)}: the SDK reading the same rows",
        tick.seconds / plain_seconds,
    )
    yield from _requests(what, rows, tick, scale)


def _requests(what: str, rows: int, tick: TickFigures, scale: Scale) -> Iterator[Result]:
    pages = max(1, -(-rows // ROWS_PER_PAGE))
    writes = tick.storage_requests - tick.storage_reads
    yield Result(
        GROUP,
        f"{what}: storage requests",
        f"reads {tick.storage_reads}, writes {writes} (its report)",
        f"{pages}: the pages of one query",
        tick.storage_reads / pages,
        "one query",
        scale.judged(tick.storage_reads == pages),
    )
    elsewhere = tick.upstream_requests + tick.token_requests
    yield Result(
        GROUP,
        f"{what}: upstream and token requests",
        str(elsewhere),
        "",
        None,
        "0",
        scale.judged(elsewhere == 0),
    )


def _plain_reading(table: Table) -> float:
    began = time.perf_counter()
    for _ in table.rows("PartitionKey eq @partition", {"partition": PENDING_PARTITION}):
        pass
    return time.perf_counter() - began
