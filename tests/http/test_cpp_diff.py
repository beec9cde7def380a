"""Two states of an offer of the Cloud Partner Portal, compared over HTTP."""

import pytest

from sandbox.server import Sandbox
from shared.upstream.cloud_partner_portal import CloudPartnerPortal
from tests.http.api import Answer, Api
from tests.http.side_by_side import meet_before

PORTAL = "cloud-partner-portal"
OFFER = ("contoso", "contoso-succeeded")


def compare(api: Api, publisher_id: str = OFFER[0], offer_id: str = OFFER[1], **query: str) -> Answer:
    route = {"publisherId": publisher_id, "offerId": offer_id}
    named = {name.rstrip("_"): text for name, text in query.items()}
    return api.call(lambda process: process.api().cpp_offers.diff, route=route, query=named)


def serve(sandbox: Sandbox, **definitions: object) -> None:
    """Let slots and versions hold these definitions."""
    for state, definition in definitions.items():
        body = {"id": OFFER[1], "publisherId": OFFER[0], "definition": definition}
        path = f"/slot/{state}" if not state.startswith("v") else f"/versions/{state[1:]}"
        sandbox.state.fault("any_answer", route=PORTAL, path_contains=path, status=200, body=body)


def test_by_default_the_draft_is_compared_with_production(api: Api, fresh_sandbox: Sandbox) -> None:
    serve(fresh_sandbox, Production={"a": 1, "gone": None}, Draft={"a": 2})
    answer = compare(api)
    assert (answer.status, answer.json) == (
        200,
        {
            "from": "production",
            "to": "draft",
            "changes": [
                {"path": "/definition/a", "op": "replace", "from": 1, "to": 2},
                {"path": "/definition/gone", "op": "remove", "from": None, "to": None},
            ],
        },
    )


def test_states_are_slots_in_any_case_and_versions(api: Api, fresh_sandbox: Sandbox) -> None:
    serve(fresh_sandbox, Preview={"a": 1}, v3={"a": 1})
    answer = compare(api, from_="PREVIEW", to="Version:03")
    assert answer.json == {"from": "preview", "to": "version:3", "changes": []}


@pytest.mark.parametrize(
    "state",
    ["", "staging", "version", "version:", "version:-1", "version:1.0", "3", "version:\u0661", "version:9" * 2],
)
def test_any_other_state_is_400_before_any_request(api: Api, fresh_sandbox: Sandbox, state: str) -> None:
    answer = compare(api, from_=state, to=f"version:{2**63}")
    expected = "should be draft, preview, production or version:N"
    assert (answer.status, answer.faults) == (400, [f"from {expected}", f"to {expected}"])
    assert fresh_sandbox.state.requests() == []


def test_ids_states_and_unknown_parameters_are_named_in_one_answer(api: Api) -> None:
    answer = compare(api, "..", "a b", from_="x", slot="draft")
    assert [fault.split()[0] for fault in answer.faults] == ['"slot"', "publisherId", "offerId", "from"]


def test_a_state_that_the_offer_never_reached_is_404_and_named(api: Api) -> None:
    answer = compare(api, offer_id="contoso-neverpublished")
    assert (answer.status, answer.json["upstreamStatus"]) == (404, 404)
    assert answer.json["detail"].startswith("Upstream does not have the offer's production state. ")


def test_of_an_unknown_offer_both_states_are_named(api: Api) -> None:
    answer = compare(api, offer_id="nowhere", to="version:2")
    assert answer.status == 404
    assert "production or version:2 state" in answer.json["detail"]


def test_any_other_error_of_upstream_is_the_answer(api: Api, fresh_sandbox: Sandbox) -> None:
    assert compare(api, "fabrikam", "x").status == 403
    fresh_sandbox.state.fault("server_error", route=PORTAL, path_contains="/slot/Draft")
    assert compare(api).status == 502


def test_changes_beyond_a_thousand_are_left_out_and_said_to_be(api: Api, fresh_sandbox: Sandbox) -> None:
    serve(fresh_sandbox, Production={}, Draft={f"name{number}": number for number in range(1001)})
    answer = compare(api)
    assert (len(answer.json["changes"]), answer.json["moreChanges"]) == (1000, True)


def test_numbers_keep_their_digits(api: Api, fresh_sandbox: Sandbox) -> None:
    body = '{"definition": {"a": %s}}'
    for slot, number in (("Production", "2.0"), ("Draft", "9223372036854775807.10")):
        fresh_sandbox.state.fault(
            "any_answer", route=PORTAL, path_contains=f"/slot/{slot}", status=200, body=body % number
        )
    assert b'"from":2.0,"to":9223372036854775807.10}' in compare(api).body


def test_an_offer_too_large_to_compare_is_502(api: Api, fresh_sandbox: Sandbox) -> None:
    serve(fresh_sandbox, Production=[0] * 500_001)
    answer = compare(api)
    assert (answer.status, answer.json["type"]) == (502, "urn:problem:offer-monitor:upstream-failed")


def test_both_states_are_fetched_side_by_side(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    meet_before(monkeypatch, (CloudPartnerPortal, "offer"))
    assert compare(api).status == 200
