"""Webhook deliveries: how many per second, and how one endpoint that hangs affects another."""

import time
from collections.abc import Iterator

from bench.figures import milliseconds
from bench.process import MeasuredProcess
from bench.results import BenchError, Result, Scale
from bench.sample_record import sample_record
from bench.surroundings import Surroundings
from shared.json_codec import dumps_bytes
from shared.webhooks.endpoint_threads import THREADS_PER_ENDPOINT

GROUP = "webhooks"
HANG_SECONDS = 15
SINGLE_DELIVERIES = 5
SECONDS_BETWEEN = 2
LATE_AFTER_SECONDS = 2.0
_ARRIVE_WITHIN_SECONDS = 30


def measure(surroundings: Surroundings, scale: Scale) -> Iterator[Result]:
    """Many events to one fast endpoint; then many to an endpoint that hangs, and single ones to another."""
    yield _throughput(surroundings, scale)
    yield _fairness(surroundings, scale)


def _throughput(surroundings: Surroundings, scale: Scale) -> Result:
    url = f"{surroundings.receiver_url}/fast"
    surroundings.forget_arrivals()
    argument = {
        "endpoints": {"job.succeeded": url},
        "steps": [{"type": "job.succeeded", "count": scale.events, "then": 0}],
        "finish": True,
    }
    with (
        surroundings.jobs_table() as jobs_table,
        MeasuredProcess("announcements", argument, surroundings.environment(jobs_table)) as process,
    ):
        seconds = process.measure()["seconds"]
    arrived = len({arrival.webhook_id for arrival in surroundings.arrivals()})
    if arrived != scale.events:
        raise BenchError(f"{arrived} of {scale.events} events arrived")
    body = dumps_bytes({"type": "job.succeeded", "data": {"job": sample_record("bare")}}).decode()
    posts = {"url": url, "body": body, "posts": scale.events, "threads": THREADS_PER_ENDPOINT}
    with MeasuredProcess("bare_posts", posts) as process:
        bare = process.measure()
    per_second, bare_per_second = scale.events / seconds, bare["posts"] / bare["seconds"]
    return Result(
        GROUP,
        f"events per second to one endpoint ({scale.events} events, stored, signed, recorded)",
        f"{per_second:.0f}",
        f"{bare_per_second:.0f}: bare `requests.post`, {THREADS_PER_ENDPOINT} threads",
        per_second / bare_per_second,
    )


def _fairness(surroundings: Surroundings, scale: Scale) -> Result:
    surroundings.forget_arrivals()
    single = {"type": "job.succeeded", "count": 1, "then": SECONDS_BETWEEN}
    argument = {
        "endpoints": {
            "job.failed": f"{surroundings.receiver_url}/hang?seconds={HANG_SECONDS}",
            "job.succeeded": f"{surroundings.receiver_url}/fast",
        },
        # The first opens the connection, the second shows how long a delivery takes while nothing hangs.
        "steps": [
            single,
            single,
            {"type": "job.failed", "count": scale.events, "then": 0},
            *[single] * SINGLE_DELIVERIES,
        ],
        "finish": False,
    }
    with (
        surroundings.jobs_table() as jobs_table,
        MeasuredProcess("announcements", argument, surroundings.environment(jobs_table)) as process,
    ):
        steps = process.measure()["steps"]
        singles = {step["jobIds"][0]: step["at"] for step in steps if len(step["jobIds"]) == 1}
        arrived_at = _all_arrived(surroundings, set(singles))
    _, alone, *delays = [arrived_at[job_id] - announced_at for job_id, announced_at in singles.items()]
    return Result(
        GROUP,
        f"single delivery while another endpoint hangs {HANG_SECONDS} s on each of {scale.events}",
        f"{milliseconds(max(delays))}, the worst of {SINGLE_DELIVERIES}",
        f"{milliseconds(alone)}: while nothing hangs",
        max(delays) / alone,
        f"{LATE_AFTER_SECONDS:g} s or less",
        scale.judged(max(delays) <= LATE_AFTER_SECONDS),
    )


def _all_arrived(surroundings: Surroundings, job_ids: set[str]) -> dict[str, float]:
    """Wait for all events and return when each arrived. Raises BenchError if they do not arrive in time."""
    until = time.monotonic() + _ARRIVE_WITHIN_SECONDS
    while time.monotonic() < until:
        arrived_at = {arrival.job_id: arrival.at for arrival in surroundings.arrivals()}
        if arrived_at.keys() >= job_ids:
            return arrived_at
        time.sleep(0.1)
    raise BenchError("a delivery did not arrive while another endpoint was hanging")
