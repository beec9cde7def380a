"""Two hosts on one storage: they poll no job twice in a minute, finish none twice, and leave none out."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of
from tests.app.events import finishing_events, webhook_settings
from tests.webhooks.receiver import Receiver, receiving

OUTCOMES = ["succeeded", "failed", "cancelled"]
JOBS = 24


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture(scope="module")
def hosts(azurite: str, sandbox: Sandbox, shared_table: JobsTable, receiver: Receiver) -> Iterator[tuple[App, App]]:
    environment = environment_of(sandbox, azurite, shared_table.client.table_name, **webhook_settings(receiver))
    with App(environment) as one, App(environment) as other:
        yield one, other


@pytest.fixture
def apps(hosts: tuple[App, App], fresh_sandbox: Sandbox, table: JobsTable) -> tuple[App, App]:  # noqa: ARG001 - made new first
    """Both hosts, their table empty and the sandbox as new."""
    return hosts


def _tick_at_once(apps: tuple[App, App]) -> tuple[int, int]:
    """Fire a tick on both; return how many jobs they polled and how many they finished."""
    for app in apps:
        app.fire()
    cycles = [app.tick_ended() for app in apps]
    assert [cycle["outcome"] for cycle in cycles] == ["ok", "ok"]
    return sum(cycle["polled"] for cycle in cycles), sum(cycle["finished"] for cycle in cycles)


def test_simultaneous_ticks_and_manual_checks_poll_and_finish_each_job_once(
    apps: tuple[App, App], fresh_sandbox: Sandbox, table: JobsTable, receiver: Receiver
) -> None:
    choices = random.Random(7)  # noqa: S311 - the same race every time
    jobs = {
        fresh_sandbox.state.add_job(script=[*["running"] * (number % 2), outcome]): outcome
        for number in range(JOBS)
        for outcome in [OUTCOMES[number % 3]]
    }
    for number, job_id in enumerate(jobs):
        if number % 3:
            table.put(job_id)
        else:
            apps[number % 2].register(job_id)
    fresh_sandbox.state.set_latency(20)
    for round_number in (1, 2):
        checked = choices.sample(list(jobs), 8)
        with ThreadPoolExecutor(4) as pool:
            checks = [
                pool.submit(apps[number % 2].post, f"jobs/{job_id}/check") for number, job_id in enumerate(checked)
            ]
            _tick_at_once(apps)
        assert {check.result().status_code for check in checks} <= {200, 429}
        assert _tick_at_once(apps) == (0, 0)
        asked = {job_id: len(fresh_sandbox.state.status_requests(job_id)) for job_id in jobs}
        finished = {row["RowKey"].removeprefix("job~") for row in table.rows("finished")}
        assert {count for job_id, count in asked.items() if job_id not in finished} <= {round_number}
        assert max(asked.values()) == round_number
        table.let_time_pass()

    assert table.rows("pending") == []
    for job_id, outcome in jobs.items():
        assert apps[0].job(job_id)["state"] == outcome
    receiver.wait_for(len(jobs), seconds=30)
    events = {job_id: found for job_id, found in finishing_events(receiver).items() if job_id in jobs}
    assert {job_id: {name for _, name in found} for job_id, found in events.items()} == {
        job_id: {f"job.{outcome}"} for job_id, outcome in jobs.items()
    }
    assert all(len(found) == 1 for found in events.values())


def test_one_host_knows_the_jobs_and_polls_of_the_other(apps: tuple[App, App], fresh_sandbox: Sandbox) -> None:
    one, other = apps
    job_id = fresh_sandbox.state.add_job(seconds=None)
    one.register(job_id)
    assert other.post("jobs", {"jobId": job_id}).status_code == 200
    one.tick()
    assert other.post(f"jobs/{job_id}/check").status_code == 429
    assert other.tick()["polled"] == 0
    assert other.delete(f"jobs/{job_id}").status_code == 204
    assert one.get(f"jobs/{job_id}").status_code == 404


def test_two_hosts_handle_an_upper_case_row_and_an_unreadable_row_once(
    apps: tuple[App, App], fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    jobs = [fresh_sandbox.state.add_job() for _ in range(15)]
    for number, job_id in enumerate(jobs):
        table.put(job_id.upper())
        table.put(f"no-job-{number}")
    _tick_at_once(apps)
    _tick_at_once(apps)
    assert table.rows("pending") == []
    assert len(table.rows("setaside")) == 15
    assert [len(fresh_sandbox.state.status_requests(job_id)) for job_id in jobs] == [1] * 15
