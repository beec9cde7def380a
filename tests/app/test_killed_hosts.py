"""Hosts that are killed in the middle of ticks: every job finishes once, and its event is sent once."""

import random
import signal
import threading

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of
from tests.app.events import finishing_events, webhook_settings
from tests.webhooks.receiver import Receiver

JOBS = 40
KILLS = 2
MOST_ASKED_IN_A_LIFE = 12


def test_hosts_killed_during_ticks_lose_no_job_and_finish_none_twice(
    azurite: str, fresh_sandbox: Sandbox, jobs_table: str, receiver: Receiver
) -> None:
    table = JobsTable(azurite, jobs_table)
    table.create()
    pause = threading.Event()
    moments = random.Random(11)  # noqa: S311 - the same moments every time
    environment = environment_of(fresh_sandbox, azurite, jobs_table, **webhook_settings(receiver))
    environment["POLL_CONCURRENCY"] = "8"
    jobs = [fresh_sandbox.state.add_job(outcome=moments.choice(["succeeded", "failed"])) for _ in range(JOBS)]
    table.put_jobs(jobs)
    fresh_sandbox.state.set_latency(15)
    for _ in range(KILLS):
        asked = len(fresh_sandbox.state.requests()) + moments.randrange(1, MOST_ASKED_IN_A_LIFE)
        with App(environment) as app:
            app.fire()
            while len(fresh_sandbox.state.requests()) < asked:
                assert app.host.exit_code is None
                pause.wait(0.002)
            assert app.host.kill() == -signal.SIGKILL
        assert table.rows("pending"), "the tick was over before the kill"
        table.let_time_pass()  # the claims of the killed host have run out

    with App(environment) as app:
        while table.rows("pending"):
            app.tick()
            table.let_time_pass()
        finished = [row["RowKey"].removeprefix("job~") for row in table.rows("finished") if "job~" in row["RowKey"]]
        assert sorted(finished) == sorted(jobs)
        deliveries = app.get("webhooks/settings/deliveries", limit="200").json()["deliveries"]
    assert len(deliveries) == len(jobs)
    assert len({delivery["id"] for delivery in deliveries}) == len(jobs)
    assert all(len(events) == 1 for events in finishing_events(receiver).values())
