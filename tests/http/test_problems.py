"""What upstream's answers become for the caller (docs/promises.md, promise 10), and what a problem holds."""

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.clock import FakeClock
from tests.http.api import Answer, Api

INGESTION, PORTAL = "product-ingestion", "cloud-partner-portal"
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "400": ("bad_request", {}),
    "404": ("not_found", {}),
    "404 as a text": ("json_string", {}),
    "401": ("expired_token", {}),
    "401 without a body": ("unauthorized_empty", {}),
    "403": ("role_missing", {}),
    "409": ("any_answer", {"status": 409}),
    "429": ("too_many_requests", {}),
    "500": ("server_error", {"status": 500}),
    "503": ("server_error", {"status": 503, "retryAfterSeconds": 7}),
    "HTML": ("html_body", {}),
    "502 in HTML": ("html_body", {"status": 502}),
    "nothing": ("empty_body", {}),
    "cut JSON": ("invalid_json", {}),
    "a cut body": ("cut_body", {}),
    "not UTF-8": ("wrong_encoding", {}),
    "another shape": ("wrong_shape", {"body": "text"}),
    "deep nesting": ("deep_nesting", {}),
    "a redirect": ("redirect", {}),
    "a reset": ("reset", {}),
    "a huge body": ("huge_body", {"megabytes": 20}),
    "silence": ("hang", {}),
    "a body in drops": ("slow_body", {}),
    "headers in drops": ("slow_headers", {}),
}
USUALLY = {
    **dict.fromkeys(FAULTS, (502, "upstream-failed")),
    "400": (400, "upstream-rejected"),
    "404": (404, "upstream-not-found"),
    "404 as a text": (404, "upstream-not-found"),
    "401": (502, "credential-refused"),
    "401 without a body": (502, "credential-refused"),
    "403": (502, "credential-refused"),
    "409": (502, "upstream-rejected"),
    "429": (503, "upstream-throttled"),
    "silence": (504, "upstream-timeout"),
    "a body in drops": (504, "upstream-timeout"),
    "headers in drops": (504, "upstream-timeout"),
}


def _problem(answer: Answer) -> tuple[int, str]:
    problem = answer.json
    assert answer.headers["Content-Type"] == "application/problem+json; charset=utf-8", answer
    assert set(problem) >= {"type", "title", "status", "detail"}
    assert problem["status"] == answer.status
    return answer.status, problem["type"].removeprefix("urn:problem:offer-monitor:")


def _switch_on(sandbox: Sandbox, fault: str, route: str) -> None:
    kind, parameters = FAULTS[fault]
    named = {"retryAfterSeconds": "retry_after_seconds"}
    sandbox.state.fault(kind, route=route, **{named.get(name, name): value for name, value in parameters.items()})


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_of_product_ingestion_becomes_its_problem(
    api: Api, fresh_sandbox: Sandbox, settings_in_environment: pytest.MonkeyPatch, fault: str
) -> None:
    if USUALLY[fault] != (504, "upstream-timeout"):
        # Repeating a request, or reading a large answer, may take a while on a busy machine.
        settings_in_environment.setenv("UPSTREAM_TIMEOUT_SECONDS", "30")
    offer_id = fresh_sandbox.state.add_private_offer()
    _switch_on(fresh_sandbox, fault, INGESTION)
    assert _problem(api.private_offer(offer_id)) == USUALLY[fault]


@pytest.mark.parametrize("fault", ["400", "404", "404 as a text", "401", "403", "429", "503", "HTML", "a redirect"])
def test_an_answer_of_the_cloud_partner_portal_becomes_its_problem(
    api: Api, fresh_sandbox: Sandbox, fault: str
) -> None:
    _switch_on(fresh_sandbox, fault, PORTAL)
    expected = (403, "upstream-access-denied") if fault == "403" else USUALLY[fault]
    assert _problem(api.cpp_offer("contoso", "contoso-succeeded")) == expected
    assert _problem(api.cpp_offers("contoso")) == expected


