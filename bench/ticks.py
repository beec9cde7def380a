"""Runs ticks in a separate process, over a given mix of jobs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bench.cpu_share import limited
from bench.pending_rows import add_pending_rows
from bench.process import MeasuredProcess
from bench.results import BenchError
from bench.surroundings import Surroundings

CONCURRENCY = 32  # POLL_CONCURRENCY's default
# The name of the app's threads that deliver webhooks.
_DELIVERY_THREADS = "webhooks"


@dataclass(frozen=True)
class Mix:
    """The due jobs: how many are still running upstream, and how many have succeeded."""

    running: int = 0
    finishing: int = 0
    # The size of each finishing job's offer; None for the sample offer.
    offer_bytes: int | None = None

    @property
    def jobs(self) -> int:
        return self.running + self.finishing

    @property
    def upstream_requests(self) -> int:
        """One status request per job, and one detail request per succeeded job."""
        return self.jobs + self.finishing

    def ideal_seconds(self, latency_seconds: float) -> float:
        """How long the requests take if only upstream's latency counts."""
        return self.upstream_requests / CONCURRENCY * latency_seconds


@dataclass(frozen=True)
class TickFigures:
    """What one tick cost. `storage_requests` are polling's, `delivery_requests` those of webhook deliveries."""

    seconds: float
    cpu_seconds: float
    polled: int
    storage_requests: int
    storage_reads: int
    delivery_requests: int
    upstream_requests: int
    token_requests: int
    peak_megabytes: float
    modules: frozenset[str]


class ReadyTick:
    """A process that is about to tick: it has done its imports and has a token, unless it is to start cold."""

    def __init__(self, surroundings: Surroundings, process: MeasuredProcess) -> None:
        self._surroundings = surroundings
        self._process = process

    def run(self, mix: Mix, *, whole: bool = True, cpu_share: float | None = None) -> TickFigures:
        """Tick. Raises BenchError if it failed, or if `whole` and it did not poll and finish every job of the mix.

        `cpu_share` limits the process to that share of a core.
        """
        sandbox = self._surroundings.sandbox
        sandbox.forget_requests()
        with nullcontext() if cpu_share is None else limited(self._process.pid, cpu_share):
            result = self._process.measure()
        cycle = json.loads(result["cycle"])
        is_done = cycle["polled"] == mix.jobs and cycle["finished"] == mix.finishing
        if cycle["outcome"] != "ok" or (whole and not is_done):
            raise BenchError(f"the tick should poll {mix.jobs} jobs and finish {mix.finishing}; it reports {cycle}")
        requests: dict[str, int] = result["storageRequests"]
        delivery = sum(count for name, count in requests.items() if name.startswith(_DELIVERY_THREADS))
        return TickFigures(
            seconds=result["seconds"],
            cpu_seconds=result["cpuSeconds"],
            polled=cycle["polled"],
            storage_requests=sum(requests.values()) - delivery,
            storage_reads=sum(count for name, count in requests.items() if name.endswith(" GET")),
            delivery_requests=delivery,
            upstream_requests=sandbox.count_requests("product-ingestion"),
            token_requests=sandbox.count_requests("tokens"),
            peak_megabytes=result["peakMegabytes"],
            modules=frozenset(result["modules"]),
        )


@contextmanager
def ready_tick(
    surroundings: Surroundings, jobs_table: str, *, warm_ups: int = 1, ticks: int = 1, with_endpoint: bool = False
) -> Iterator[ReadyTick]:
    """Start a process on the table. It does `warm_ups` ticks over the present rows before the measured ticks."""
    argument: dict[str, Any] = {"storagePort": surroundings.storage_port, "warmUps": warm_ups, "ticks": ticks}
    environment = surroundings.environment(jobs_table, with_endpoint=with_endpoint)
    with MeasuredProcess("tick", argument, environment) as process:
        surroundings.forget_arrivals()
        yield ReadyTick(surroundings, process)


def tick_over(
    surroundings: Surroundings,
    mix: Mix,
    *,
    latency_seconds: float,
    with_endpoint: bool = False,
    whole: bool = True,
    cpu_share: float | None = None,
) -> TickFigures:
    """One warm tick over due jobs."""
    with warm_tick(surroundings, latency_seconds=latency_seconds, with_endpoint=with_endpoint) as (jobs_table, tick):
        add_due_jobs(surroundings, jobs_table, mix)
        return tick.run(mix, whole=whole, cpu_share=cpu_share)


@contextmanager
def warm_tick(
    surroundings: Surroundings, *, latency_seconds: float, ticks: int = 1, with_endpoint: bool = False
) -> Iterator[tuple[str, ReadyTick]]:
    """A new jobs table, and a process that has polled a job in it, so that it has a token and open connections.

    That job has failed, so the next tick does not poll it.
    """
    surroundings.sandbox.reset(latency_seconds)
    with surroundings.jobs_table() as jobs_table:
        add_pending_rows(surroundings.table(jobs_table), surroundings.sandbox.add_jobs(1, outcome="failed"))
        with ready_tick(surroundings, jobs_table, ticks=ticks, with_endpoint=with_endpoint) as tick:
            yield jobs_table, tick


def add_due_jobs(surroundings: Surroundings, jobs_table: str, mix: Mix) -> set[str]:
    """Add the mix's jobs upstream and, due at once, to the table. Returns the ids of those that will finish."""
    running = surroundings.sandbox.add_jobs(mix.running, seconds=None)
    course = {} if mix.offer_bytes is None else {"resources": [_offer_of(mix.offer_bytes)]}
    finishing = surroundings.sandbox.add_jobs(mix.finishing, **course)
    add_pending_rows(surroundings.table(jobs_table), [*running, *finishing], due_in=timedelta())
    return set(finishing)


def _offer_of(size_bytes: int) -> dict[str, object]:
    schema = "https://schema.mp.microsoft.com/schema/private-offer/2023-07-15"
    pricing = [{"product": "product/contoso", "plan": f"plan/{number}"} for number in range(size_bytes // 50)]
    return {
        "$schema": schema,
        "id": "private-offer/large",
        "privateOfferType": "customerPromotion",
        "pricing": pricing,
    }
