"""Health: one word for everyone, the parts for whoever holds a key, the same status code for both."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from sandbox.server import Sandbox
from shared.composition import Monitor
from shared.http import edge
from shared.http.exchange import Request
from shared.storage.table import Table
from tests.clock import FakeClock
from tests.http.api import Api

JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"


@pytest.fixture
def monitor(monitor: Monitor) -> Iterator[Monitor]:
    """A monitor whose ticks leave no delivery under way."""
    yield monitor
    if "webhooks" in monitor.__dict__:
        monitor.webhooks.deliverer.finish(1)
        monitor.webhooks.sender.close()


def test_an_app_that_has_not_ticked_yet_is_ok(api: Api, fresh_sandbox: Sandbox) -> None:
    answer = api.health()
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    details = api.health_details()
    assert (details.status, details.json["lastTick"], details.json["pendingJobs"]) == (200, None, 0)
    assert fresh_sandbox.state.requests() == []


def test_details_tell_what_the_last_tick_did(api: Api, fresh_sandbox: Sandbox, clock: FakeClock) -> None:
    api.register({"jobId": fresh_sandbox.state.add_job()})
    api.register({"jobId": fresh_sandbox.state.add_job(seconds=None)})
    api.monitor.poll_tick()
    clock.advance(30)
    details = api.health_details().json
    assert details["status"] == "ok"
    assert details["storageReachable"] is True
    assert details["lastTick"]["at"] == "2026-11-20T09:00:00Z"
    assert (details["lastTick"]["polled"], details["lastTick"]["finished"]) == (2, 1)
    assert (details["pendingJobs"], details["overdueJobs"], details["lastTokenError"]) == (1, 0, None)
    assert (details["deliveriesWaiting"], details["deliveriesDead"]) == (0, 0)


def test_a_refused_token_degrades_and_is_told_until_a_cycle_works_again(
    api: Api, fresh_sandbox: Sandbox, clock: FakeClock
) -> None:
    api.register({"jobId": fresh_sandbox.state.add_job(seconds=None)})
    fault = fresh_sandbox.state.fault("token_refused", route="tokens")
    api.monitor.poll_tick()
    details = api.health_details()
    assert (details.status, details.json["status"]) == (503, "degraded")
    assert "AADSTS7000215" in details.json["lastTokenError"]
    assert fresh_sandbox.client_secret not in details.body.decode()
    assert (api.health().status, api.health().json) == (503, {"status": "degraded"})
    fresh_sandbox.state.clear_faults(fault)
    clock.advance(60)
    api.monitor.poll_tick()
    details = api.health_details()
    assert (details.status, details.json["lastTokenError"]) == (200, None)
    assert api.health().status == 200


def test_a_token_rejected_twice_stops_the_cycle_and_degrades(
    api: Api, fresh_sandbox: Sandbox, settings_in_environment: pytest.MonkeyPatch
) -> None:
    settings_in_environment.setenv("POLL_CONCURRENCY", "1")
    for _ in range(5):
        api.register({"jobId": fresh_sandbox.state.add_job(seconds=None)})
    fresh_sandbox.state.fault("expired_token", route="product-ingestion")
    api.monitor.poll_tick()
    assert len(fresh_sandbox.state.requests(route="product-ingestion")) == 2
    details = api.health_details().json
    assert (details["status"], details["lastTick"]["reason"]) == ("degraded", "token_refused")
    assert "401" in details["lastTokenError"]


def test_upstream_down_for_all_degrades_and_for_some_does_not(
    api: Api, fresh_sandbox: Sandbox, clock: FakeClock
) -> None:
    jobs = [fresh_sandbox.state.add_job(seconds=None) for _ in range(2)]
    for job_id in jobs:
        api.register({"jobId": job_id})
    fresh_sandbox.state.fault("server_error", route="product-ingestion", job_id=jobs[0])
    api.monitor.poll_tick()
    assert api.health_details().status == 200
    fresh_sandbox.state.fault("server_error", route="product-ingestion")
    clock.advance(61)
    api.monitor.poll_tick()
    details = api.health_details()
    assert (details.status, details.json["lastTick"]["reason"]) == (503, "upstream_down")


def test_jobs_that_have_been_due_for_over_five_minutes_degrade(api: Api, clock: FakeClock) -> None:
    api.register({"jobId": JOB_ID})
    clock.advance(299)
    assert api.health().status == 200
    clock.advance(12)
    assert api.health().status == 503
    details = api.health_details().json
    assert (details["status"], details["overdueJobs"]) == ("degraded", 1)


def test_storage_that_cannot_be_reached_degrades(api: Api, settings_in_environment: pytest.MonkeyPatch) -> None:
    settings_in_environment.setenv("AzureWebJobsStorage", "UseDevelopmentStorage=true")
    settings_in_environment.setenv("AZURITE_TABLE_PORT", "1")
    assert api.health().status == 503
    details = api.health_details()
    assert (details.status, details.json["storageReachable"], details.json["pendingJobs"]) == (503, False, None)


def test_a_row_that_is_no_job_does_not_degrade(api: Api, table: Table) -> None:
    table.upsert({"PartitionKey": "pending", "RowKey": "no-job"})
    assert api.health().status == 200
    api.monitor.poll_tick()
    assert api.health_details().json["lastTick"]["setAside"] == 1


def test_anyone_may_ask_often_and_storage_is_read_every_ten_seconds(api: Api, clock: FakeClock, table: Table) -> None:
    assert api.health().status == 200
    table.upsert({"PartitionKey": "pending", "RowKey": JOB_ID, "nextPollAt": clock.now() - timedelta(hours=1)})
    assert api.health().status == 200
    clock.advance(11)
    assert api.health().status == 503


def test_absent_settings_tell_anyone_no_more_than_degraded(
    monitor: Monitor, settings_in_environment: pytest.MonkeyPatch
) -> None:
    settings_in_environment.delenv("AzureWebJobsStorage")
    response = edge.answer_anyone(lambda: monitor.health_handlers.read, Request(url="https://x/api/health"))
    assert (response.status, response.body) == (503, b'{"status":"degraded"}')


def test_a_tick_without_partner_centers_settings_degrades_and_says_which_are_at_fault(
    api: Api, settings_in_environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings_in_environment.delenv("PARTNER_CENTER_CLIENT_ID")
    settings_in_environment.delenv("PARTNER_CENTER_CLIENT_SECRET")
    api.monitor.poll_tick()
    assert (api.health().status, api.health().json) == (503, {"status": "degraded"})
    assert "PARTNER_CENTER_CLIENT_ID" in caplog.text
    assert "PARTNER_CENTER_CLIENT_SECRET" in caplog.text
