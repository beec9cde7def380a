"""What happens to offers outside the API, by control calls and as a client of the API sees it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from sandbox.cpp_offers import STEPS
from sandbox.server import Sandbox
from tests.clock import FakeClock
from tests.sandbox.conftest import Caller

WAITING_FOR_PARTNER = {"privateOfferType": "multipartyPromotionOriginator", "subState": "pendingPartnerAction"}
DAY_SECONDS = 86_400
CPP = "cpp-offers/contoso/contoso-running"


def add(control: Caller, **fields: object) -> str:
    return str(control.post("private-offers", fields).json()["privateOfferId"])


def act(control: Caller, offer_id: str, action: str, **body: object) -> int:
    return control.post(f"private-offers/{offer_id}/{action}", body).status_code


def patch(control: Caller, path: str, **body: object) -> int:
    return control.session.patch(f"{control.base_url}/{path}", json=body, timeout=5).status_code


def delete(control: Caller, path: str) -> int:
    return control.session.delete(f"{control.base_url}/{path}", timeout=5).status_code


def offer(ingestion: Caller, offer_id: str) -> dict[str, Any]:
    answer = ingestion.get(f"private-offer/{offer_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def read_list(ingestion: Caller) -> list[dict[str, Any]]:
    """Every item of the list, page by page."""
    answer = ingestion.get("private-offer/query").json()
    items = list(answer["privateOffers"])
    while "@nextLink" in answer:
        answer = ingestion.session.get(answer["@nextLink"], timeout=5).json()
        items += answer["privateOffers"]
    return items


def listed(ingestion: Caller) -> list[str]:
    return [item["id"].removeprefix("private-offer/") for item in read_list(ingestion)]


def step_statuses(portal: Caller, offer_path: str) -> dict[str, str]:
    steps = portal.get(f"publishers/{offer_path}/status").json()["steps"]
    return {step["id"]: step["status"] for step in steps}


def test_the_customer_accepts(control: Caller, ingestion: Caller) -> None:
    offer_id = add(control)
    assert act(control, offer_id, "accept") == 204
    assert offer(ingestion, offer_id)["subState"] == "accepted"
    assert act(control, offer_id, "accept") == 404  # once


def test_the_partner_accepts_before_the_customer(control: Caller, ingestion: Caller) -> None:
    offer_id = add(control, **WAITING_FOR_PARTNER)
    assert act(control, offer_id, "accept") == 404
    assert act(control, offer_id, "accept", by="partner") == 204
    assert offer(ingestion, offer_id)["subState"] == "pendingAcceptance"
    assert act(control, offer_id, "accept", by="partner") == 404
    assert act(control, offer_id, "accept", by="customer") == 204


def test_an_offer_lapses(control: Caller, ingestion: Caller, sandbox_clock: FakeClock) -> None:
    offer_id = add(control, acceptBy="2099-01-01")
    sandbox_clock.advance(400 * DAY_SECONDS)
    assert act(control, offer_id, "lapse") == 204
    lapsed = offer(ingestion, offer_id)
    assert lapsed["acceptBy"] == (sandbox_clock.now() - timedelta(days=1)).date().isoformat()
    assert (lapsed["state"], lapsed["subState"]) == ("live", "pendingAcceptance")


def test_an_accepted_offer_does_not_lapse(control: Caller) -> None:
    assert act(control, add(control, subState="accepted"), "lapse") == 404


def test_an_offer_is_prolonged(control: Caller, ingestion: Caller) -> None:
    offer_id = add(control, acceptBy="2027-01-31", end="2027-12-31")
    assert act(control, offer_id, "prolong", days=2) == 204
    prolonged = offer(ingestion, offer_id)
    assert (prolonged["acceptBy"], prolonged["end"]) == ("2027-02-02", "2028-01-02")


def test_an_offer_without_dates_cannot_be_prolonged(control: Caller) -> None:
    assert act(control, add(control, acceptBy=None, end="soon"), "prolong") == 404


def test_any_member_is_changed_or_removed_as_in_partner_center(control: Caller, ingestion: Caller) -> None:
    offer_id = add(control)
    assert patch(control, f"private-offers/{offer_id}", name="Mine", notes=None, acceptBy=5) == 204
    changed = offer(ingestion, offer_id)
    assert (changed["name"], changed["acceptBy"]) == ("Mine", 5)
    assert "notes" not in changed


@pytest.mark.parametrize(("kind", "state"), [("customerPromotion", "draft"), ("cspPromotion", "withdrawn")])
def test_an_offer_is_withdrawn(control: Caller, ingestion: Caller, kind: str, state: str) -> None:
    offer_id = add(control, privateOfferType=kind)
    assert act(control, offer_id, "withdraw") == 204
    withdrawn = offer(ingestion, offer_id)
    assert withdrawn["state"] == state
    assert not {"subState", "acceptanceLinks"} & withdrawn.keys()
    assert act(control, offer_id, "withdraw") == 404


def test_an_accepted_offer_cannot_be_withdrawn(control: Caller) -> None:
    assert act(control, add(control, subState="accepted"), "withdraw") == 404


def test_a_deleted_offer_is_404_and_not_listed(control: Caller, ingestion: Caller) -> None:
    kept, deleted = add(control), add(control)
    assert delete(control, f"private-offers/{deleted}") == 204
    assert ingestion.get(f"private-offer/{deleted}").status_code == 404
    assert listed(ingestion) == [kept]
    assert delete(control, f"private-offers/{deleted}") == 404


@pytest.mark.parametrize("action", ["accept", "lapse", "prolong", "withdraw", "PATCH"])
def test_every_change_gives_a_new_etag_and_last_modified(
    control: Caller, ingestion: Caller, sandbox_clock: FakeClock, action: str
) -> None:
    offer_id = add(control)
    before = offer(ingestion, offer_id)
    sandbox_clock.advance(DAY_SECONDS)
    done = patch(control, f"private-offers/{offer_id}") if action == "PATCH" else act(control, offer_id, action)
    after = offer(ingestion, offer_id)
    assert done == 204
    assert after["eTag"] != before["eTag"]
    assert after["lastModified"] == sandbox_clock.now().date().isoformat() > before["lastModified"]


def test_an_empty_change_gives_a_new_etag_and_nothing_visible(control: Caller, ingestion: Caller) -> None:
    offer_id = add(control)
    before = offer(ingestion, offer_id)
    assert patch(control, f"private-offers/{offer_id}") == 204
    after = offer(ingestion, offer_id)
    assert after.pop("eTag") != before.pop("eTag")
    assert after == before


def test_an_offer_can_have_been_modified_in_the_past(control: Caller, ingestion: Caller) -> None:
    assert offer(ingestion, add(control, lastModified="2020-02-29"))["lastModified"] == "2020-02-29"


def test_an_offer_is_left_out_of_one_reading_of_the_list(
    control: Caller, ingestion: Caller, fresh_sandbox: Sandbox
) -> None:
    offers = [add(control) for _ in range(5)]
    assert act(control, offers[3], "leave-out") == 204
    assert listed(ingestion) == [*offers[:3], offers[4]]
    assert offer(ingestion, offers[3])
    assert listed(ingestion) == offers
    assert len(fresh_sandbox.state.private_offers.all()) == 5


@pytest.mark.parametrize("action", ["accept", "lapse", "prolong", "withdraw", "leave-out", "PATCH"])
def test_an_unknown_offer_is_404(control: Caller, action: str) -> None:
    if action == "PATCH":
        assert patch(control, f"private-offers/{uuid4()}", name="Mine") == 404
    else:
        assert act(control, str(uuid4()), action) == 404


def test_a_job_that_has_ended_is_applied_first(control: Caller, ingestion: Caller, sandbox_clock: FakeClock) -> None:
    offer_id = add(control)
    request = {"id": f"private-offer/{offer_id}", "state": "withdrawn", "privateOfferType": "customerPromotion"}
    schema = "https://schema.mp.microsoft.com/schema/private-offer/2023-07-15"
    ended = {"$schema": schema, "name": "Mine", "offerPricingType": "editExistingOfferPricingOnly"}
    assert ingestion.configure({**ended, **request}).status_code == 200
    sandbox_clock.advance(60)
    assert act(control, offer_id, "accept") == 404


def test_many_offers_are_added_at_once(control: Caller, ingestion: Caller) -> None:
    offer_ids = control.post("private-offers", {"name": "Many", "count": 50}).json()["privateOfferIds"]
    assert len(set(offer_ids)) == 50
    page = ingestion.get("private-offer/query", **{"$maxpagesize": "50"}).json()
    assert {item["name"] for item in page["privateOffers"]} == {"Many"}
    assert "@nextLink" not in page


def test_the_list_has_summaries_until_a_setting_demands_whole_offers(
    fresh_sandbox: Sandbox, control: Caller, ingestion: Caller
) -> None:
    offer_id = add(control)
    [item] = read_list(ingestion)
    assert "pricing" not in item
    assert item["eTag"] == offer(ingestion, offer_id)["eTag"]
    fresh_sandbox.state.change_settings(list_whole_offers=True)
    assert read_list(ingestion) == [offer(ingestion, offer_id)]


@pytest.mark.parametrize("version", ["2023-07-15", "2022-07-01"])
def test_the_items_of_the_list_may_have_no_etag(
    fresh_sandbox: Sandbox, control: Caller, ingestion: Caller, version: str
) -> None:
    offer_id = add(control)
    fresh_sandbox.state.change_settings(list_etags=False, list_whole_offers=True)
    [item] = ingestion.get("private-offer/query", version=version).json()["privateOffers"]
    assert not {"eTag", "_etag"} & item.keys()
    assert {"eTag", "_etag"} & ingestion.get(f"private-offer/{offer_id}", version=version).json().keys()


def test_offers_may_have_pascal_case_values(fresh_sandbox: Sandbox, control: Caller, ingestion: Caller) -> None:
    offer_id = add(control)
    job_id = fresh_sandbox.state.add_job(dialect="plain")
    fresh_sandbox.state.change_settings(pascal_case_offers=True)
    detail = ingestion.get(f"configure/{job_id}").json()["resources"][0]
    for shown in (offer(ingestion, offer_id), read_list(ingestion)[0], detail):
        assert (shown["state"], shown["subState"]) == ("Live", "PendingAcceptance")
    assert detail["pricing"][0]["discountType"] == "Percentage"


def test_one_page_of_the_list_fails(control: Caller, ingestion: Caller) -> None:
    control.post("private-offers", {"count": 7})
    route = "product-ingestion.private-offers.page"
    control.post("faults", {"kind": "server_error", "route": route, "pathContains": "page-4"})
    statuses, link = [], f"{ingestion.base_url}/private-offer/query"
    while link:
        answer = ingestion.session.get(link, timeout=5)
        statuses.append(answer.status_code)
        link = answer.json().get("@nextLink", "")
    assert statuses == [200, 200, 503]


def test_publishing_moves_on_with_its_steps_and_slots(control: Caller, portal: Caller) -> None:
    path = "contoso/offers/contoso-running"
    assert step_statuses(portal, path)["publisher-signoff"] == "notStarted"
    assert patch(control, CPP, status="waitingForPublisherReview") == 204
    assert step_statuses(portal, path)["publisher-signoff"] == "waitingForPublisherReview"
    assert portal.get(f"publishers/{path}").json()["status"] == "waitingForPublisherReview"
    assert portal.get(f"publishers/{path}/slot/preview").status_code == 200
    assert portal.get(f"publishers/{path}/slot/production").status_code == 404
    assert patch(control, CPP, status="succeeded") == 204
    assert portal.get(f"publishers/{path}/status").json()["status"] == "succeeded"
    assert set(step_statuses(portal, path).values()) == {"complete"}
    assert portal.get(f"publishers/{path}/slot/production").json()["status"] == "succeeded"


def test_single_steps_are_moved(control: Caller, portal: Caller) -> None:
    before = step_statuses(portal, "contoso/offers/contoso-running")
    assert patch(control, CPP, steps={"displayprovision": "blocked"}) == 204
    after = step_statuses(portal, "contoso/offers/contoso-running")
    assert after == {**before, "displayprovision": "blocked"}
    assert list(after) == [step_id for step_id, *_ in STEPS]


def test_each_slot_can_have_fields_of_its_own(control: Caller, portal: Caller) -> None:
    slots = {"draft": {"definition": {"displayText": "New"}}, "production": {"definition": {"displayText": "Old"}}}
    assert control.post("cpp-offers", {"publisherId": "tailspin", "offerId": "toys", "slots": slots}).ok
    offer_path = "publishers/tailspin/offers/toys"
    assert patch(control, "cpp-offers/tailspin/toys", slots={"preview": {"isvUpgradeRequest": True}}) == 204
    texts = [portal.get(f"{offer_path}/slot/{slot}").json()["definition"]["displayText"] for slot in slots]
    assert texts == ["New", "Old"]
    assert portal.get(f"{offer_path}/slot/preview").json()["isvUpgradeRequest"] is True
    assert portal.get(offer_path).json()["isvUpgradeRequest"] is False


def test_a_removed_cpp_offer_is_404(control: Caller, portal: Caller) -> None:
    assert delete(control, CPP) == 204
    assert portal.get("publishers/contoso/offers/contoso-running/status").status_code == 404
    assert [delete(control, CPP), patch(control, CPP, status="failed")] == [404, 404]


@pytest.mark.parametrize(
    "body", [{"status": "lost"}, {"steps": {"launch": "complete"}}, {"slots": {"production": {}}}, {"colour": "red"}]
)
def test_a_change_that_a_cpp_offer_cannot_have_is_400(control: Caller, body: dict[str, object]) -> None:
    assert patch(control, CPP, **body) == 400


@pytest.mark.parametrize(
    ("action", "body"), [("accept", {"by": "nobody"}), ("prolong", {"days": "many"}), ("leave-out", {"lists": "all"})]
)
def test_a_call_that_would_never_work_is_400(control: Caller, action: str, body: dict[str, object]) -> None:
    assert act(control, add(control), action, **body) == 400
