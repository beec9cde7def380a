"""Two hosts in Microsoft's runtime tick at once every 59.7 seconds, while callers check jobs by hand all the time.

Upstream, the sandbox behind real TLS, notes when it received each status request. Promise 1 (docs/promises.md) is
broken if two requests for one job are less than 60 seconds apart, or if a tick leaves a job out. The proof runs in
real time. Both hosts share the clock of one machine, so it says nothing about clocks that differ; the section about
clocks does.
"""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of
from tests.reliability.report import record

TICKS = 6
TICK_SPACING_SECONDS = 59.7
CHECK_SPACING_SECONDS = 0.7
TICKED_JOBS = 100
CHECKED_JOBS = 20


@dataclass(frozen=True)
class Evidence:
    """`polls_after_each_tick` has the smallest and the largest number of polls of a ticked job so far."""

    shortest_spacing_seconds: float | None
    polls_after_each_tick: Sequence[tuple[int, int]]
    statuses_of_checks: dict[int, int]

    def faults(self) -> list[str]:
        """What breaks the promise."""
        found = []
        if self.shortest_spacing_seconds is None or self.shortest_spacing_seconds < 60:
            found.append(f"two polls of one job {self.shortest_spacing_seconds} s apart")
        found += [
            f"after tick {number} jobs have {least} to {most} polls"
            for number, (least, most) in enumerate(self.polls_after_each_tick, start=1)
            if (least, most) != (number, number)
        ]
        found += [f"checks answered {status}" for status in self.statuses_of_checks if status not in {200, 429}]
        return found


GOOD = Evidence(60.1, [(1, 1), (2, 2)], {200: 3, 429: 5})


@pytest.mark.parametrize(
    "bad",
    [
        replace(GOOD, shortest_spacing_seconds=59.9),
        replace(GOOD, shortest_spacing_seconds=None),
        replace(GOOD, polls_after_each_tick=[(1, 1), (1, 2)]),
        replace(GOOD, polls_after_each_tick=[(1, 1), (2, 3)]),
        replace(GOOD, statuses_of_checks={200: 3, 500: 1}),
    ],
)
def test_evidence_of_a_broken_promise_is_seen(bad: Evidence) -> None:
    assert GOOD.faults() == []
    assert len(bad.faults()) == 1


@pytest.mark.slow
def test_no_job_is_polled_twice_in_a_minute_and_every_tick_polls_every_job(
    azurite: str, fresh_sandbox: Sandbox, table: JobsTable, seed: int
) -> None:
    choices = random.Random(seed)  # noqa: S311 - not a secret
    environment = environment_of(fresh_sandbox, azurite, table.client.table_name)
    ticked = [fresh_sandbox.state.add_job(seconds=None) for _ in range(TICKED_JOBS)]
    checked = [fresh_sandbox.state.add_job(seconds=None) for _ in range(CHECKED_JOBS)]
    table.put_jobs([*ticked, *checked])
    fresh_sandbox.state.set_latency(100)
    over = threading.Event()
    statuses: dict[int, int] = {}

    def keep_checking(app: App) -> None:
        while not over.wait(CHECK_SPACING_SECONDS):
            status = app.post(f"jobs/{choices.choice(checked)}/check").status_code
            statuses[status] = statuses.get(status, 0) + 1

    with App(environment) as one, App(environment) as other:
        checkers = [threading.Thread(target=keep_checking, args=[app]) for app in (one, other)]
        for checker in checkers:
            checker.start()
        began = time.monotonic()
        polls_after_each_tick = []
        for number in range(TICKS):
            over.wait(max(began + number * TICK_SPACING_SECONDS - time.monotonic(), 0))
            one.fire()
            other.fire()
            one.tick_ended()
            other.tick_ended()
            polls = [len(fresh_sandbox.state.status_requests(job_id)) for job_id in ticked]
            polls_after_each_tick.append((min(polls), max(polls)))
        over.set()
        for checker in checkers:
            checker.join()

    evidence = Evidence(fresh_sandbox.state.minimum_spacing_seconds(), polls_after_each_tick, statuses)
    assert evidence.faults() == []
    record(
        "spacing",
        figures={
            "seed": seed,
            "jobs": TICKED_JOBS + CHECKED_JOBS,
            "ticks of each host": TICKS,
            "seconds between ticks": TICK_SPACING_SECONDS,
            "status requests received": sum(
                len(fresh_sandbox.state.status_requests(job_id)) for job_id in (*ticked, *checked)
            ),
            "shortest time between two of one job, seconds": round(evidence.shortest_spacing_seconds or 0, 3),
            "polls of each ticked job after the last tick": polls_after_each_tick[-1][0],
            "checks by hand": sum(statuses.values()),
            "of these answered from a poll of their own (200)": statuses.get(200, 0),
            "of these refused, too early (429)": statuses.get(429, 0),
        },
    )
