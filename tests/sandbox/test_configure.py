"""POST configure from the request to the offer that it changes."""

import pytest
import requests

from sandbox.answers import JsonObject
from sandbox.private_offers import PRIVATE_OFFER_TYPES
from sandbox.sample_offers import configure_resources, private_offer_of
from sandbox.server import Sandbox
from tests.clock import FakeClock
from tests.sandbox.conftest import Caller


def change_request(offer_id: str, state: str, private_offer_type: str = "customerPromotion") -> JsonObject:
    """The documented request that takes an offer to another state."""
    return {
        "$schema": "https://schema.mp.microsoft.com/schema/private-offer/2023-07-15",
        "id": f"private-offer/{offer_id}",
        "name": "changed",
        "privateOfferType": private_offer_type,
        "offerPricingType": "editExistingOfferPricingOnly",
        "state": state,
    }


def upgrade_request(offer_id: str, **fields: object) -> JsonObject:
    """The documented upgrade: a new offer with `upgradedFrom`, without beneficiaries of its own."""
    return {
        "$schema": "https://schema.mp.microsoft.com/schema/private-offer/2022-07-01",
        "name": "upgraded",
        "state": "live",
        "privateOfferType": "customerPromotion",
        "upgradedFrom": {"name": "base", "id": f"private-offer/{offer_id}"},
        "variableStartDate": False,
        "start": "2028-02-01",
        "end": "2028-12-31",
        "acceptBy": "2028-01-15",
        "pricing": [{"product": "product/1", "discountType": "percentage", "discountPercentage": 20}],
        **fields,
    }


def run_to_the_end(ingestion: Caller, clock: FakeClock, *resources: JsonObject) -> JsonObject:
    """Submits a request, lets a minute pass, and returns the status of its job."""
    job_id = job_id_of(ingestion.configure(*resources))
    clock.advance(60)
    status: JsonObject = ingestion.status(job_id).json()
    return status


def job_id_of(answer: requests.Response) -> str:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return str(body.get("jobId") or body.get("jobID"))


def offer_of(ingestion: Caller, offer_id: str) -> JsonObject:
    offer: JsonObject = ingestion.get(f"private-offer/{offer_id}").json()
    return offer


def reasons_of(status: JsonObject) -> list[str]:
    return [detail["message"] for error in status["errors"] for detail in error["details"]]


@pytest.mark.usefixtures("sandbox_clock")
def test_the_first_answer_says_not_started(ingestion: Caller) -> None:
    body = ingestion.configure(*configure_resources("customerPromotion")).json()
    assert (body["jobStatus"], body["jobResult"]) == ("notStarted", "pending")
    assert "jobEnd" not in body


@pytest.mark.parametrize("private_offer_type", PRIVATE_OFFER_TYPES)
def test_an_offer_of_each_type_can_be_created(
    ingestion: Caller, sandbox_clock: FakeClock, private_offer_type: str
) -> None:
    job_id = job_id_of(ingestion.configure(*configure_resources(private_offer_type)))
    assert ingestion.get("private-offer/query").json()["privateOffers"] == []
    sandbox_clock.advance(60)
    offers = [
        resource
        for resource in ingestion.get(f"configure/{job_id}").json()["resources"]
        if resource["id"].startswith("private-offer/")
    ]
    assert [(offer["privateOfferType"], offer["state"]) for offer in offers] == [(private_offer_type, "live")]
    assert offer_of(ingestion, offers[0]["id"].removeprefix("private-offer/"))["name"] == offers[0]["name"]


