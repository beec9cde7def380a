"""Webhooks of the running app: from upstream's status to the receiver, two hosts at once, and the log."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of
from tests.webhooks.receiver import Receiver, Reply


@pytest.fixture(scope="module")
def hosts(azurite: str, sandbox: Sandbox) -> Iterator[tuple[App, App]]:
    """Two hosts on the same storage."""
    jobs_table = f"app{uuid.uuid4().hex[:16]}"
    JobsTable(azurite, jobs_table).create()
    environment = environment_of(sandbox, azurite, jobs_table, WEBHOOK_ALLOW_PRIVATE_NETWORKS="true")
    with ExitStack() as stack:
        yield stack.enter_context(App(environment)), stack.enter_context(App(environment))


@pytest.fixture
def app(hosts: tuple[App, App], fresh_sandbox: Sandbox) -> Iterator[App]:  # noqa: ARG001 - made new first
    """One host; the endpoints that a test registers are removed after it."""
    yield hosts[0]
    for webhook in hosts[0].get("webhooks").json()["webhooks"]:
        hosts[0].delete(f"webhooks/{webhook['id']}")


def registered(app: App, receiver: Receiver, **fields: object) -> dict[str, str]:
    """A new endpoint, with its secret."""
    answer = app.post("webhooks", {"url": receiver.url, **fields})
    assert answer.status_code == 201, answer.text
    webhook: dict[str, str] = answer.json()
    return webhook


def test_a_finished_job_sends_a_signed_event_with_its_record_and_no_signed_link(
    app: App, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    webhook = registered(app, receiver)
    job_id = fresh_sandbox.state.add_job()
    app.register(job_id, operation="create", label="Renewal")
    app.tick()
    [request] = receiver.wait_for(1)
    request.verify(webhook["secret"])
    assert request.json["type"] == "job.succeeded"
    record, sent = app.job(job_id), request.json["data"]["job"]
    assert record["privateOffer"]["acceptanceLinks"]
    assert sent["privateOffer"]["acceptanceLinks"] == []
    assert sent | {"privateOffer": None} == record | {"privateOffer": None}
    assert b"sig=" not in request.body


def test_a_job_that_ends_at_a_manual_check_sends_its_event_too(
    app: App, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    webhook = registered(app, receiver)
    job_id = fresh_sandbox.state.add_job(outcome="failed")
    app.register(job_id)
    assert app.post(f"jobs/{job_id}/check").json()["state"] == "failed"
    [request] = receiver.wait_for(1)
    assert request.json["type"] == "job.failed"
    line = app.host.wait_for_line(f"delivery_attempt .*{webhook['id']}")
    assert " check_job offer_monitor." in line


def test_two_hosts_that_tick_at_once_send_each_event_once(
    hosts: tuple[App, App], app: App, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    registered(app, receiver)
    job_ids = [fresh_sandbox.state.add_job() for _ in range(10)]
    for job_id in job_ids:
        app.register(job_id)
    for host in hosts:
        host.fire()
    for host in hosts:
        host.tick_ended()
    for host in hosts:
        host.fire("deliver_webhooks")
        host.host.wait_for_line("delivery_cycle")
    came = [request.json["data"]["job"]["jobId"] for request in receiver.requests]
    assert sorted(came) == sorted(job_ids)


def test_a_failed_delivery_is_listed_and_can_be_redelivered(
    app: App, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    webhook = registered(app, receiver)
    receiver.behaviour = lambda _: Reply(500, b"out of order")
    app.register(fresh_sandbox.state.add_job())
    app.tick()
    [delivery] = app.get(f"webhooks/{webhook['id']}/deliveries", status="pending").json()["deliveries"]
    assert (delivery["attempts"][0]["status"], delivery["attempts"][0]["response"]) == (500, "out of order")
    receiver.behaviour = lambda _: Reply()
    redelivered = app.post(f"webhooks/{webhook['id']}/deliveries/{delivery['id']}/redeliver")
    assert (redelivered.status_code, redelivered.json()["status"]) == (200, "delivered")
    first, second = receiver.requests
    assert first.webhook_id == second.webhook_id


def test_a_webhook_is_tested_changed_rotated_and_removed_over_http(app: App, receiver: Receiver) -> None:
    webhook = registered(app, receiver)
    path = f"webhooks/{webhook['id']}"
    assert app.post(f"{path}/test").json()["delivered"] is True
    changed = app.ask("PATCH", f"api/{path}", json={"description": "CRM"})
    assert (changed.status_code, changed.json()["description"]) == (200, "CRM")
    assert app.post(f"{path}/rotate-secret").json()["secret"] != webhook["secret"]
    assert app.delete(path).status_code == 204
    assert app.get(path).status_code == 404


def test_the_webhook_calls_need_a_key(app: App) -> None:
    for method, path in [("GET", "webhooks"), ("POST", "webhooks"), ("POST", "webhooks/x/test")]:
        assert app.ask(method, f"api/{path}", key=None).status_code == 401


def test_log_lines_of_other_threads_belong_to_the_function_that_caused_them(
    app: App, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    """On Azure a line that belongs to no invocation is lost, and with it the alerts that read it."""
    registered(app, receiver)
    before = len(app.host.lines)
    app.register(fresh_sandbox.state.add_job(outcome="failed"))
    app.register(str(uuid.uuid4()))  # upstream does not know it
    app.tick()
    lines = app.host.lines[before:]
    for event in ("job_finished", "job_poll_failed", "delivery_attempt"):
        [line] = [line for line in lines if f" {event} " in line]
        assert " poll_pending_jobs offer_monitor." in line


def test_no_secret_is_in_the_log(
    hosts: tuple[App, App], app: App, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    webhook = registered(app, receiver)
    app.register(fresh_sandbox.state.add_job())
    app.tick()
    receiver.wait_for(1)
    for host in hosts:
        log = "\n".join(host.host.lines)
        assert webhook["secret"].removeprefix("whsec_") not in log
        assert "whsec_" not in log
