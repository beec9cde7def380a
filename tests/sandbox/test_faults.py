"""Every fault, as a caller sees it."""

import asyncio
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from requests.exceptions import ChunkedEncodingError, ReadTimeout

from sandbox.server import Sandbox
from tests.sandbox.conftest import Caller, token_for

STATUS_ROUTE = "product-ingestion.job-status"
SECONDS_PER_BYTE = 0.25


@pytest.fixture
def job_id(fresh_sandbox: Sandbox) -> str:
    """A job to ask about while faults are on."""
    return fresh_sandbox.state.add_job(dialect="private-offer")


@pytest.mark.parametrize(
    ("kind", "parameters", "status"),
    [
        ("expired_token", {}, 401),
        ("unauthorized_empty", {}, 401),
        ("role_missing", {}, 403),
        ("not_found", {}, 404),
        ("bad_request", {}, 400),
        ("too_many_requests", {}, 429),
        ("server_error", {}, 503),
        ("server_error", {"status": 500}, 500),
        ("server_error", {"status": 502}, 502),
        ("any_answer", {"status": 418}, 418),
        ("redirect", {}, 302),
        ("token_refused", {}, 401),
        ("empty_body", {}, 200),
        ("empty_body", {"status": 503}, 503),
        ("html_body", {"status": 502}, 502),
        ("json_string", {"status": 422}, 422),
    ],
)
def test_a_refusal_has_its_status(
    fresh_sandbox: Sandbox, ingestion: Caller, job_id: str, kind: str, parameters: dict[str, Any], status: int
) -> None:
    fresh_sandbox.state.fault(kind, route=STATUS_ROUTE, count=None, **parameters)
    assert ingestion.status(job_id).status_code == status


def test_each_api_reports_an_expired_token_in_its_own_words(
    fresh_sandbox: Sandbox, ingestion: Caller, portal: Caller
) -> None:
    fresh_sandbox.state.fault("expired_token")
    codes = [answer.json()["error"]["code"] for answer in (ingestion.get("product"), portal.get("publishers"))]
    assert codes == ["InvalidAuthenticationToken", "Unauthorized"]


def test_retry_after_is_written_in_seconds(fresh_sandbox: Sandbox, ingestion: Caller, job_id: str) -> None:
    fresh_sandbox.state.fault("too_many_requests", retry_after_seconds=42)
    assert ingestion.status(job_id).headers["Retry-After"] == "42"


def test_retry_after_is_written_as_a_date(fresh_sandbox: Sandbox, ingestion: Caller, job_id: str) -> None:
    fresh_sandbox.state.fault("too_many_requests", retry_after_seconds=90, retry_after_form="date")
    moment = parsedate_to_datetime(ingestion.status(job_id).headers["Retry-After"])
    assert 80 < (moment - datetime.now(UTC)).total_seconds() <= 90


def test_a_throttled_answer_can_go_without_retry_after(
    fresh_sandbox: Sandbox, ingestion: Caller, job_id: str
) -> None:
    fresh_sandbox.state.fault("too_many_requests", retry_after_form="none")
    assert "Retry-After" not in ingestion.status(job_id).headers


def test_a_server_error_can_have_retry_after(fresh_sandbox: Sandbox, ingestion: Caller, job_id: str) -> None:
    fresh_sandbox.state.fault("server_error", retry_after_seconds=5)
    assert ingestion.status(job_id).headers["Retry-After"] == "5"


@pytest.mark.parametrize("kind", ["empty_body", "html_body", "invalid_json", "wrong_encoding"])
def test_a_spoiled_body_is_not_json(fresh_sandbox: Sandbox, ingestion: Caller, job_id: str, kind: str) -> None:
    fresh_sandbox.state.fault(kind)
    answer = ingestion.status(job_id)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"codec can't decode|Expecting value|Unterminated string"):
        json.loads(answer.content.decode())


@pytest.mark.parametrize("kind", ["surplus_whitespace", "byte_order_mark"])
def test_padding_leaves_the_body_as_it_is(fresh_sandbox: Sandbox, ingestion: Caller, job_id: str, kind: str) -> None:
    usual = ingestion.status(job_id).json()
    fresh_sandbox.state.fault(kind)
    answer = ingestion.status(job_id)
    assert json.loads(answer.content.decode("utf-8-sig")) == usual