def test_a_draft_is_published_by_an_update(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(state="draft")
    assert run_to_the_end(ingestion, sandbox_clock, change_request(offer_id, "live"))["jobResult"] == "succeeded"
    offer = offer_of(ingestion, offer_id)
    assert (offer["state"], offer["subState"], offer["name"]) == ("live", "pendingAcceptance", "changed")


def test_a_draft_can_be_deleted_and_is_gone(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(state="draft")
    status = run_to_the_end(ingestion, sandbox_clock, change_request(offer_id, "deleted"))
    assert status["jobResult"] == "succeeded"
    assert "resourceUri" not in status
    assert ingestion.get(f"private-offer/{offer_id}").status_code == 404


@pytest.mark.parametrize(
    ("private_offer_type", "state"), [("customerPromotion", "draft"), ("cspPromotion", "withdrawn")]
)
def test_a_live_offer_can_be_withdrawn(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock, private_offer_type: str, state: str
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(private_offer_of(private_offer_type))
    run_to_the_end(ingestion, sandbox_clock, change_request(offer_id, "withdrawn", private_offer_type))
    offer = offer_of(ingestion, offer_id)
    assert offer["state"] == state
    assert "acceptanceLinks" not in offer


def test_an_accepted_offer_can_be_upgraded_and_hands_its_beneficiaries_on(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    fresh_sandbox.state.accept_private_offer(offer_id)
    job_id = job_id_of(ingestion.configure(upgrade_request(offer_id)))
    sandbox_clock.advance(60)
    upgraded = ingestion.get(f"configure/{job_id}").json()["resources"][0]
    assert upgraded["upgradedFrom"]["id"] == f"private-offer/{offer_id}"
    assert upgraded["beneficiaries"] == offer_of(ingestion, offer_id)["beneficiaries"]


@pytest.mark.parametrize(
    ("fields", "wanted", "reason"),
    [
        ({"state": "live"}, "deleted", "Only a draft private offer can be deleted."),
        ({"state": "draft"}, "withdrawn", "Only a live private offer can be withdrawn."),
        ({"subState": "accepted"}, "withdrawn", "An accepted private offer cannot be withdrawn."),
        ({"state": "live"}, "live", "A live private offer is locked for edits until it is withdrawn."),
    ],
)
def test_a_change_that_the_state_does_not_allow_fails_and_changes_nothing(
    fresh_sandbox: Sandbox,
    ingestion: Caller,
    sandbox_clock: FakeClock,
    fields: dict[str, object],
    wanted: str,
    reason: str,
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(private_offer_of("customerPromotion", **fields))
    before = offer_of(ingestion, offer_id)
    status = run_to_the_end(ingestion, sandbox_clock, change_request(offer_id, wanted))
    assert (status["jobResult"], reasons_of(status)) == ("failed", [reason])
    assert offer_of(ingestion, offer_id) == before


def test_a_live_offer_without_any_start_fails_with_the_documented_error(
    ingestion: Caller, sandbox_clock: FakeClock
) -> None:
    *prices, offer = configure_resources("customerPromotion")
    del offer["variableStartDate"]
    status = run_to_the_end(ingestion, sandbox_clock, *prices, offer)
    assert [error["message"] for error in status["errors"]] == ["The start date should be defined"]


def test_only_an_accepted_offer_can_be_upgraded(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    status = run_to_the_end(ingestion, sandbox_clock, upgrade_request(offer_id))
    assert reasons_of(status) == ["Only an accepted private offer can be upgraded."]


def test_the_terms_of_an_upgrade_must_not_overlap(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(subState="accepted", end="2028-06-30")
    status = run_to_the_end(ingestion, sandbox_clock, upgrade_request(offer_id))
    assert reasons_of(status) == ["The new term must not overlap with that of the base offer."]


def test_a_change_of_an_unknown_offer_fails(ingestion: Caller, sandbox_clock: FakeClock) -> None:
    status = run_to_the_end(ingestion, sandbox_clock, change_request("no-such-offer", "deleted"))
    assert reasons_of(status) == ["The private offer does not exist."]


def test_a_second_change_fails_while_the_first_is_under_way(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(state="draft")
    ingestion.configure(change_request(offer_id, "live"))
    status = run_to_the_end(ingestion, sandbox_clock, change_request(offer_id, "deleted"))
    assert reasons_of(status) == ["Another job is already changing this private offer."]


def test_the_next_job_takes_the_profile_prepared_for_it(
    fresh_sandbox: Sandbox, ingestion: Caller, sandbox_clock: FakeClock
) -> None:
    fresh_sandbox.state.prepare_next_job(seconds=30, outcome="failed")
    first, second = (job_id_of(ingestion.configure(*configure_resources("cspPromotion"))) for _ in range(2))
    sandbox_clock.advance(30)
    assert [ingestion.status(job_id).json()["jobResult"] for job_id in (first, second)] == ["failed", "succeeded"]


def test_the_answer_can_be_202(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    fresh_sandbox.state.change_settings(configure_status=202)
    assert ingestion.configure(*configure_resources("cspPromotion")).status_code == 202
