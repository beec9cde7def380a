"""The Cloud Partner Portal API over TLS."""

import re

import pytest

from sandbox.cpp_offers import OFFER_STATUSES
from sandbox.server import Sandbox
from tests.sandbox.conftest import Caller

CONTOSO = "publishers/contoso/offers"


def test_the_list_is_a_bare_array_with_an_offer_in_every_status(portal: Caller) -> None:
    rows = portal.get(CONTOSO).json()
    assert sorted(row["status"] for row in rows) == sorted(OFFER_STATUSES)
    assert all(row["definition"].keys() == {"displayText"} for row in rows)


def test_times_in_the_list_have_three_digits_and_no_zone(portal: Caller) -> None:
    assert all(re.fullmatch(r"[-\d]{10}T[:\d]{8}\.\d{3}", row["changedTime"]) for row in portal.get(CONTOSO).json())


def test_the_list_can_be_filtered_by_offer_type(portal: Caller) -> None:
    rows = portal.get(CONTOSO, **{"$filter": "offerTypeId eq 'microsoft-azure-corevm'"}).json()
    assert [row["id"] for row in rows] == ["contoso-running"]


def test_a_filter_that_cannot_be_read_is_400(portal: Caller) -> None:
    assert portal.get(CONTOSO, **{"$filter": "status ne 1"}).status_code == 400


@pytest.mark.parametrize("publisher", ["fabrikam", "nobody"])
def test_a_publisher_without_access_is_403(portal: Caller, publisher: str) -> None:
    answer = portal.get(f"publishers/{publisher}/offers")
    assert answer.status_code == 403
    assert answer.json() == {"error": {"code": "Forbidden", "message": "User does not have the required permissions"}}


def test_an_unknown_offer_is_404(portal: Caller) -> None:
    assert portal.get(f"{CONTOSO}/nothing").status_code == 404


@pytest.mark.parametrize("version", ["2017-10-3", ""])
def test_a_wrong_api_version_is_400(portal: Caller, version: str) -> None:
    portal.version = version
    answer = portal.get(CONTOSO)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidAPIVersion")


@pytest.mark.parametrize("slot", ["Draft", "preview", "PRODUCTION"])
def test_a_published_offer_has_three_slots_in_any_case(portal: Caller, slot: str) -> None:
    assert portal.get(f"{CONTOSO}/contoso-succeeded/slot/{slot}").json()["id"] == "contoso-succeeded"


def test_a_slot_that_was_never_reached_is_404_with_a_json_string(portal: Caller) -> None:
    answer = portal.get(f"{CONTOSO}/contoso-waitingforpublisherreview/slot/production")
    assert answer.status_code == 404
    assert answer.json().startswith("Microsoft.Ingestion.Api.Common.Exceptions.Http404Exception")


def test_an_offer_shows_its_draft(portal: Caller) -> None:
    offer = f"{CONTOSO}/contoso-succeeded"
    assert portal.get(offer).json() == portal.get(f"{offer}/slot/draft").json()


def test_versions_are_found_by_both_of_their_numbers(portal: Caller) -> None:
    offer = f"{CONTOSO}/contoso-succeeded"
    shown = portal.get(f"{offer}/versions/2").json()
    assert portal.get(f"{offer}/versions/{shown['version']}").json() == shown
    assert shown != portal.get(offer).json()
    assert portal.get(f"{offer}/versions/99").status_code == 404
    assert portal.get(f"{offer}/versions/two").status_code == 400


def test_the_top_level_status_is_running_while_the_sign_off_step_waits(portal: Caller) -> None:
    status = portal.get(f"{CONTOSO}/contoso-waitingforpublisherreview/status").json()
    steps = {step["id"]: step["status"] for step in status["steps"]}
    assert status["status"] == "running"
    assert steps["publisher-signoff"] == "waitingForPublisherReview"


def test_a_failed_offer_says_why_in_html(portal: Caller) -> None:
    status = portal.get(f"{CONTOSO}/contoso-failed/status").json()
    messages = [message for step in status["steps"] for message in step["messages"] if message["level"] == "error"]
    assert "<b>" in messages[0]["messageHtml"]


def test_operations_have_versions_of_64_bits_and_can_be_filtered(portal: Caller) -> None:
    submissions = f"{CONTOSO}/contoso-running/submissions/"
    assert portal.get(submissions).json()[0]["version"] > 2**53
    assert len(portal.get(submissions, submissionState="running").json()) == 1
    assert portal.get(submissions, status="completed").json() == []


def test_an_operation_is_a_plain_object_under_both_of_its_urls(portal: Caller) -> None:
    offer = f"{CONTOSO}/contoso-running"
    operation_id = portal.get(f"{offer}/submissions/").json()[0]["id"]
    operation = portal.get(f"{offer}/operations/{operation_id}").json()
    assert operation["cancellationRequestState"] == "canCancel"
    assert portal.get("operations/contoso$contoso-running$2$preview").json() == operation


def test_a_wrong_operation_id_is_500(portal: Caller) -> None:
    assert portal.get(f"{CONTOSO}/contoso-running/operations/1").status_code == 500


def test_no_secret_field_is_ever_returned(portal: Caller) -> None:
    text = portal.get(f"{CONTOSO}/contoso-succeeded").text.lower()
    assert not any(word in text for word in ("secret", "password", "connectionstring", "accountkey"))


def test_an_etag_is_sent_only_when_the_settings_say_so(fresh_sandbox: Sandbox, portal: Caller) -> None:
    assert "ETag" not in portal.get(CONTOSO).headers
    fresh_sandbox.state.change_settings(cpp_etag=True)
    assert portal.get(CONTOSO).headers["ETag"].startswith("W/")


def test_every_answer_has_a_correlation_id(portal: Caller) -> None:
    answers = [portal.get(path) for path in (CONTOSO, "publishers/fabrikam/offers", f"{CONTOSO}/nothing")]
    assert len({answer.headers["X-Ms-Correlation-Request-Id"] for answer in answers}) == 3


def test_an_added_offer_makes_its_publisher_accessible(fresh_sandbox: Sandbox, portal: Caller) -> None:
    fresh_sandbox.state.add_cpp_offer("fabrikam", "router", status="running", lockStatus="locked")
    offer = portal.get("publishers/Fabrikam/offers/Router").json()
    assert (offer["publisherId"], offer["status"], offer["lockStatus"]) == ("fabrikam", "running", "locked")
    assert {row["id"] for row in portal.get("publishers").json()} == {"contoso", "fabrikam"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "contoso-running"), ("POST", "contoso-running/publish"), ("POST", "contoso-running/cancel")],
)
def test_a_change_of_an_offer_is_501(portal: Caller, method: str, path: str) -> None:
    url = f"{portal.base_url}/publishers/contoso/offers/{path}?api-version=2017-10-31"
    answer = portal.session.request(method, url, json={}, timeout=5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")
