"""Promise 2 (docs/promises.md) in real time: two hosts with their timers, killed at random moments for minutes."""

import random
import sys
import threading
import time

import pytest

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of
from tests.app.events import finishing_events, webhook_settings
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.slow
JOBS = 400
KILLING_SECONDS = 200
LONGEST_LIFE_SECONDS = 20
# Leaves two minutes for the claims of the last hosts killed, and two for their deliveries.
ALL_DONE_SECONDS = 480


def test_every_job_finishes_once_and_sends_its_event_while_hosts_are_killed(
    azurite: str,
    fresh_sandbox: Sandbox,
    jobs_table: str,
    receiver: Receiver,
    capsys: pytest.CaptureFixture[str],
) -> None:
    choices = random.Random()  # noqa: S311 - other moments every time
    table = JobsTable(azurite, jobs_table)
    table.create()
    environment = environment_of(fresh_sandbox, azurite, jobs_table, **webhook_settings(receiver))
    environment["POLL_CONCURRENCY"] = "8"
    outcomes = {
        fresh_sandbox.state.add_job(seconds=choices.uniform(0, 150), outcome=outcome): outcome
        for outcome in choices.choices(["succeeded", "failed", "cancelled"], k=JOBS)
    }
    for job_id in outcomes:
        table.put(job_id)
    fresh_sandbox.state.set_latency(250)
    began, kills = time.monotonic(), 0
    pause = threading.Event()
    hosts = [App(environment, timers=True) for _ in range(2)]
    try:
        while time.monotonic() - began < KILLING_SECONDS:
            pause.wait(choices.uniform(0.2, LONGEST_LIFE_SECONDS) / 2)
            victim = choices.randrange(2)
            hosts[victim].host.kill()
            kills += 1
            hosts[victim] = App(environment, timers=True)
            hosts[victim].fire()  # more ticks to be killed in than the timer makes
        while time.monotonic() - began < ALL_DONE_SECONDS and len(finishing_events(receiver)) < JOBS:
            pause.wait(1)
    finally:
        for host in hosts:
            host.__exit__(None, None, None)

    spacing = fresh_sandbox.state.minimum_spacing_seconds()
    events = finishing_events(receiver)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{kills} kills; {JOBS} jobs, {len(events)} told of in {len(receiver.requests)} deliveries after"
            f" {time.monotonic() - began:.0f} s; shortest spacing {spacing} s"
        )
    finished = [row["RowKey"].removeprefix("job~") for row in table.rows("finished") if "job~" in row["RowKey"]]
    assert sorted(finished) == sorted(outcomes)
    assert table.rows("pending") == []
    assert {job_id: [name for _, name in found] for job_id, found in events.items()} == {
        job_id: [f"job.{outcome}"] for job_id, outcome in outcomes.items()
    }
    assert spacing is None or spacing >= 60
