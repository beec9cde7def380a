"""Ticks while upstream fails: jobs stay pending with the reason, cycles stop when they should, nothing is lost."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of, utc

STATUS_ROUTE = "product-ingestion.job-status"
KEEPS_PENDING: dict[str, dict[str, Any]] = {
    "server_error": {"status": 500},
    "html_body": {},
    "empty_body": {},
    "invalid_json": {},
    "wrong_encoding": {},
    "wrong_shape": {"body": []},
    "deep_nesting": {},
    "cut_body": {},
    "reset": {},
    "answer_lost": {},
    "redirect": {},
    "role_missing": {},
    "bad_request": {},
    "huge_body": {"megabytes": 20},
    "slow_body": {},
    "slow_headers": {},
    "hang": {},
}


def _wait_seconds(record: dict[str, Any]) -> float:
    return (utc(record["nextPollAt"]) - utc(record["lastPolledAt"])).total_seconds()


def test_every_kind_of_failure_keeps_its_job_pending_with_the_reason_and_slows_it_down(
    impatient_app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    jobs = {fault: fresh_sandbox.state.add_job() for fault in KEEPS_PENDING}
    for fault, job_id in jobs.items():
        fresh_sandbox.state.fault(fault, route=STATUS_ROUTE, job_id=job_id, count=2, **KEEPS_PENDING[fault])
        impatient_app.register(job_id)
    well = fresh_sandbox.state.add_job()
    impatient_app.register(well)
    for failures in (1, 2):
        cycle = impatient_app.tick()
        assert cycle["failedPolls"] == len(jobs)
        for fault, job_id in jobs.items():
            record = impatient_app.job(job_id)
            assert (record["state"], record["consecutivePollFailures"]) == ("pending", failures), fault
            assert record["lastPollError"], fault
            assert 59 <= _wait_seconds(record) - 60 * (failures - 1) <= 61, fault
        table.let_time_pass(minutes=3)
    assert impatient_app.job(well)["state"] == "succeeded"
    assert impatient_app.tick()["finished"] == len(jobs)
    assert all(impatient_app.job(job_id)["consecutivePollFailures"] == 0 for job_id in jobs.values())


def test_polling_slows_down_to_a_quarter_of_an_hour_and_no_further(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    fresh_sandbox.state.fault("server_error", route=STATUS_ROUTE)
    table.put(job_id)
    waits = []
    for _ in range(6):
        app.tick()
        waits.append(round(_wait_seconds(app.job(job_id)) / 60))
        table.let_time_pass(minutes=16)
    assert waits == [1, 2, 4, 8, 15, 15]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_throttling_stops_the_cycle_and_retry_after_is_obeyed(
    app: App, fresh_sandbox: Sandbox, table: JobsTable, form: str
) -> None:
    retry_at = datetime.now(UTC) + timedelta(seconds=600)
    header = "600" if form == "seconds" else format_datetime(retry_at, usegmt=True)
    throttled = {"status": 429, "headers": {"Retry-After": header}, "body": {}}
    table.put_jobs([fresh_sandbox.state.add_job(script=[throttled, "running"]) for _ in range(90)])
    cycle = app.tick()
    assert cycle["throttled"] is True
    asked = len(fresh_sandbox.state.requests(route=STATUS_ROUTE))
    assert asked < 70  # those already on their way, of 32 at once
    assert cycle["unreached"] == 90 - asked
    waiting = [row for row in table.rows("pending") if row.get("lastPollError")]
    assert len(waiting) == asked
    for row in waiting:
        assert abs((row["nextPollAt"] - retry_at).total_seconds()) < 10
    assert app.get("health/details").json()["status"] == "ok"
    fresh_sandbox.state.clear_requests()
    app.tick()  # those not reached are first in line
    reached = {request.job_id for request in fresh_sandbox.state.requests(route=STATUS_ROUTE)}
    assert reached
    assert reached.isdisjoint({row["RowKey"] for row in waiting})


def test_a_token_rejected_once_costs_its_job_a_minute_and_the_others_nothing(
    fresh_app: App, fresh_sandbox: Sandbox
) -> None:
    first = fresh_sandbox.state.add_job()
    fresh_sandbox.state.fault("expired_token", route=STATUS_ROUTE, job_id=first, count=1)
    others = [fresh_sandbox.state.add_job() for _ in range(3)]
    for job_id in (first, *others):
        fresh_app.register(job_id)
    cycle = fresh_app.tick()
    assert (cycle["outcome"], cycle["finished"]) == ("ok", 3)
    record = fresh_app.job(first)
    assert (record["state"], record["pollCount"], record["consecutivePollFailures"]) == ("pending", 1, 0)
    assert "401" in record["lastPollError"]
    assert len(fresh_sandbox.state.status_requests(first)) == 1


def test_a_token_rejected_again_after_renewal_stops_the_cycle_and_says_so(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    table.put_jobs([fresh_sandbox.state.add_job() for _ in range(70)])
    fresh_sandbox.state.fault("expired_token", route=STATUS_ROUTE)
    cycle = app.tick()
    assert (cycle["outcome"], cycle["reason"]) == ("failed", "token_refused")
    assert cycle["polled"] < 70
    assert any("credential_refused" in line for line in app.host.lines)
    health = app.get("health/details")
    assert (health.status_code, health.json()["lastTick"]["reason"]) == (503, "token_refused")
    assert "401" in health.json()["lastTokenError"]
    fresh_sandbox.state.clear_faults()
    table.let_time_pass()
    assert app.tick()["finished"] == 70


def test_without_a_token_no_job_is_polled_or_claimed(azurite: str, fresh_sandbox: Sandbox, table: JobsTable) -> None:
    fresh_sandbox.state.fault("token_refused", route="tokens")
    table.put(fresh_sandbox.state.add_job())
    before = table.rows("pending")
    with App(environment_of(fresh_sandbox, azurite, table.client.table_name)) as app:
        cycle = app.tick()
        assert (cycle["reason"], cycle["polled"], cycle["unreached"]) == ("token_refused", 0, 1)
        assert fresh_sandbox.client_secret not in "\n".join(app.host.lines)
    assert table.rows("pending") == before
    assert fresh_sandbox.state.requests(route="product-ingestion") == []


def test_an_idle_tick_sends_no_request_upstream(app: App, fresh_sandbox: Sandbox, table: JobsTable) -> None:
    table.put(fresh_sandbox.state.add_job(), nextPollAt=datetime.now(UTC) + timedelta(minutes=5))
    assert app.tick()["pending"] == 1
    assert fresh_sandbox.state.requests() == []


def test_no_token_secret_or_signed_link_is_in_the_log(app: App, fresh_sandbox: Sandbox) -> None:
    offer = {"id": "private-offer/1", "sasUrl": "https://blob.example/t?sv=1&sig=SECRETSIG", "acceptanceLinks": ["x"]}
    job_id = fresh_sandbox.state.add_job(resources=[offer])
    app.register(job_id)
    assert app.tick()["finished"] == 1
    assert "SECRETSIG" in app.get(f"jobs/{job_id}/private-offer").text
    failing = fresh_sandbox.state.add_job(
        script=[{"status": 400, "body": {"error": {"code": "x", "message": "https://b.example/?sig=SECRETSIG"}}}]
    )
    app.register(failing)
    app.tick()
    log = "\n".join(app.host.lines)
    assert "SECRETSIG" not in log + app.get(f"jobs/{failing}").text
    assert fresh_sandbox.client_secret not in log
    assert "Bearer" not in log
