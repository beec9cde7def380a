"""Both kinds of offer in one call."""

import json
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.upstream.cloud_partner_portal import CloudPartnerPortal
from shared.upstream.product_ingestion import ProductIngestion
from tests.http.api import Answer, Api
from tests.http.side_by_side import meet_before

CPP = {"publisherId": "contoso", "offerId": "contoso-succeeded"}
NOWHERE = {"publisherId": "contoso", "offerId": "nowhere"}


def _parts(answer: Answer) -> tuple[bool, bool, list[int]]:
    assert set(answer.json) == {"privateOffer", "cppOffer", "problems"}
    problems: list[dict[str, Any]] = answer.json["problems"]
    return (
        answer.json["privateOffer"] is not None,
        answer.json["cppOffer"] is not None,
        [problem["status"] for problem in problems],
    )


def test_both_come_in_one_answer_and_one_alone_leaves_the_other_null(api: Api, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    assert _parts(api.offer_details(privateOfferId=offer_id, **CPP)) == (True, True, [])
    assert _parts(api.offer_details(privateOfferId=f"private-offer/{offer_id}")) == (True, False, [])
    assert _parts(api.offer_details(**CPP)) == (False, True, [])


def test_an_unavailable_part_is_a_problem_beside_the_other(api: Api, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    answer = api.offer_details(privateOfferId=offer_id, **NOWHERE)
    assert (answer.status, _parts(answer)) == (200, (True, False, [404]))
    answer = api.offer_details(privateOfferId="unknown", **CPP)
    assert (answer.status, _parts(answer)) == (200, (False, True, [404]))


def test_without_any_part_the_first_problem_is_the_answer(api: Api, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("too_many_requests", route="product-ingestion", retry_after_seconds=9)
    answer = api.offer_details(privateOfferId="unknown", **NOWHERE)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "9")
    assert answer.headers["Content-Type"] == "application/problem+json; charset=utf-8"
    assert api.offer_details(publisherId="fabrikam", offerId="x").status == 403


def test_slot_and_version_choose_the_cpp_offer(api: Api, fresh_sandbox: Sandbox) -> None:
    assert _parts(api.offer_details(**CPP, slot="Production")) == (False, True, [])
    assert fresh_sandbox.state.requests(route="cloud-partner-portal")[-1].path.endswith("/slot/Production")
    assert api.offer_details(**CPP, version="7").status == 404


def test_a_job_id_leads_to_its_private_offer_or_says_why_not(api: Api, fresh_sandbox: Sandbox) -> None:
    state = fresh_sandbox.state
    jobs = {
        200: state.add_job(),
        409: state.add_job(outcome="failed", errors=[{"code": "x"}]),
        410: state.add_job(operation="delete"),
    }
    pending = state.add_job(seconds=None)
    for job_id in (*jobs.values(), pending):
        api.register({"jobId": job_id})
        assert api.check(job_id).status == 200
    for status, job_id in jobs.items():
        assert api.offer_details(jobId=job_id.upper()).status == status
        assert api.offer_details(jobId=job_id, **CPP).status == 200
    answer = api.offer_details(jobId=pending)
    assert (answer.status, answer.headers["Retry-After"]) == (409, "60")
    failed = api.offer_details(jobId=jobs[409], **CPP)
    assert failed.json["problems"][0]["errors"][0]["code"] == "x"


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ({}, 1),
        ({"privateOfferId": "1", "jobId": "b3f49dff-381f-480d-a10e-17f4ce49b65f"}, 1),
        ({"publisherId": "contoso"}, 1),
        ({"offerId": "x"}, 1),
        ({**CPP, "slot": "draft", "version": "1"}, 1),
        ({"privateOfferId": "1", "slot": "draft"}, 1),
        ({"privateOfferId": "private-offer/private-offer/1"}, 1),
        ({"slot": "draft"}, 2),
        ({"privateofferid": "1"}, 2),
    ],
)
def test_a_contradictory_query_is_400_before_any_request(
    api: Api, fresh_sandbox: Sandbox, query: dict[str, str], faults: int
) -> None:
    answer = api.offer_details(**query)
    assert (answer.status, len(answer.faults)) == (400, faults)
    assert fresh_sandbox.state.requests() == []


def test_both_parts_are_fetched_side_by_side(
    api: Api, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    meet_before(monkeypatch, (ProductIngestion, "private_offer"), (CloudPartnerPortal, "offer"))
    assert _parts(api.offer_details(privateOfferId=offer_id, **CPP)) == (True, True, [])


def test_both_parts_are_in_the_answer_as_they_came(api: Api, fresh_sandbox: Sandbox) -> None:
    odd = '"a": 2.0, "b": 9223372036854775807, "c": "\\ud83d\\ude00"}'
    private_offer, cpp_offer = f'{{"id": "private-offer/1", {odd}', f'{{"id": "contoso-succeeded", {odd}'
    for route, body in (
        ("product-ingestion.private-offer", private_offer),
        ("cloud-partner-portal.offer", cpp_offer),
    ):
        fresh_sandbox.state.fault("any_answer", route=route, status=200, body=body)
    answer = api.offer_details(privateOfferId="1", **CPP)
    assert f'{{"privateOffer":{private_offer},"cppOffer":{cpp_offer},'.encode() in answer.body
    assert json.loads(answer.body)["cppOffer"]["c"] == "\U0001f600"
