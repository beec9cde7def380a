"""Health: one word for everyone, the parts for callers with a key, the same status code for both."""

from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.http import operations
from shared.http.messages import Request
from shared.monitor.timer_reports import TimerReport
from shared.polling.report import CycleFailure, CycleReport
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Table
from tests.clock import FakeClock
from tests.http.api import Answer, Api
from tests.instance import TestProcess

JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"


def record(api: Api, report: CycleReport) -> None:
    stores = api.process.stores()
    stores.states.record(report, stores.set_aside.count)


def test_an_app_that_has_not_ticked_yet_is_ok(api: Api, fresh_sandbox: Sandbox) -> None:
    answer = api.health()
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    details = api.health_details()
    assert (details.status, details.json["lastTick"], details.json["pending"]) == (200, None, None)
    assert fresh_sandbox.state.requests() == []


def test_details_tell_what_the_last_tick_did(api: Api, fresh_sandbox: Sandbox, clock: FakeClock) -> None:
    api.register({"jobId": fresh_sandbox.state.add_job()})
    api.register({"jobId": fresh_sandbox.state.add_job(seconds=None)})
    api.process.poll_pending_jobs()
    clock.advance(30)
    api.process.deliver_webhooks()
    details = api.health_details().json
    assert details["status"] == "ok"
    assert details["storageReachable"] is True
    assert details["lastTick"]["at"] == "2026-11-20T09:00:00Z"
    assert (details["lastTick"]["polled"], details["lastTick"]["finished"]) == (2, 1)
    assert 0 <= details["lastTick"]["upstreamLatencyMsP50"] <= details["lastTick"]["upstreamLatencyMsMax"]
    assert (details["pending"], details["overdue"], details["lastTokenError"]) == (1, 0, None)
    assert (details["deliveriesWaiting"], details["deliveriesDead"]) == (0, 0)
    assert details["setAside"] == {"count": 0, "newest": None}
    assert details["timers"] == {
        "poll_pending_jobs": {"at": "2026-11-20T09:00:00Z", "ok": True},
        "deliver_webhooks": {"at": "2026-11-20T09:00:30Z", "ok": True},
    }


def test_a_refused_token_degrades_and_is_told_until_a_cycle_works_again(
    api: Api, fresh_sandbox: Sandbox, clock: FakeClock
) -> None:
    api.register({"jobId": fresh_sandbox.state.add_job(seconds=None)})
    fault = fresh_sandbox.state.fault("token_refused", route="tokens")
    api.process.poll_pending_jobs()
    details = api.health_details()
    assert (details.status, details.json["status"]) == (503, "degraded")
    assert "AADSTS7000215" in details.json["lastTokenError"]
    assert fresh_sandbox.client_secret not in details.body.decode()
    assert (api.health().status, api.health().json) == (503, {"status": "degraded"})
    fresh_sandbox.state.clear_faults(fault)
    clock.advance(60)
    api.process.poll_pending_jobs()
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
    api.process.poll_pending_jobs()
    assert len(fresh_sandbox.state.requests(route="product-ingestion")) == 2
    details = api.health_details().json
    assert (details["status"], details["lastTick"]["reason"]) == ("degraded", "token_refused")
    assert "401" in details["lastTokenError"]


def test_details_tell_since_when_the_cycles_have_failed(api: Api, fresh_sandbox: Sandbox, clock: FakeClock) -> None:
    api.register({"jobId": fresh_sandbox.state.add_job(seconds=None)})
    assert api.health_details().json["failingSince"] is None
    fault = fresh_sandbox.state.fault("token_refused", route="tokens")
    for _ in range(3):
        api.process.poll_pending_jobs()
        assert api.health_details().json["failingSince"] == "2026-11-20T09:00:00Z"
        clock.advance(60)
    fresh_sandbox.state.clear_faults(fault)
    api.process.poll_pending_jobs()
    assert api.health_details().json["failingSince"] is None


def test_upstream_down_for_all_degrades_and_for_some_does_not(
    api: Api, fresh_sandbox: Sandbox, clock: FakeClock
) -> None:
    jobs = [fresh_sandbox.state.add_job(seconds=None) for _ in range(2)]
    for job_id in jobs:
        api.register({"jobId": job_id})
    fresh_sandbox.state.fault("server_error", route="product-ingestion", job_id=jobs[0])
    api.process.poll_pending_jobs()
    assert api.health_details().status == 200
    fresh_sandbox.state.fault("server_error", route="product-ingestion")
    clock.advance(61)
    api.process.poll_pending_jobs()
    details = api.health_details()
    assert (details.status, details.json["lastTick"]["reason"]) == (503, "upstream_down")


