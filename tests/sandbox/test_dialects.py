"""Dialects: `plain` keeps to Microsoft's schema, the others do not, and a caller chooses."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.answers import JsonObject
from sandbox.dialects import DIALECTS
from sandbox.jobs import OUTCOMES, Job, JobStore, Profile
from sandbox.sample_offers import configure_resources
from sandbox.server import Sandbox
from sandbox.state import SandboxSettings
from tests.clock import FakeClock
from tests.sandbox.conftest import Caller
from tests.sandbox.strict_reader import BreaksTheSchemaError, check_refusal, check_status

START = datetime(2026, 11, 20, 9, 0, 0, 120000, tzinfo=UTC)
AWKWARD = sorted(set(DIALECTS) - {"plain"})


def job_of(dialect: str, outcome: str = "succeeded") -> Job:
    return JobStore().add(START, profile=Profile(10.0, outcome, 2.0, dialect))


def is_strict(body: JsonObject) -> bool:
    try:
        check_status(body)
    except BreaksTheSchemaError:
        return False
    return True


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_strict_client_reads_every_status_of_a_plain_job(outcome: str) -> None:
    job = job_of("plain", outcome)
    for seconds in (0, 5, 10, 99):
        check_status(job.status(START + timedelta(seconds=seconds)))


@pytest.mark.parametrize("dialect", AWKWARD)
def test_a_strict_client_rejects_every_other_dialect(dialect: str) -> None:
    statuses = [
        job_of(dialect, outcome).status(START + timedelta(seconds=seconds))
        for outcome in OUTCOMES
        for seconds in (5, 10)
    ]
    assert not all(is_strict(status) for status in statuses)


def test_a_plain_job_of_a_broken_rule_keeps_to_the_schema(ingestion: Caller, sandbox_clock: FakeClock) -> None:
    request = {
        "$schema": "https://schema.mp.microsoft.com/schema/private-offer/2023-07-15",
        "id": "private-offer/unknown",
        "name": "unknown",
        "privateOfferType": "customerPromotion",
        "state": "deleted",
    }
    job_id = ingestion.configure(request).json()["jobId"]
    sandbox_clock.advance(60)
    status = ingestion.status(job_id).json()
    check_status(status)
    assert status["errors"][0]["code"] == "conflict"


def test_the_sandbox_is_plain_unless_told_otherwise(ingestion: Caller, sandbox_clock: FakeClock) -> None:
    resources = configure_resources("customerPromotion")
    job_ids = [ingestion.configure(*resources).json()["jobId"] for _ in range(len(DIALECTS))]
    sandbox_clock.advance(60)
    for job_id in job_ids:
        check_status(ingestion.status(job_id).json())


def test_a_setting_chooses_the_dialect_of_new_jobs(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    fresh_sandbox.state.change_settings(dialect="core")
    assert "jobID" in ingestion.configure(*configure_resources("cspPromotion")).json()
    assert "jobID" in ingestion.status(fresh_sandbox.state.add_job()).json()


def test_the_next_job_can_have_its_own_dialect(control: Caller, ingestion: Caller) -> None:
    assert control.post("next-job", {"seconds": 1, "dialect": "core"}).status_code == 204
    first, second = (ingestion.configure(*configure_resources("cspPromotion")).json() for _ in range(2))
    assert ("jobID" in first, "jobID" in second) == (True, False)


def test_a_job_can_be_added_in_a_dialect(control: Caller, ingestion: Caller) -> None:
    job_id = control.post("jobs", {"dialect": "pascal"}).json()["jobId"]
    assert ingestion.status(job_id).json()["jobStatus"] == "Completed"


def test_jobs_take_all_dialects_in_turn_when_the_setting_says_so(fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.change_settings(dialect="in-turn")
    for _ in DIALECTS:
        fresh_sandbox.state.add_job()
    assert {job.dialect.name for job in fresh_sandbox.state.jobs.all()} == set(DIALECTS)


def test_the_sample_jobs_have_every_dialect(fresh_sandbox: Sandbox, control: Caller) -> None:
    control.post("samples")
    assert {job.dialect.name for job in fresh_sandbox.state.jobs.all()} == set(DIALECTS)


def test_an_unknown_dialect_is_refused(control: Caller) -> None:
    answers = [control.post("next-job", {"seconds": 1, "dialect": "klingon"})]
    answers.append(control.session.patch(f"{control.base_url}/settings", json={"dialect": "klingon"}, timeout=5))
    assert [answer.status_code for answer in answers] == [400, 400]
    assert "plain" in answers[0].json()["error"]


def test_a_reset_goes_back_to_the_settings_of_the_start() -> None:
    with Sandbox.start(settings=SandboxSettings(dialect="pascal", page_size=7)) as sandbox:
        sandbox.state.change_settings(dialect="core", page_size=9)
        sandbox.state.reset()
        assert (sandbox.state.settings.dialect, sandbox.state.settings.page_size) == ("pascal", 7)


def test_the_detail_of_a_plain_job_shows_the_offer_and_then_its_prices(
    fresh_sandbox: Sandbox, ingestion: Caller
) -> None:
    detail = ingestion.get(f"configure/{fresh_sandbox.state.add_job()}").json()
    types = [resource["id"].partition("/")[0] for resource in detail["resources"]]
    assert types == ["private-offer", "price-and-availability-private-offer-plan"]


@pytest.mark.parametrize(
    "path", ["configure/no-guid/status", "private-offer/unknown", "nowhere", "resource-tree/product/1"]
)
def test_a_strict_client_reads_every_refusal(ingestion: Caller, path: str) -> None:
    answer = ingestion.get(path)
    assert answer.status_code >= 400
    check_refusal(json.loads(answer.text))


def test_a_strict_client_reads_the_refusal_of_a_bad_request(ingestion: Caller) -> None:
    answer = ingestion.configure(
        {"resourceName": "mine", "$schema": "x"}, *configure_resources("cspPromotion", name="")
    )
    assert answer.status_code == 400
    check_refusal(answer.json())
