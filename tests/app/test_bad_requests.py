"""Hostile requests through the host: each gets its answer without a secret, and none reaches upstream."""

import json

import pytest

from sandbox.server import Sandbox
from tests.app.app import KEY, App, JobsTable

JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"
HOSTILE = [
    "a%2Fb",
    "..%2F..",
    "%2e%2e%2fstatus",
    "%2E%2E%5C",
    "%252F",
    "...",
    "a%00b",
    "a%0Ab",
    "a%7Fb",
    "%FF%FE",
    "%22%27%3B--",
    "%27%20or%20%271%27%20eq%20%271",
    "%C3%A9",
    "%E2%80%AE",
    "%F0%9F%98%80",
    "%EF%BC%A1",
    "x" * 6000,
]
PATHS = [
    "jobs/{}",
    "jobs/{}/private-offer",
    "private-offers/{}",
    "cpp/publishers/{}/offers",
    "cpp/publishers/{}/offers/fine",
    "cpp/publishers/contoso/offers/{}",
    "cpp/publishers/contoso/offers/{}/status",
    "offer-details?privateOfferId={}",
    "offer-details?jobId={}",
    "offer-details?publisherId={}&offerId=x",
    "offer-details?publisherId=contoso&offerId={}",
    "jobs?state={}",
    "jobs?limit={}",
    "jobs?cursor={}",
    "private-offers?cursor={}",
    "private-offers?limit={}",
    "cpp/publishers/contoso/offers/fine?slot={}",
    "cpp/publishers/contoso/offers/fine?version={}",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_hostile_value_is_400_with_its_fault_named_before_any_request(
    app: App, fresh_sandbox: Sandbox, path: str
) -> None:
    for hostile in HOSTILE:
        answer = app.ask("GET", f"api/{path.format(hostile)}")
        assert answer.status_code == 400, (hostile, answer.text)
        if "%00" in hostile and "?" not in path:
            continue  # the host itself refuses a NUL in a path, without a body
        assert answer.json()["faults"], hostile
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert fresh_sandbox.state.requests() == []


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_checks_and_removals_of_hostile_ids_are_400(app: App, fresh_sandbox: Sandbox, method: str) -> None:
    suffix = "/check" if method == "POST" else ""
    for hostile in HOSTILE:
        assert app.ask(method, f"api/jobs/{hostile}{suffix}").status_code == 400, hostile
    assert fresh_sandbox.state.requests() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"jobId": "\xff"}', 400),
        (b"[]", 422),
        (b"null", 422),
        (b"{}", 422),
        (json.dumps({"jobId": JOB_ID, "label": "x" * 201}).encode(), 422),
        (json.dumps({"jobId": JOB_ID, "unknown": 1}).encode(), 422),
        (json.dumps({"jobID": JOB_ID, "unknown": 1, "jobStatus": 5}).encode(), 202),
        (json.dumps({"jobId": JOB_ID}).encode().ljust(256 * 1024 + 1), 413),
        (b" " * 5_000_000, 413),
    ],
)
def test_a_body_is_read_or_refused_with_a_reason(
    app: App, fresh_sandbox: Sandbox, table: JobsTable, body: bytes, status: int
) -> None:
    answer = app.ask("POST", "api/jobs", data=body)
    assert answer.status_code == status, answer.text
    if status != 202:
        assert answer.headers["Content-Type"] == "application/problem+json; charset=utf-8"
        assert answer.json()["status"] == status
        assert table.rows("pending") == []
    assert fresh_sandbox.state.requests() == []


@pytest.mark.parametrize(
    "path",
    [
        "jobs",
        f"jobs/{JOB_ID}",
        "private-offers",
        "offer-details?jobId=1",
        "cpp/publishers/a/offers",
        "health/details",
    ],
)
@pytest.mark.parametrize("key", [None, "", "wrong", f"{KEY}\u00e9"])
def test_a_request_without_the_key_is_401(app: App, path: str, key: str | None) -> None:
    headers = {} if key is None else {"x-functions-key": key.encode()}
    assert app.ask("GET", f"api/{path}", key=None, headers=headers).status_code == 401


def test_the_key_may_travel_in_the_query_and_stays_out_of_location_and_log(app: App) -> None:
    answer = app.ask("POST", f"api/jobs?code={KEY}", key=None, json={"jobId": JOB_ID})
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"{app.host.url}/api/jobs/{JOB_ID}"
    assert not any("code=" in line for line in app.host.lines)


def test_health_needs_no_key_and_says_one_word(app: App) -> None:
    answer = app.ask("GET", "api/health", key=None)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(("method", "path"), [("PUT", "jobs"), ("GET", "nowhere"), ("POST", "private-offers")])
def test_an_unknown_route_or_method_is_404(app: App, method: str, path: str) -> None:
    assert app.ask(method, f"api/{path}").status_code == 404


def test_an_empty_parameter_is_400_and_is_not_left_out(app: App) -> None:
    answer = app.get("jobs", externalId="", label="a")
    assert (answer.status_code, answer.json()["faults"]) == (400, ["externalId should have at least 1 character"])
