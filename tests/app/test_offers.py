"""Offers through the host: bytes, entity tags and common headers as they arrive on the wire."""

import pytest
from requests import Response

from sandbox.server import Sandbox
from tests.app.app import App

OFFER = (
    '{ "id":"private-offer/1","eTag" : "\\"7d02-1\\"", "big":9223372036854775807, "two":2.0,"tenth":0.10,'
    ' "text":"\\u00e9\\ud83d\\ude00\\/", "plain":"\u00e9\U0001f600"}\n'
)
JSON_TYPE = "application/json; charset=utf-8"


def _assert_common(answer: Response) -> None:
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_offers_of_both_kinds_arrive_byte_for_byte(app: App, fresh_sandbox: Sandbox) -> None:
    for route in ("product-ingestion.private-offer", "cloud-partner-portal.offer"):
        fresh_sandbox.state.fault("any_answer", route=route, status=200, body=OFFER)
    for path in ("private-offers/1", "cpp/publishers/contoso/offers/contoso-succeeded"):
        answer = app.get(path)
        assert (answer.status_code, answer.content) == (200, OFFER.encode())
        assert answer.headers["Content-Type"] == JSON_TYPE
        _assert_common(answer)


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [('"7d02-1"', 304), ('W/"7d02-1"', 304), ('"x", "7d02-1"', 304), ("*", 304), ('"x"', 200)],
)
def test_a_conditional_request_is_answered_304_with_the_same_tag(
    app: App, fresh_sandbox: Sandbox, if_none_match: str, status: int
) -> None:
    fresh_sandbox.state.fault("any_answer", route="product-ingestion.private-offer", status=200, body=OFFER)
    answer = app.ask("GET", "api/private-offers/1", headers={"If-None-Match": if_none_match})
    assert (answer.status_code, answer.headers["ETag"]) == (status, '"7d02-1"')
    assert answer.headers["Content-Type"] == JSON_TYPE
    assert bool(answer.content) == (status == 200)
    _assert_common(answer)


def test_the_list_is_followed_page_by_page(app: App, fresh_sandbox: Sandbox) -> None:
    ids = {f"private-offer/{fresh_sandbox.state.add_private_offer()}" for _ in range(5)}
    first = app.get("private-offers", limit="3").json()
    second = app.get("private-offers", limit="3", cursor=first["nextCursor"]).json()
    assert {offer["id"] for offer in first["privateOffers"] + second["privateOffers"]} == ids
    assert (len(first["privateOffers"]), second["nextCursor"]) == (3, None)


def test_one_call_returns_offers_of_both_kinds(app: App, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    answer = app.get(
        "offer-details", privateOfferId=f"private-offer/{offer_id}", publisherId="contoso", offerId="nowhere"
    )
    assert answer.status_code == 200
    assert answer.json()["privateOffer"]["id"] == f"private-offer/{offer_id}"
    assert (answer.json()["cppOffer"], answer.json()["problems"][0]["status"]) == (None, 404)
    _assert_common(answer)


def test_every_answer_has_the_common_headers(app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    answers = [
        app.post("jobs", {"jobId": job_id}),
        app.post("jobs", {"jobId": job_id}),
        app.post(f"jobs/{job_id}/check"),
        app.get(f"jobs/{job_id}"),
        app.delete(f"jobs/{job_id}"),
        app.delete(f"jobs/{job_id}"),
        app.get("jobs", limit="0"),
        app.ask("GET", "api/health", key=None),
        app.get("health/details"),
    ]
    assert [answer.status_code for answer in answers] == [202, 200, 200, 200, 204, 404, 400, 200, 200]
    for answer in answers:
        _assert_common(answer)


def test_upstream_that_answers_too_slowly_is_504(impatient_app: App, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("slow_body", route="product-ingestion")
    answer = impatient_app.get("private-offers/1")
    assert (answer.status_code, answer.json()["type"]) == (504, "urn:problem:offer-monitor:upstream-timeout")