def test_a_problem_says_upstreams_status_code_and_request_id(api: Api, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("bad_request", route=INGESTION)
    problem = api.private_offers().json
    assert (problem["status"], problem["upstreamStatus"]) == (400, 400)
    assert problem["upstreamCode"]
    assert problem["upstreamRequestId"]


def test_a_publisher_without_access_is_403_with_what_upstream_said(api: Api) -> None:
    answer = api.cpp_offer("fabrikam", "anything")
    assert (answer.status, answer.json["upstreamStatus"]) == (403, 403)


@pytest.mark.parametrize("form", ["seconds", "date", "none"])
def test_throttling_is_503_that_passes_retry_after_on(
    api: Api, fresh_sandbox: Sandbox, clock: FakeClock, form: str
) -> None:
    retry_at = format_datetime(clock.now() + timedelta(seconds=120), usegmt=True)
    headers = {"seconds": {"Retry-After": "120"}, "date": {"Retry-After": retry_at}, "none": {}}[form]
    job_id = fresh_sandbox.state.add_job(script=[{"status": 429, "headers": headers, "body": {}}])
    api.register({"jobId": job_id})
    answer = api.check(job_id)
    assert _problem(answer) == (503, "upstream-throttled")
    assert answer.headers["Retry-After"] == {"seconds": "120", "date": "120", "none": "60"}[form]
    assert api.job(job_id).json["nextPollAt"] == {"none": "2026-11-20T09:01:00Z"}.get(form, "2026-11-20T09:02:00Z")


def test_a_token_rejected_once_is_renewed_and_the_caller_notices_nothing(api: Api, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    assert api.private_offer(offer_id).status == 200
    fresh_sandbox.state.revoke_tokens()
    assert api.private_offer(offer_id).status == 200
    fresh_sandbox.state.fault("expired_token", route=INGESTION, count=2)
    assert _problem(api.private_offer(offer_id)) == (502, "credential-refused")


def test_a_refused_token_is_the_apps_own_fault(api: Api, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("token_refused", route="tokens")
    answer = api.private_offers()
    assert _problem(answer) == (502, "credential-refused")
    assert "AADSTS7000215" in answer.json["detail"]
    assert fresh_sandbox.client_secret not in answer.body.decode()
    assert fresh_sandbox.state.requests(route=INGESTION) == []


def test_no_problem_shows_a_token_a_secret_or_a_signed_link(api: Api, fresh_sandbox: Sandbox) -> None:
    body = {"error": {"code": "x", "message": "see https://blob.example/x?sig=SECRETSIG&se=1 now", "details": []}}
    fresh_sandbox.state.fault("any_answer", route=INGESTION, status=400, body=body)
    shown = api.private_offers().body.decode()
    assert "SECRETSIG" not in shown
    assert "eyJ" not in shown


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        (
            ["PARTNER_CENTER_TENANT_ID", "PARTNER_CENTER_CLIENT_ID", "PARTNER_CENTER_CLIENT_SECRET"],
            ["PARTNER_CENTER_TENANT_ID", "PARTNER_CENTER_CLIENT_ID", "PARTNER_CENTER_CLIENT_SECRET"],
        ),
        (["AzureWebJobsStorage"], ["AzureWebJobsStorage"]),
    ],
)
def test_absent_settings_are_a_500_that_names_each(
    api: Api, settings_in_environment: pytest.MonkeyPatch, settings: list[str], faults: list[str]
) -> None:
    for name in settings:
        settings_in_environment.delenv(name)
    for answer in (api.private_offers(), api.cpp_offers("contoso"), api.offer_details(privateOfferId="1")):
        assert _problem(answer) == (500, "settings-invalid")
        assert len(answer.faults) == len(faults)
        assert all(any(name in fault for fault in answer.faults) for name in faults)


def test_storage_that_cannot_be_reached_is_503(api: Api, settings_in_environment: pytest.MonkeyPatch) -> None:
    settings_in_environment.setenv("AzureWebJobsStorage", "UseDevelopmentStorage=true")
    settings_in_environment.setenv("AZURITE_TABLE_PORT", "1")
    settings_in_environment.setattr("shared.storage.retrying.DEFAULT_SECONDS", 0.0)
    answer = api.job("b3f49dff-381f-480d-a10e-17f4ce49b65f")
    assert _problem(answer) == (503, "storage")
    assert answer.headers["Retry-After"] == "60"


def test_an_unforeseen_error_is_500_and_tells_nothing(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    def find_handler(_: object) -> Any:  # noqa: ANN401 - it never gets so far
        raise KeyError("an inner secret")

    answer = api.call(find_handler)
    assert _problem(answer) == (500, "internal")
    assert "inner" not in answer.body.decode()
    assert "an inner secret" in caplog.text