def test_a_body_of_the_wrong_shape_is_the_requested_one(
    fresh_sandbox: Sandbox, ingestion: Caller, job_id: str
) -> None:
    fresh_sandbox.state.fault("wrong_shape", body={"value": None})
    assert ingestion.status(job_id).json() == {"value": None}


def test_deep_nesting_is_deep(fresh_sandbox: Sandbox, ingestion: Caller, job_id: str) -> None:
    fresh_sandbox.state.fault("deep_nesting")
    assert ingestion.status(job_id).text.startswith("[" * 50_000)


def test_a_huge_body_is_as_large_as_it_says(fresh_sandbox: Sandbox, ingestion: Caller, job_id: str) -> None:
    fresh_sandbox.state.fault("huge_body", megabytes=2)
    answer = ingestion.status(job_id)
    assert len(answer.content) == int(answer.headers["Content-Length"]) == 2 * 1_048_576
    assert answer.json() == {}


def test_a_redirect_leads_to_a_foreign_host(fresh_sandbox: Sandbox, ingestion: Caller, job_id: str) -> None:
    fresh_sandbox.state.fault("redirect")
    assert ingestion.status(job_id).headers["Location"] == "https://evil.example/"


def test_a_next_link_can_lead_to_a_foreign_host(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    fresh_sandbox.state.fault("foreign_next_link", route="product-ingestion.private-offers")
    assert ingestion.get("private-offer/query").json()["@nextLink"] == "https://evil.example/next"


def test_a_next_link_can_lead_in_a_circle(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    fresh_sandbox.state.fault("circular_next_link", route="product-ingestion.private-offers")
    first = ingestion.get("private-offer/query").json()["@nextLink"]
    assert ingestion.session.get(first, timeout=5).json()["@nextLink"] == first


def test_a_list_that_is_a_bare_array_has_no_place_for_a_next_link(fresh_sandbox: Sandbox, portal: Caller) -> None:
    fresh_sandbox.state.add_cpp_offer("arrays", "vm")
    fresh_sandbox.state.fault("foreign_next_link", route="cloud-partner-portal.offers")
    answer = portal.get("publishers/arrays/offers")
    assert [offer["id"] for offer in answer.json()] == ["vm"]


def test_a_cut_body_ends_before_its_content_length(fresh_sandbox: Sandbox, ingestion: Caller, job_id: str) -> None:
    fresh_sandbox.state.fault("cut_body")
    with pytest.raises(ChunkedEncodingError, match="IncompleteRead"):
        ingestion.status(job_id)


@pytest.mark.parametrize(("kind", "parameters"), [("reset", {}), ("answer_lost", {}), ("hang", {"seconds": 0.1})])
def test_a_connection_is_reset(
    fresh_sandbox: Sandbox, ingestion: Caller, job_id: str, kind: str, parameters: dict[str, Any]
) -> None:
    fresh_sandbox.state.fault(kind, count=None, **parameters)
    with pytest.raises(requests.ConnectionError, match="reset"):
        ingestion.status(job_id)


def test_a_lost_answer_has_done_its_work(fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("answer_lost", route="tokens.token", count=1)
    with pytest.raises(requests.ConnectionError):
        token_for(fresh_sandbox, "https://graph.microsoft.com")
    assert fresh_sandbox.state.revoke_tokens() >= 1


def test_a_hanging_request_outlasts_the_callers_timeout(
    fresh_sandbox: Sandbox, ingestion: Caller, job_id: str
) -> None:
    fresh_sandbox.state.fault("hang")
    with pytest.raises(ReadTimeout):
        ingestion.session.get(
            f"{ingestion.base_url}/configure/{job_id}/status", params={"$version": "2022-07-01"}, timeout=0.2
        )


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that the sandbox asks for, in seconds. Those for a byte end at once."""
    begun: list[float] = []
    sleep = asyncio.sleep

    async def record(seconds: float) -> None:
        begun.append(seconds)
        await sleep(0 if seconds == SECONDS_PER_BYTE else seconds)

    monkeypatch.setattr(asyncio, "sleep", record)
    return begun


def test_a_delayed_answer_is_the_usual_one_after_a_wait(
    fresh_sandbox: Sandbox, ingestion: Caller, job_id: str, waits: list[float]
) -> None:
    usual = ingestion.status(job_id).json()
    assert waits == []
    fresh_sandbox.state.fault("delay", seconds=0.05)
    assert ingestion.status(job_id).json() == usual
    assert waits


@pytest.mark.parametrize("kind", ["slow_body", "slow_headers"])
def test_a_slow_answer_is_the_usual_one_with_a_wait_after_each_byte(
    fresh_sandbox: Sandbox, ingestion: Caller, job_id: str, waits: list[float], kind: str
) -> None:
    usual = ingestion.status(job_id).json()
    fresh_sandbox.state.fault(kind, bytes_per_second=1 / SECONDS_PER_BYTE)
    slow = ingestion.status(job_id)
    assert slow.json() == usual
    headers = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 000\r\n\r\n"
    length = len(slow.content) if kind == "slow_body" else len(headers)
    assert set(waits) == {SECONDS_PER_BYTE}
    assert len(waits) >= length - 1  # the caller does not wait for the last one


def test_a_fault_hits_a_set_number_of_requests(fresh_sandbox: Sandbox, ingestion: Caller, job_id: str) -> None:
    fresh_sandbox.state.fault("server_error", count=2)
    assert [ingestion.status(job_id).status_code for _ in range(3)] == [503, 503, 200]


def test_faults_are_taken_in_the_order_in_which_they_were_set(
    fresh_sandbox: Sandbox, ingestion: Caller, job_id: str
) -> None:
    for status in (500, 502):
        fresh_sandbox.state.fault("server_error", count=1, status=status)
    assert [ingestion.status(job_id).status_code for _ in range(3)] == [500, 502, 200]


def test_a_fault_hits_only_its_job(fresh_sandbox: Sandbox, ingestion: Caller, job_id: str) -> None:
    other = fresh_sandbox.state.add_job()
    fresh_sandbox.state.fault("not_found", job_id=job_id.upper())
    assert [ingestion.status(each).status_code for each in (job_id, other)] == [404, 200]


def test_a_fault_hits_only_its_route_its_method_and_its_path(
    fresh_sandbox: Sandbox, ingestion: Caller, portal: Caller, job_id: str
) -> None:
    fresh_sandbox.state.fault("not_found", route="cloud-partner-portal")
    fresh_sandbox.state.fault("not_found", method="post")
    fresh_sandbox.state.fault("not_found", path_contains="/private-offer/")
    statuses = [
        ingestion.status(job_id).status_code,
        portal.get("publishers").status_code,
        ingestion.post("configure").status_code,
        ingestion.get("private-offer/query").status_code,
    ]
    assert statuses == [200, 404, 404, 404]


def test_one_fault_or_all_can_be_cleared(fresh_sandbox: Sandbox, ingestion: Caller, job_id: str) -> None:
    first = fresh_sandbox.state.fault("server_error")
    fresh_sandbox.state.fault("not_found")
    fresh_sandbox.state.clear_faults(first)
    assert ingestion.status(job_id).status_code == 404
    fresh_sandbox.state.clear_faults()
    assert ingestion.status(job_id).status_code == 200


def test_a_fault_or_a_route_that_does_not_exist_is_refused(fresh_sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="unknown fault 'gremlin'"):
        fresh_sandbox.state.fault("gremlin")
    with pytest.raises(ValueError, match="unknown route 'job-status'"):
        fresh_sandbox.state.fault("reset", route="job-status")


@pytest.mark.parametrize("body", [{"a": None, "b": [True]}, [], 5, False, "", "text"])
def test_any_answer_writes_a_text_as_it_is_and_anything_else_as_json(
    fresh_sandbox: Sandbox, ingestion: Caller, job_id: str, body: object
) -> None:
    fresh_sandbox.state.fault("any_answer", route=STATUS_ROUTE, body=body)
    assert ingestion.status(job_id).text == (body if isinstance(body, str) else json.dumps(body))
