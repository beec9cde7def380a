"""Offers of the Cloud Partner Portal over HTTP."""

import pytest

from sandbox.server import Sandbox
from tests.http.api import Api

PORTAL = "cloud-partner-portal"
OFFER = ("contoso", "contoso-succeeded")


def _paths(sandbox: Sandbox) -> list[str]:
    return [request.path for request in sandbox.state.requests(route=PORTAL)]


def test_the_draft_is_shown_unless_something_else_is_asked_for(api: Api, fresh_sandbox: Sandbox) -> None:
    answer = api.cpp_offer(*OFFER)
    assert (answer.status, answer.json["id"]) == (200, OFFER[1])
    assert _paths(fresh_sandbox) == ["/api/publishers/contoso/offers/contoso-succeeded"]


@pytest.mark.parametrize("slot", ["draft", "preview", "production", "PRODUCTION", "Preview"])
def test_a_slot_is_asked_for_in_any_case_and_spelt_as_documented(api: Api, fresh_sandbox: Sandbox, slot: str) -> None:
    assert api.cpp_offer(*OFFER, slot=slot).status == 200
    assert _paths(fresh_sandbox)[0].endswith(f"/slot/{slot.capitalize()}")


def test_a_version_is_asked_for_by_its_number(api: Api, fresh_sandbox: Sandbox) -> None:
    version = api.cpp_offer(*OFFER).json["version"]
    assert api.cpp_offer(*OFFER, version=str(version)).json["version"] == version
    assert api.cpp_offer(*OFFER, version="7").status == 404
    assert _paths(fresh_sandbox)[-1].endswith("/versions/7")


def test_a_slot_that_the_offer_never_reached_is_404(api: Api) -> None:
    answer = api.cpp_offer("contoso", "contoso-neverpublished", slot="production")
    assert (answer.status, answer.json["upstreamStatus"]) == (404, 404)


@pytest.mark.parametrize(
    "query",
    [
        {"slot": "draft", "version": "1"},
        {"slot": "staging"},
        {"version": "-1"},
        {"version": "1.0"},
        {"version": "9223372036854775808"},
        {"version": "\u0661"},
        {"state": "draft"},
    ],
)
def test_a_faulty_query_is_400_before_any_request(api: Api, fresh_sandbox: Sandbox, query: dict[str, str]) -> None:
    answer = api.cpp_offer(*OFFER, **query)
    assert (answer.status, len(answer.faults)) == (400, 1)
    assert fresh_sandbox.state.requests() == []


def test_an_offers_bytes_are_passed_on(api: Api, fresh_sandbox: Sandbox) -> None:
    body = '{ "id" : "Contoso-Succeeded", "version": 9007199254740993, "price": 2.0, "t": "\\u00e9"}'
    fresh_sandbox.state.fault("any_answer", route=f"{PORTAL}.offer", status=200, body=body)
    assert api.cpp_offer(*OFFER).body == body.encode()


def test_the_list_is_upstreams_own_array(api: Api) -> None:
    answer = api.cpp_offers("contoso")
    assert answer.status == 200
    assert OFFER[1] in {offer["id"] for offer in answer.json}


def test_the_publishing_status_comes_with_its_steps(api: Api) -> None:
    answer = api.cpp_status("contoso", "contoso-running")
    assert (answer.status, bool(answer.json["steps"])) == (200, True)


def test_ids_with_dots_and_underscores_reach_upstream_as_they_are(api: Api, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.add_cpp_offer("tail.spin_1", "to-ys.2")
    assert api.cpp_offer("tail.spin_1", "to-ys.2").status == 200


def test_the_token_of_the_other_api_is_not_used_here(api: Api, fresh_sandbox: Sandbox) -> None:
    api.private_offers()
    api.cpp_offers("contoso")
    audiences = {
        request.route.partition(".")[0]: request.token_audience
        for request in fresh_sandbox.state.requests()
        if request.token_audience
    }
    assert len(set(audiences.values())) == 2
