"""The app writes its log lines while its functions run: Azure drops later ones, and no alert sees them."""

import threading
import uuid
from collections.abc import Iterator

import pytest

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of
from tests.webhooks.receiver import Received, Receiver, Reply, receiving

SLOW_RECEIVER_SECONDS = 0.3


@pytest.fixture(scope="module")
def running(azurite: str, sandbox: Sandbox) -> Iterator[App]:
    """A host whose webhooks may reach this machine."""
    jobs_table = f"app{uuid.uuid4().hex[:16]}"
    JobsTable(azurite, jobs_table).create()
    with App(environment_of(sandbox, azurite, jobs_table, WEBHOOK_ALLOW_PRIVATE_NETWORKS="true")) as app:
        yield app


@pytest.fixture
def app(running: App, fresh_sandbox: Sandbox) -> App:  # noqa: ARG001 - made new first
    """The host, with the sandbox as new."""
    return running


def registered(app: App, receiver: Receiver) -> str:
    """The id of a new endpoint."""
    answer = app.post("webhooks", {"url": receiver.url})
    assert answer.status_code == 201
    return str(answer.json()["id"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that is slow: the app's function could answer before it."""

    def answer_slowly(_: Received) -> Reply:
        threading.Event().wait(SLOW_RECEIVER_SECONDS)
        return Reply()

    with receiving() as running:
        running.behaviour = answer_slowly
        yield running


def test_a_manual_check_writes_the_line_of_its_delivery_while_it_runs(
    app: App, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    webhook_id = registered(app, receiver)
    job_id = fresh_sandbox.state.add_job(outcome="failed")
    app.register(job_id)
    assert app.post(f"jobs/{job_id}/check").json()["state"] == "failed"
    app.host.wait_for_line(f" delivery_attempt .*{webhook_id}")
    assert app.host.dropped_lines == []


def test_a_tick_writes_the_lines_of_its_deliveries_while_it_runs(
    app: App, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    webhook_id = registered(app, receiver)
    app.register(fresh_sandbox.state.add_job())
    app.tick()
    app.host.wait_for_line(f" delivery_attempt .*{webhook_id}")
    assert app.host.dropped_lines == []


def test_azure_drops_no_function_of_the_app(shared_app: App) -> None:
    assert shared_app.host.dropped_functions == []
