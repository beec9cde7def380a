"""A tick over 1,000 due jobs: its wall time, and its storage requests."""

from collections.abc import Iterator

from bench.cpu_share import QUARTER, can_limit
from bench.process import MeasuredProcess
from bench.results import Result, Scale
from bench.surroundings import Surroundings
from bench.ticks import CONCURRENCY, Mix, TickFigures, tick_over
from shared.storage.table import TRANSACTION_MAX_ROWS

GROUP = "tick"
LATENCY_SECONDS = 0.2
RATIO_MAX = 1.25
CPU_RATIO_MAX = 1.7
STORAGE_REQUESTS_PER_JOB_MAX = 0.1
# Rows that a tick writes for a job: the claim and the result. A job that finishes adds four: it leaves `pending`,
# gets two history rows, and its outbox row is removed. A delivery is stored in three rows; its attempt changes two.
ROWS_RUNNING, ROWS_FINISHING, ROWS_STORED, ROWS_ATTEMPTED = 2, 6, 3, 2


def measure(surroundings: Surroundings, scale: Scale) -> Iterator[Result]:
    """Jobs that keep running, jobs that all finish, and the latter with a webhook endpoint for their events."""
    on, off = Mix(running=scale.jobs), Mix(finishing=scale.jobs)
    running = tick_over(surroundings, on, latency_seconds=LATENCY_SECONDS)
    yield _wall_time(f"{on.jobs} jobs, all still running", on, running, scale)
    yield _against_a_loop(surroundings, on, running, scale)
    yield _cpu_time(surroundings, on, running, scale)
    if can_limit():
        quarter = tick_over(surroundings, on, latency_seconds=LATENCY_SECONDS, cpu_share=QUARTER)
        yield _wall_time(f"{on.jobs} jobs, all still running, on a quarter of a core", on, quarter, scale)
    finishing = tick_over(surroundings, off, latency_seconds=LATENCY_SECONDS)
    yield _wall_time(f"{off.jobs} jobs, all finishing (2 requests each)", off, finishing, scale)
    announced = tick_over(surroundings, off, latency_seconds=LATENCY_SECONDS, with_endpoint=True)
    yield _wall_time("the same with a webhook endpoint, deliveries included", off, announced, scale)
    yield _storage("storage requests per job, all still running", ROWS_RUNNING, running, scale)
    yield _storage("storage requests per job, all finishing", ROWS_FINISHING, finishing, scale)
    yield _storage("the same with an endpoint: deliveries stored", ROWS_FINISHING + ROWS_STORED, announced, scale)
    yield _deliveries(announced)


def _wall_time(what: str, mix: Mix, tick: TickFigures, scale: Scale) -> Result:
    ideal = mix.ideal_seconds(LATENCY_SECONDS)
    return Result(
        GROUP,
        what,
        f"{tick.seconds:.2f} s",
        f"{ideal:.2f} s: {mix.upstream_requests} x {LATENCY_SECONDS:g} s / {CONCURRENCY}",
        tick.seconds / ideal,
        f"ratio {RATIO_MAX} or less",
        scale.judged(tick.seconds / ideal <= RATIO_MAX),
    )


def _against_a_loop(surroundings: Surroundings, mix: Mix, tick: TickFigures, scale: Scale) -> Result:
    sandbox = surroundings.sandbox
    argument = {
        "url": sandbox.product_ingestion_url,
        "token": sandbox.token(),
        "jobIds": sandbox.add_jobs(scale.sequential_jobs, seconds=None),
    }
    with MeasuredProcess("sequential_polls", argument, {"REQUESTS_CA_BUNDLE": sandbox.ca_bundle}) as process:
        loop_seconds = process.measure()["seconds"] / scale.sequential_jobs * mix.jobs
    return Result(
        GROUP,
        "the same against a sequential loop",
        f"{tick.seconds:.2f} s",
        f"{loop_seconds:.0f} s: `requests` loop, from {scale.sequential_jobs} jobs",
        tick.seconds / loop_seconds,
    )


def _cpu_time(surroundings: Surroundings, mix: Mix, tick: TickFigures, scale: Scale) -> Result:
    sandbox = surroundings.sandbox
    argument = {
        "url": sandbox.product_ingestion_url,
        "token": sandbox.token(),
        "jobIds": sandbox.add_jobs(mix.jobs, seconds=None),
        "threads": CONCURRENCY,
    }
    with MeasuredProcess("threaded_polls", argument, {"REQUESTS_CA_BUNDLE": sandbox.ca_bundle}) as baseline:
        bare_seconds = baseline.measure()["cpuSeconds"]
    ratio = tick.cpu_seconds / bare_seconds
    return Result(
        GROUP,
        "CPU time per polled job",
        f"{tick.cpu_seconds / tick.polled * 1000:.2f} ms",
        f"{bare_seconds / mix.jobs * 1000:.2f} ms: bare `requests`, {CONCURRENCY} threads",
        ratio,
        f"ratio {CPU_RATIO_MAX} or less",
        scale.judged(ratio <= CPU_RATIO_MAX),
    )


def _storage(what: str, rows: int, tick: TickFigures, scale: Scale) -> Result:
    per_job = tick.storage_requests / tick.polled
    ideal = rows / TRANSACTION_MAX_ROWS
    return Result(
        GROUP,
        what,
        f"{per_job:.3f} ({tick.storage_requests})",
        f"{ideal:.2f}: {rows} rows written, each transaction full",
        per_job / ideal,
        f"{STORAGE_REQUESTS_PER_JOB_MAX} or fewer",
        scale.judged(per_job <= STORAGE_REQUESTS_PER_JOB_MAX),
    )


def _deliveries(tick: TickFigures) -> Result:
    per_job, ideal = tick.delivery_requests / tick.polled, ROWS_ATTEMPTED / TRANSACTION_MAX_ROWS
    return Result(
        GROUP,
        "the same with an endpoint: attempts recorded",
        f"{per_job:.3f} ({tick.delivery_requests})",
        f"{ideal:.2f}: {ROWS_ATTEMPTED} rows written, each transaction full",
        per_job / ideal,
    )
