"""From upstream's word "completed" to everybody knowing: the record in the table, the webhook's first attempt."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from local.bench.figures import p50_p99, percentile
from local.bench.results import BenchError, Result, Scale
from local.bench.surroundings import Surroundings
from local.bench.ticks import Mix, add_due_jobs, warm_tick
from shared.jobs.history import FINISHED_PARTITION
from shared.storage.table import Table

GROUP = "finish"
LATENCY_SECONDS = 0.2
FIRST_ATTEMPT_WITHIN_SECONDS = 2.0
_LOOK_EVERY_SECONDS = 0.01
_LOOK_FOR_SECONDS = 30.0


def measure(surroundings: Surroundings, scale: Scale) -> Iterator[Result]:
    """A tick in which a tenth of the jobs finish, and one in which all do; an endpoint wants every event."""
    tenth = scale.jobs // 10
    some, every = Mix(running=scale.jobs - tenth, finishing=tenth), Mix(finishing=scale.jobs)
    yield from _tick_over(surroundings, some, f"{tenth} of {scale.jobs} finish", scale)
    yield from _tick_over(surroundings, every, f"all {scale.jobs} finish", scale)


def _tick_over(surroundings: Surroundings, mix: Mix, what: str, scale: Scale) -> Iterator[Result]:
    with warm_tick(surroundings, latency_seconds=LATENCY_SECONDS, with_endpoint=True) as (jobs_table, tick):
        finishing = add_due_jobs(surroundings, jobs_table, mix)
        with _watching(surroundings.table(jobs_table), finishing) as readable_at:
            tick.run(mix)
        # The answer goes out when its latency is over.
        asked_at = surroundings.sandbox.status_asked_at()
        completed_at = {job_id: asked_at[job_id] + LATENCY_SECONDS for job_id in finishing}
        arrived_at = {arrival.job_id: arrival.at for arrival in surroundings.arrivals()}
    if not (readable_at.keys() >= finishing and arrived_at.keys() >= finishing):
        raise BenchError("a finished job was not in the history, or not announced")
    readable = [readable_at[job_id] - completed_at[job_id] for job_id in finishing]
    yield Result(
        GROUP,
        f"{what}: completed -> record readable",
        p50_p99(readable),
        f"{LATENCY_SECONDS * 1000:g} ms: the detail's request",
        percentile(readable, 50) / LATENCY_SECONDS,
    )
    attempted = [arrived_at[job_id] - completed_at[job_id] for job_id in finishing]
    yield Result(
        GROUP,
        f"{what}: completed -> first webhook attempt",
        p50_p99(attempted),
        f"{LATENCY_SECONDS * 1000:g} ms: the detail's request",
        percentile(attempted, 50) / LATENCY_SECONDS,
        f"p99 {FIRST_ATTEMPT_WITHIN_SECONDS:g} s or less",
        scale.judged(percentile(attempted, 99) <= FIRST_ATTEMPT_WITHIN_SECONDS),
    )


@contextmanager
def _watching(table: Table, job_ids: set[str]) -> Iterator[dict[str, float]]:
    """Look into the history again and again; when (seconds since 1970) each job was first found there."""
    found: dict[str, float] = {}

    def watch() -> None:
        until = time.monotonic() + _LOOK_FOR_SECONDS
        while not found.keys() >= job_ids and time.monotonic() < until:
            rows = table.rows("PartitionKey eq @partition and RowKey ge 'job~'", {"partition": FINISHED_PARTITION})
            keys = [row["RowKey"].removeprefix("job~") for row in rows]
            now = time.time()
            for job_id in keys:
                found.setdefault(job_id, now)
            time.sleep(_LOOK_EVERY_SECONDS)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    yield found
    watcher.join()
