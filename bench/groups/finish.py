"""How long it takes from upstream's "completed" to the record in the table and to the webhook's first attempt."""

from collections.abc import Iterator
from typing import cast

from azure.data.tables import TableEntity

from bench.figures import p50_p99, percentile
from bench.results import BenchError, Result, Scale
from bench.surroundings import Surroundings
from bench.ticks import Mix, add_due_jobs, warm_tick
from shared.jobs.history import FINISHED_PARTITION
from shared.storage.table import Table

GROUP = "finish"
LATENCY_SECONDS = 0.2
FIRST_ATTEMPT_WITHIN_SECONDS = 2.0


def measure(surroundings: Surroundings, scale: Scale) -> Iterator[Result]:
    """A tick in which a tenth of the jobs finish, and one in which all do; an endpoint subscribes to every event."""
    tenth = scale.jobs // 10
    some, every = Mix(running=scale.jobs - tenth, finishing=tenth), Mix(finishing=scale.jobs)
    yield from _tick_over(surroundings, some, f"{tenth} of {scale.jobs} finish", scale)
    yield from _tick_over(surroundings, every, f"all {scale.jobs} finish", scale)


def _tick_over(surroundings: Surroundings, mix: Mix, what: str, scale: Scale) -> Iterator[Result]:
    with warm_tick(surroundings, latency_seconds=LATENCY_SECONDS, with_endpoint=True) as (jobs_table, tick):
        finishing = add_due_jobs(surroundings, jobs_table, mix)
        tick.run(mix)
        # The sandbox answers when the latency is over.
        asked_at = surroundings.sandbox.status_asked_at()
        completed_at = {job_id: asked_at[job_id] + LATENCY_SECONDS for job_id in finishing}
        stored_at = _stored_at(surroundings.table(jobs_table))
        arrived_at = {arrival.job_id: arrival.at for arrival in surroundings.arrivals()}
    if not (stored_at.keys() >= finishing and arrived_at.keys() >= finishing):
        raise BenchError("a finished job is missing from the history, or was not announced")
    stored = [stored_at[job_id] - completed_at[job_id] for job_id in finishing]
    yield Result(
        GROUP,
        f"{what}: completed -> record stored",
        p50_p99(stored),
        f"{LATENCY_SECONDS * 1000:g} ms: the detail's request",
        percentile(stored, 50) / LATENCY_SECONDS,
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


def _stored_at(table: Table) -> dict[str, float]:
    """When storage wrote each finished job's record (seconds since 1970).

    It reads the rows' timestamps afterwards, because watching the table would slow it down.
    """
    rows = table.rows("PartitionKey eq @partition and RowKey ge 'job~'", {"partition": FINISHED_PARTITION})
    stamps = ((row["RowKey"], cast("TableEntity", row).metadata["timestamp"]) for row in rows)
    return {key.removeprefix("job~"): stamp.timestamp() for key, stamp in stamps if stamp is not None}
