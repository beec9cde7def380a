"""No log line of the app comes after its invocation: Azure drops such a line, and no alert ever sees it."""

import threading
import uuid
from collections.abc import Iterator

import pytest

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of
from tests.webhooks.receiver import Received, Receiver, Reply, receiving

SLOW_RECEIVER_SECONDS = 0.3


@pytest.fixture
def app(azurite: str, fresh_sandbox: Sandbox) -> Iterator[App]:
    """A host of its own, so that the lines are those of one test."""
    jobs_table = f"app{uuid.uuid4().hex[:16]}"
    JobsTable(azurite, jobs_table).create()
    with App(environment_of(fresh_sandbox, azurite, jobs_table, WEBHOOK_ALLOW_PRIVATE_NETWORKS="true")) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes its time: the app's function could answer long before it."""

    def answer_slowly(_: Received) -> Reply:
        threading.Event().wait(SLOW_RECEIVER_SECONDS)
        return Reply()

    with receiving() as running:
        running.behaviour = answer_slowly
        yield running


def test_a_manual_check_writes_the_line_of_its_delivery_while_it_runs(
    app: App, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    assert app.post("webhooks", {"url": receiver.url}).status_code == 201
    job_id = fresh_sandbox.state.add_job(outcome="failed")
    app.register(job_id)
    assert app.post(f"jobs/{job_id}/check").json()["state"] == "failed"
    app.host.wait_for_line(" delivery_attempt ", timeout_seconds=10)
    assert app.host.dropped_lines == []


def test_a_tick_writes_the_lines_of_its_deliveries_while_it_runs(
    app: App, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    assert app.post("webhooks", {"url": receiver.url}).status_code == 201
    app.register(fresh_sandbox.state.add_job())
    app.tick()
    app.host.wait_for_line(" delivery_attempt ", timeout_seconds=10)
    assert app.host.dropped_lines == []


def test_azure_drops_none_of_the_functions(shared_app: App) -> None:
    assert shared_app.host.dropped_functions == []
