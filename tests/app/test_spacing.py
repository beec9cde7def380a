"""Promise 1 (docs/promises.md) in the running app: at most one status request per job in any 60 seconds."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from requests import Response

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable

CALLS = 72  # of four kinds, about three jobs


def _asked(sandbox: Sandbox, job_id: str) -> int:
    return len(sandbox.state.status_requests(job_id))


def test_a_manual_check_just_before_the_tick_is_the_only_request(app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    app.register(job_id)
    assert app.post(f"jobs/{job_id}/check").json()["pollCount"] == 1
    assert app.tick()["polled"] == 0
    assert _asked(fresh_sandbox, job_id) == 1


def test_a_manual_check_just_after_the_tick_is_429_with_retry_after(app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    app.register(job_id)
    app.tick()
    answer = app.post(f"jobs/{job_id}/check")
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:problem:offer-monitor:asked-too-recently")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert _asked(fresh_sandbox, job_id) == 1


def test_many_manual_checks_and_ticks_at_once_poll_a_job_once(app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    app.register(job_id)
    start = threading.Barrier(10)

    def check(_: int) -> int:
        start.wait(timeout=10)
        return app.post(f"jobs/{job_id}/check").status_code

    with ThreadPoolExecutor(9) as pool:
        checks = pool.map(check, range(9))
        start.wait(timeout=10)
        app.fire()
        app.fire()
        statuses = sorted(checks)
    app.tick_ended()
    app.tick_ended()
    assert _asked(fresh_sandbox, job_id) == 1
    assert set(statuses) <= {HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS}


def test_a_job_removed_and_registered_again_within_its_minute_is_not_asked_twice(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    app.register(job_id)
    app.tick()
    assert app.delete(f"jobs/{job_id}").status_code == 204
    app.register(job_id)
    assert app.post(f"jobs/{job_id}/check").status_code == 429
    assert app.tick()["polled"] == 0
    assert app.delete(f"jobs/{job_id}").status_code == 204
    table.put(job_id.upper())
    app.tick()
    assert _asked(fresh_sandbox, job_id) == 1


def test_a_finished_job_removed_and_registered_again_within_its_minute_is_not_polled_twice(
    app: App, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    app.register(job_id)
    assert app.tick()["finished"] == 1
    assert app.delete(f"jobs/{job_id}").status_code == 204
    app.register(job_id)
    app.tick()
    assert _asked(fresh_sandbox, job_id) == 1


def test_a_job_looked_up_before_it_was_registered_waits_for_its_minute(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    for _ in range(3):
        assert app.get(f"jobs/{job_id}/private-offer").status_code == 409
    app.register(job_id)
    assert app.post(f"jobs/{job_id}/check").status_code == 429
    assert app.tick()["polled"] == 0
    assert _asked(fresh_sandbox, job_id) == 1
    table.let_time_pass()
    assert app.tick()["polled"] == 1


def test_many_look_ups_of_an_unregistered_job_at_once_poll_it_once(app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: app.get(f"jobs/{job_id}/private-offer").status_code, range(8)))
    assert _asked(fresh_sandbox, job_id) == 1
    assert set(statuses) <= {409, 429}


def test_a_job_unknown_here_and_upstream_is_always_404_and_polled_once(app: App, fresh_sandbox: Sandbox) -> None:
    job_id = "00000000-0000-4000-8000-00000000cafe"
    assert [app.get(f"jobs/{job_id}/private-offer").status_code for _ in range(3)] == [404, 404, 404]
    assert app.get("offer-details", jobId=job_id).status_code == 404
    assert _asked(fresh_sandbox, job_id) == 1


def test_an_unregistered_failed_job_is_409_with_upstreams_errors_each_time(app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(outcome="failed", errors=[{"code": "x", "message": "no"}])
    for _ in range(2):
        answer = app.get(f"jobs/{job_id}/private-offer")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "x")
    assert _asked(fresh_sandbox, job_id) == 1


def test_a_delete_job_that_is_not_registered_is_410(app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(operation="delete")
    assert [app.get(f"jobs/{job_id}/private-offer").status_code for _ in range(2)] == [410, 410]
    assert _asked(fresh_sandbox, job_id) == 1


def test_a_succeeded_job_that_is_not_registered_shows_its_offer_without_a_status_request(
    app: App, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    assert app.get(f"jobs/{job_id}/private-offer").json()["id"].startswith("private-offer/")
    assert _asked(fresh_sandbox, job_id) == 0


def test_registering_removing_checking_looking_up_and_ticking_at_once_poll_a_job_once(
    app: App, fresh_sandbox: Sandbox
) -> None:
    jobs = [fresh_sandbox.state.add_job(seconds=None) for _ in range(3)]
    calls: list[Callable[[str], Response]] = [
        lambda job_id: app.post("jobs", {"jobId": job_id}),
        lambda job_id: app.delete(f"jobs/{job_id}"),
        lambda job_id: app.post(f"jobs/{job_id}/check"),
        lambda job_id: app.get(f"jobs/{job_id}/private-offer"),
    ]
    app.fire()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: calls[number % 4](jobs[number % 3]), range(CALLS)))
    app.tick_ended()
    app.tick()
    assert max(answer.status_code for answer in answers) < 500
    assert [_asked(fresh_sandbox, job_id) for job_id in jobs] == [1, 1, 1]


def test_a_failed_status_request_counts_for_its_minute_too(impatient_app: App, fresh_sandbox: Sandbox) -> None:
    faults = ["server_error", "html_body", "cut_body", "reset", "answer_lost", "slow_body", "expired_token"]
    jobs = {fault: fresh_sandbox.state.add_job(seconds=None) for fault in faults}
    for fault, job_id in jobs.items():
        fresh_sandbox.state.fault(fault, route="product-ingestion.job-status", job_id=job_id, count=1)
        impatient_app.register(job_id)
        assert impatient_app.post(f"jobs/{job_id}/check").status_code in {502, 504}, fault
        assert impatient_app.post(f"jobs/{job_id}/check").status_code == 429, fault
    assert impatient_app.tick()["polled"] == 0
    for fault, job_id in jobs.items():
        assert _asked(fresh_sandbox, job_id) == 1, fault
        assert impatient_app.job(job_id)["lastPollError"], fault
        assert impatient_app.job(job_id)["state"] == "pending", fault


def test_a_finished_job_inserted_again_is_not_polled_within_its_minute(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    job_id = fresh_sandbox.state.add_job()
    app.register(job_id, label="first")
    app.tick()
    table.put(job_id, label="second")
    assert app.tick()["polled"] == 0
    assert app.post(f"jobs/{job_id}/check").status_code == 429
    assert _asked(fresh_sandbox, job_id) == 1
    records = [row for row in table.rows("finished") if row["RowKey"].startswith("at~")]
    assert [(record["label"], record["state"]) for record in records] == [("first", "succeeded")]
