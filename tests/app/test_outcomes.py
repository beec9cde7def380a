"""Every outcome of a job, from its registration to its offer."""

from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable


def _finished(app: App, job_id: str) -> dict[str, Any]:
    assert app.tick()["finished"] == 1
    record = app.job(job_id)
    assert record["nextPollAt"] is None
    assert record["finishedAt"] is not None
    return record


@pytest.mark.parametrize("dialect", ["private-offer", "core", "trimmed", "pascal", "spaced"])
def test_a_succeeded_job_has_its_private_offer_in_every_dialect_of_upstream(
    app: App, fresh_sandbox: Sandbox, dialect: str
) -> None:
    job_id = fresh_sandbox.state.add_job(dialect=dialect)
    app.register(job_id, operation="create", label="Renewal", externalId="crm-4711")
    record = _finished(app, job_id)
    assert (record["state"], record["jobStatus"].lower(), record["jobResult"].lower()) == (
        "succeeded",
        "completed",
        "succeeded",
    )
    assert (record["operation"], record["label"], record["externalId"]) == ("create", "Renewal", "crm-4711")
    offer = app.get(f"jobs/{job_id}/private-offer")
    assert (offer.status_code, offer.json()) == (200, record["privateOffer"])
    assert record["privateOffer"]["id"].startswith("private-offer/")


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
def test_a_job_that_does_not_succeed_ends_with_upstreams_errors(
    app: App, fresh_sandbox: Sandbox, outcome: str
) -> None:
    errors = [{"code": "badRequest", "message": "no", "details": [{"code": "x", "number": 2.0}]}]
    job_id = fresh_sandbox.state.add_job(outcome=outcome, errors=errors)
    app.register(job_id)
    record = _finished(app, job_id)
    assert (record["state"], record["privateOffer"]) == (outcome, None)
    offer = app.get(f"jobs/{job_id}/private-offer")
    assert (offer.status_code, offer.json()["errors"]) == (409, record["errors"])
    assert record["errors"] or outcome == "cancelled"


@pytest.mark.parametrize("labelled", [True, False])
def test_a_delete_job_succeeds_and_its_offer_is_gone_whether_or_not_it_was_registered_as_delete(
    app: App, fresh_sandbox: Sandbox, *, labelled: bool
) -> None:
    job_id = fresh_sandbox.state.add_job(operation="delete")
    app.register(job_id, **({"operation": "delete"} if labelled else {}))
    record = _finished(app, job_id)
    operation = "delete" if labelled else "unknown"
    assert (record["state"], record["operation"], record["resourceUri"]) == ("succeeded", operation, None)
    assert len(fresh_sandbox.state.requests(route="product-ingestion.job-detail")) == (0 if labelled else 1)
    assert app.get(f"jobs/{job_id}/private-offer").status_code == 410


def test_a_job_that_upstream_does_not_know_is_lost_after_the_set_number_of_404s(app: App, table: JobsTable) -> None:
    job_id = "00000000-0000-4000-8000-000000000000"
    app.register(job_id)
    assert app.tick()["finished"] == 0
    assert app.job(job_id)["consecutivePollFailures"] == 1
    table.let_time_pass()
    record = _finished(app, job_id)
    assert (record["state"], record["pollCount"]) == ("lost", 2)
    assert app.get(f"jobs/{job_id}/private-offer").status_code == 404


def test_a_job_that_runs_stays_pending_and_ends_in_a_later_tick(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    job_id = fresh_sandbox.state.add_job(script=["notStarted", "running", "succeeded"])
    app.register(job_id)
    for polls in (1, 2):
        assert app.tick()["finished"] == 0
        record = app.job(job_id)
        assert (record["state"], record["pollCount"], record["lastPollError"]) == ("pending", polls, None)
        offer = app.get(f"jobs/{job_id}/private-offer")
        assert offer.status_code == 409
        assert 1 <= int(offer.headers["Retry-After"]) <= 61
        table.let_time_pass()
    assert _finished(app, job_id)["pollCount"] == 3


def test_an_unknown_status_or_result_keeps_a_job_pending_and_is_shown(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    strange = [
        {"state": "running", "fields": {"jobStatus": "hibernating"}},
        {"state": "succeeded", "fields": {"jobResult": "partiallySucceeded"}},
        {"state": "succeeded", "fields": {"jobResult": None}},
    ]
    job_id = fresh_sandbox.state.add_job(script=[*strange, "succeeded"])
    app.register(job_id)
    for said in ("hibernating", "partiallySucceeded", "None"):
        assert app.tick()["finished"] == 0
        assert said in app.job(job_id)["lastPollError"]
        table.let_time_pass()
    assert _finished(app, job_id)["lastPollError"] is None


def test_a_missing_detail_is_requested_on_three_ticks_and_then_the_job_ends_without_it(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    job_id = fresh_sandbox.state.add_job()
    app.register(job_id)
    fresh_sandbox.state.fault("not_found", route="product-ingestion.job-detail", count=3)
    for _ in range(2):
        assert app.tick()["finished"] == 0
        assert "404" in app.job(job_id)["lastPollError"]
        table.let_time_pass()
    record = _finished(app, job_id)
    assert (record["state"], record["privateOffer"]) == ("succeeded", None)
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1
    assert app.get(f"jobs/{job_id}/private-offer").json()["id"].startswith("private-offer/")  # there by now


def test_a_detail_without_a_private_offer_ends_the_job_without_one(app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(
        resources=[{"$schema": "https://x/schema/price/2022-07-01", "id": "price/1"}]
    )
    app.register(job_id)
    assert _finished(app, job_id)["privateOffer"] is None
    assert app.get(f"jobs/{job_id}/private-offer").status_code == 404


def test_an_offer_of_several_mebibytes_is_kept_whole(app: App, fresh_sandbox: Sandbox) -> None:
    text = "\u00e9\U0001f600" * 300_000
    offer = {"id": "private-offer/big", "name": "Big", "notes": [text, "end"], "version": 2.0}
    job_id = fresh_sandbox.state.add_job(resources=[offer])
    app.register(job_id)
    assert _finished(app, job_id)["privateOffer"]["notes"] == [text, "end"]


def test_an_offer_nested_thousands_deep_ends_its_job_like_any_other(app: App, fresh_sandbox: Sandbox) -> None:
    deep = '{"resources": [{"id": "private-offer/deep", "deep": ' + "[" * 3000 + "]" * 3000 + "}]}"
    job_id = fresh_sandbox.state.add_job()
    fresh_sandbox.state.fault("any_answer", route="product-ingestion.job-detail", status=200, body=deep)
    app.register(job_id)
    app.tick()
    answer = app.get(f"jobs/{job_id}")
    assert answer.status_code == 200
    assert b'"state":"succeeded"' in answer.content
    assert b"[" * 3000 in answer.content


def test_numbers_of_a_stored_offer_keep_their_digits(app: App, fresh_sandbox: Sandbox) -> None:
    detail = '{"resources": [{"id": "private-offer/1", "a": 2.0, "b": 9223372036854775807, "c": 0.10, "d": 1E400}]}'
    job_id = fresh_sandbox.state.add_job()
    fresh_sandbox.state.fault("any_answer", route="product-ingestion.job-detail", status=200, body=detail)
    app.register(job_id)
    app.tick()
    for path in (f"jobs/{job_id}", f"jobs/{job_id}/private-offer", "jobs?state=succeeded"):
        assert b'"a": 2.0, "b": 9223372036854775807, "c": 0.10, "d": 1E400' in app.ask("GET", f"api/{path}").content