def test_due_jobs_that_the_last_tick_did_not_reach_degrade_once_they_are_overdue(api: Api, clock: FakeClock) -> None:
    def after_tick(*, unreached: int, overdue: int) -> Answer:
        report = CycleReport(started_at=clock.now(), pending=9, unreached=unreached, overdue=overdue)
        record(api, report)
        return api.health_details()

    assert after_tick(unreached=3, overdue=0).status == 200
    overdue = after_tick(unreached=3, overdue=2)
    assert (overdue.status, overdue.json["overdue"]) == (503, 2)
    assert api.health().status == 503
    caught_up = after_tick(unreached=0, overdue=2)
    assert (caught_up.status, caught_up.json["overdue"]) == (200, 0)


def test_an_app_whose_ticks_have_stopped_degrades(api: Api, clock: FakeClock) -> None:
    api.process.poll_pending_jobs()
    clock.advance(6 * 60)
    assert api.health().status == 200
    clock.advance(12)
    assert api.health().status == 503


def test_health_reads_no_jobs(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.register({"jobId": JOB_ID})
    api.process.poll_pending_jobs()
    api.process.deliver_webhooks()
    read: list[object] = []
    rows = Table.rows

    def recorded(table: Table, query: str, parameters: Any = None, **options: Any) -> Any:  # noqa: ANN401 - passed on
        read.append(parameters)
        return rows(table, query, parameters, **options)

    monkeypatch.setattr(Table, "rows", recorded)
    api.health_details()
    api.health()
    assert [parameters["partition"] for parameters in read] == ["monitor"]  # type: ignore[index] # a query's parameters


def test_storage_that_cannot_be_reached_degrades(api: Api, settings_in_environment: pytest.MonkeyPatch) -> None:
    settings_in_environment.setenv("AzureWebJobsStorage", "UseDevelopmentStorage=true")
    settings_in_environment.setenv("AZURITE_TABLE_PORT", "1")
    settings_in_environment.setattr("shared.monitor.health.STORAGE_MAY_FAIL_SECONDS", 0.0)
    assert api.health().status == 503
    details = api.health_details()
    assert (details.status, details.json["storageReachable"], details.json["pending"]) == (503, False, None)


def test_a_row_that_is_not_a_job_does_not_degrade(api: Api, table: Table) -> None:
    table.upsert({"PartitionKey": "pending", "RowKey": "no-job"})
    assert api.health().status == 200
    api.process.poll_pending_jobs()
    assert api.health().status == 200
    details = api.health_details().json
    assert details["lastTick"]["setAside"] == 1
    newest = {"rowKey": "no-job", "at": "2026-11-20T09:00:00Z", "reason": "its row key is not a job id"}
    assert details["setAside"] == {"count": 1, "newest": newest}


def test_anyone_may_ask_often_and_storage_is_read_every_ten_seconds(api: Api, clock: FakeClock) -> None:
    assert api.health().status == 200
    record(api, CycleReport(started_at=clock.now(), failure=CycleFailure.UPSTREAM_DOWN))
    assert api.health().status == 200
    clock.advance(11)
    assert api.health().status == 503


def test_every_timer_function_tells_its_last_run(api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> int:
        raise StorageUnreachable("no answer")

    api.process.clean_up()
    assert api.health_details().json["timers"] == {"clean_up": {"at": "2026-11-20T09:00:00Z", "ok": True}}
    clock.advance(60)
    monkeypatch.setattr(api.process.stores().poll_spacing, "forget", unreachable)
    api.process.clean_up()
    details = api.health_details()
    assert details.json["timers"]["clean_up"] == {"at": "2026-11-20T09:01:00Z", "ok": False}
    assert details.status == 200


def test_a_damaged_monitor_row_is_replaced(api: Api, table: Table) -> None:
    for row in ({"failedCyclesInARow": "many"}, {"lastTick": "["}, {"unannounced": '{"id": 5}'}, {"setAside": True}):
        table.upsert({"PartitionKey": "monitor", "RowKey": "state", **row})
        table.upsert({"PartitionKey": "monitor", "RowKey": "timer~clean_up", "at": "never", **row})
        assert api.health_details().status == 200
        TestProcess(api.process.clock).poll_pending_jobs()
        assert api.health_details().json["lastTick"]["outcome"] == "ok"


def test_absent_settings_tell_anyone_no_more_than_degraded(
    process: TestProcess, settings_in_environment: pytest.MonkeyPatch
) -> None:
    settings_in_environment.delenv("AzureWebJobsStorage")
    response = operations.answer_anyone(
        lambda: process.storage_api().health.read, Request(url="https://x/api/health")
    )
    assert (response.status, response.body) == (503, b'{"status":"degraded"}')


def test_a_tick_without_partner_centers_settings_degrades_and_says_which_are_at_fault(
    api: Api, settings_in_environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings_in_environment.delenv("PARTNER_CENTER_CLIENT_ID")
    settings_in_environment.delenv("PARTNER_CENTER_CLIENT_SECRET")
    api.process.poll_pending_jobs()
    assert (api.health().status, api.health().json) == (503, {"status": "degraded"})
    assert "PARTNER_CENTER_CLIENT_ID" in caplog.text
    assert "PARTNER_CENTER_CLIENT_SECRET" in caplog.text


# The watch


CPP_OFFERS = [
    {
        "publisherId": "contoso",
        "offerId": "contoso-vm",
        "reason": "the app has no access to this publisher's offers",
        "since": "2026-11-19T09:00:00Z",
    }
]


def watch_ran(api: Api, *, ok: bool, **facts: object) -> None:
    stores = api.process.stores()
    stores.timer_reports.record("watch_offers", TimerReport(stores.clock.now(), ok=ok, facts=facts))


def test_a_watch_that_fails_says_why_and_does_not_degrade(api: Api) -> None:
    watch_ran(api, ok=False, reason="upstream asks for fewer requests", cppOffers=[])
    details = api.health_details()
    assert (details.status, details.json["status"], api.health().status) == (200, "ok", 200)
    assert details.json["timers"]["watch_offers"] == {
        "at": "2026-11-20T09:00:00Z",
        "ok": False,
        "reason": "upstream asks for fewer requests",
    }
    watch_ran(api, ok=True, reason="an older one", cppOffers=[])
    assert api.health_details().json["timers"]["watch_offers"] == {"at": "2026-11-20T09:00:00Z", "ok": True}


@pytest.mark.parametrize("ok", [True, False])
def test_cpp_offers_that_cannot_be_followed_are_named_and_do_not_degrade(api: Api, ok: bool) -> None:
    assert api.health_details().json["cppOffers"] == []
    watch_ran(api, ok=ok, reason=None, cppOffers=CPP_OFFERS)
    details = api.health_details()
    assert (details.status, details.json["status"], details.json["cppOffers"]) == (200, "ok", CPP_OFFERS)


@pytest.mark.parametrize("facts", [{}, {"reason": 5, "cppOffers": "x"}, {"cppOffers": [5, {}, {"publisherId": 1}]}])
def test_a_report_of_the_watch_with_absurd_facts_is_shown_as_far_as_it_goes(
    api: Api, facts: dict[str, object]
) -> None:
    watch_ran(api, ok=False, **facts)
    details = api.health_details().json
    assert details["timers"]["watch_offers"] == {"at": "2026-11-20T09:00:00Z", "ok": False}
    assert details["cppOffers"] == []


def test_a_clock_that_is_set_back_does_not_keep_an_old_answer_in_memory(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.process.poll_pending_jobs()
    assert api.health().status == 200
    clock.advance(-3 * 3600)
    api.process.poll_pending_jobs()

    def unreachable() -> None:
        raise StorageUnreachable("storage is down")

    monkeypatch.setattr(api.process.stores().states, "read", unreachable)
    assert api.health().status == 503


def test_a_last_tick_that_is_hours_ahead_of_the_clock_degrades_until_the_next_tick(
    api: Api, clock: FakeClock
) -> None:
    api.process.poll_pending_jobs()
    clock.advance(-3 * 3600)
    details = api.health_details()
    assert (details.status, details.json["status"]) == (503, "degraded")
    assert "ahead of the clock" in details.json["problems"][0]
    api.process.poll_pending_jobs()
    assert api.health_details().status == 200
