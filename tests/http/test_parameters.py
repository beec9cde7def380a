"""Query parameters and ids from outside: each fault has its words, all are named at once, upstream is not asked."""

from collections.abc import Callable

import pytest

from sandbox.server import Sandbox
from tests.http.api import Answer, Api

HOSTILE_IDS = [
    "",
    ".",
    "..",
    "...",
    "../status",
    "a/b",
    "%2F",
    "a%2Fb",
    "a\\b",
    "a b",
    "a\n",
    "\x00",
    "a\x7f",
    "a'b",
    'a"b',
    "a?b=c",
    "a#b",
    "a;b",
    "a\u00e9",
    "\u202e",
    "\uff21",
    "\u0661",
    "\U0001f600",
    "\ud800",
    "a" * 101,
    "a" * 10_000,
    "{b3f49dff-381f-480d-a10e-17f4ce49b65f}",
    "b3f49dff381f480da10e17f4ce49b65f/",
]
ASKING_WITH_AN_ID: dict[str, Callable[[Api, str], Answer]] = {
    "a job": Api.job,
    "a job's check": Api.check,
    "a job's removal": Api.remove,
    "a job's offer": Api.offer_of_job,
    "a registration": lambda api, text: api.register({"jobId": text}),
    "a private offer": Api.private_offer,
    "a publisher": Api.cpp_offers,
    "a publisher's offer": lambda api, text: api.cpp_offer(text, "fine"),
    "a CPP offer": lambda api, text: api.cpp_offer("contoso", text),
    "a CPP offer's status": lambda api, text: api.cpp_status("contoso", text),
    "details by job": lambda api, text: api.offer_details(jobId=text),
    "details by private offer": lambda api, text: api.offer_details(privateOfferId=text),
    "details by publisher": lambda api, text: api.offer_details(publisherId=text, offerId="fine"),
    "details by CPP offer": lambda api, text: api.offer_details(publisherId="contoso", offerId=text),
}


@pytest.mark.parametrize("ask", ASKING_WITH_AN_ID.values(), ids=ASKING_WITH_AN_ID)
def test_a_hostile_id_is_a_fault_before_any_request(
    api: Api, fresh_sandbox: Sandbox, ask: Callable[[Api, str], Answer]
) -> None:
    for hostile in HOSTILE_IDS:
        answer = ask(api, hostile)
        assert answer.status in {400, 422}, hostile
        assert len(answer.faults) == 1
        assert "should be" in answer.faults[0]
        assert len(answer.body) < 1000
    assert fresh_sandbox.state.requests() == []


def test_both_ids_of_a_cpp_offer_and_every_parameter_are_named_in_one_answer(
    api: Api, fresh_sandbox: Sandbox
) -> None:
    answer = api.cpp_offer("..", "a b", slot="middle", version="-1", colour="blue")
    assert answer.status == 400
    assert [fault.split()[0] for fault in answer.faults] == ["'colour'", "publisherId", "offerId", "slot", "version"]
    assert len(api.cpp_status("..", "a b").faults) == 2
    assert fresh_sandbox.state.requests() == []


def test_every_fault_of_a_question_for_details_is_named_at_once(api: Api, fresh_sandbox: Sandbox) -> None:
    answer = api.offer_details(privateOfferId="a/b", jobId="7", publisherId="..", slot="x", version="1.0")
    assert answer.status == 400
    assert [fault.split()[0] for fault in answer.faults] == [
        "privateOfferId",
        "jobId",
        "publisherId",
        "slot",
        "version",
        "privateOfferId",
        "publisherId",
        "slot",
    ]
    assert fresh_sandbox.state.requests() == []


@pytest.mark.parametrize("limit", ["0", "-1", "1.0", "1e2", " 5", "+5", "5_0", "\u0665", "501", "9" * 5000, "five"])
def test_a_limit_is_a_whole_number_within_its_bounds(api: Api, limit: str) -> None:
    assert api.jobs(limit=limit).faults == ["limit should be a whole number from 1 to 500"]


def test_every_fault_of_a_listing_is_named_at_once(api: Api, fresh_sandbox: Sandbox) -> None:
    jobs = api.jobs(state="done", externalId="x" * 501, limit="0", cursor="", order="asc")
    assert jobs.status == 400
    assert [fault.split()[0] for fault in jobs.faults] == ["'order'", "state", "externalId", "cursor", "limit"]
    offers = api.private_offers(state="x" * 501, subState="", privateOfferType="", limit="1001", cursor="x" * 9000)
    assert [fault.split()[0] for fault in offers.faults] == [
        "limit",
        "state",
        "subState",
        "privateOfferType",
        "cursor",
    ]
    assert fresh_sandbox.state.requests() == []


@pytest.mark.parametrize("cursor", ["x", "!", "\u00e9", "AAAA", "cGVuZGluZw", "b3RoZXI6eA", "cGVuZGluZzoA", "%00"])
def test_a_cursor_that_no_listing_gave_out_is_400(api: Api, fresh_sandbox: Sandbox, cursor: str) -> None:
    assert api.jobs(cursor=cursor).status == 400
    assert api.private_offers(cursor=cursor).status == 400
    assert fresh_sandbox.state.requests() == []


def test_the_function_key_in_the_query_is_no_unknown_parameter(api: Api) -> None:
    assert api.jobs(code="a-key").status == 200
