"""The control endpoint, as curl would use it."""

import pytest
import requests

from sandbox.fault_kinds import FAULT_NAMES
from sandbox.server import Sandbox
from tests.sandbox.conftest import Caller


def change_settings(control: Caller, **settings: object) -> requests.Response:
    return control.session.patch(f"{control.base_url}/settings", json=settings, timeout=5)


def delete(control: Caller, path: str) -> int:
    return control.session.delete(f"{control.base_url}/{path}", timeout=5).status_code


def test_the_description_has_everything_that_a_caller_needs(fresh_sandbox: Sandbox, control: Caller) -> None:
    description = requests.get(control.base_url, timeout=5).json()
    assert description["productIngestionUrl"] == fresh_sandbox.product_ingestion_url
    assert description["cloudPartnerPortalUrl"] == fresh_sandbox.cloud_partner_portal_url
    assert description["clientSecret"] == fresh_sandbox.client_secret
    assert set(description["faults"]) == FAULT_NAMES
    assert "product-ingestion.job-status" in description["routes"]


def test_a_job_is_added(control: Caller, ingestion: Caller) -> None:
    job_id = control.post("jobs", {"outcome": "failed", "operation": "update"}).json()["jobId"]
    assert ingestion.status(job_id).json()["jobResult"] == "failed"
    assert control.get("jobs").json() == {"jobs": [{"jobId": job_id, "operation": "update", "state": "failed"}]}


def test_many_jobs_are_added_at_once(control: Caller) -> None:
    assert len(set(control.post("jobs", {"count": 50, "seconds": None}).json()["jobIds"])) == 50


def test_the_next_job_is_prepared(control: Caller, fresh_sandbox: Sandbox) -> None:
    assert control.post("next-job", {"seconds": 1, "outcome": "cancelled"}).status_code == 204
    assert fresh_sandbox.state.profile_of_next_job().outcome == "cancelled"


def test_a_private_offer_is_added_and_accepted(control: Caller, ingestion: Caller) -> None:
    offer_id = control.post("private-offers", {"privateOfferType": "cspPromotion", "name": "Mine"}).json()[
        "privateOfferId"
    ]
    assert control.post(f"private-offers/{offer_id}/accept").status_code == 204
    offer = ingestion.get(f"private-offer/{offer_id}").json()
    assert (offer["name"], offer["privateOfferType"], offer["subState"]) == ("Mine", "cspPromotion", "accepted")


def test_only_a_live_private_offer_can_be_accepted(control: Caller) -> None:
    draft = control.post("private-offers", {"state": "draft"}).json()["privateOfferId"]
    statuses = [control.post(f"private-offers/{offer_id}/accept").status_code for offer_id in ("none", draft)]
    assert statuses == [404, 404]


def test_a_cpp_offer_is_added(control: Caller, portal: Caller) -> None:
    body = {"publisherId": "tailspin", "offerId": "toys", "status": "failed", "fields": {"lockStatus": "none"}}
    assert control.post("cpp-offers", body).status_code == 201
    assert portal.get("publishers/tailspin/offers/toys").json()["lockStatus"] == "none"


def test_a_fault_is_set_listed_and_cleared(control: Caller, ingestion: Caller) -> None:
    body = {"kind": "too_many_requests", "route": "product-ingestion", "retryAfterSeconds": 3}
    fault_id = control.post("faults", body).json()["faultId"]
    assert ingestion.get("product").headers["Retry-After"] == "3"
    assert control.get("faults").json()["faults"][0]["retryAfterSeconds"] == 3
    assert delete(control, f"faults/{fault_id}") == 204
    assert ingestion.get("product").status_code == 200


def test_settings_are_changed_and_shown(control: Caller) -> None:
    assert change_settings(control, latencyMilliseconds=1.5, cppEtag=True).json()["latencyMilliseconds"] == 1.5
    assert control.get("settings").json()["cppEtag"] is True


def test_tokens_are_revoked(control: Caller, ingestion: Caller) -> None:
    assert control.post("revoke-tokens", {"audience": "https://graph.microsoft.com"}).json()["revoked"] >= 1
    assert ingestion.get("product").status_code == 401


def test_requests_are_shown_with_what_was_answered(control: Caller, ingestion: Caller) -> None:
    control.session.delete(f"{control.base_url}/requests", timeout=5)
    ingestion.get("product", externalId="none")
    shown = control.get("requests", route="product-ingestion").json()
    entry = shown["requests"][0]
    assert shown["count"] == 1
    assert (entry["method"], entry["status"]) == ("GET", 200)
    assert entry["path"] == "/rp/product-ingestion/product"
    assert entry["tokenAudience"] == "https://graph.microsoft.com"
    assert "Authorization" not in entry["headers"]


def test_status_requests_are_shown_job_by_job(control: Caller, ingestion: Caller, fresh_sandbox: Sandbox) -> None:
    job_id, other = fresh_sandbox.state.add_job(), fresh_sandbox.state.add_job()
    for each in (job_id, job_id, other):
        ingestion.status(each)
    shown = control.get("status-requests").json()
    assert shown["jobs"][job_id]["count"] == 2
    assert 0 < shown["minimumSpacingSeconds"] == shown["jobs"][job_id]["minimumSpacingSeconds"] < 5
    assert shown["jobs"][other]["minimumSpacingSeconds"] is None


def test_a_reset_forgets_everything_except_the_tokens(
    control: Caller, ingestion: Caller, fresh_sandbox: Sandbox
) -> None:
    fresh_sandbox.state.add_job()
    fresh_sandbox.state.fault("reset")
    assert control.post("reset").status_code == 204
    assert control.get("jobs").json() == {"jobs": []}
    assert ingestion.get("product").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("jobs", {"outcome": "exploded"}),
        ("jobs", {"seconds": "soon"}),
        ("jobs", {"dialect": "klingon"}),
        ("jobs", {"colour": "red"}),
        ("jobs", {"script": "running"}),
        ("jobs", {"script": [1]}),
        ("jobs", {"script": [{"fault": "gremlin"}]}),
        ("faults", {"kind": "gremlin"}),
        ("faults", {}),
        ("cpp-offers", {"publisherId": "a", "offerId": "b", "status": "lost"}),
        ("cpp-offers", {}),
        ("private-offers", {"privateOfferType": "gift"}),
        ("next-job", {}),
        ("jobs", []),
    ],
)
def test_a_body_that_would_never_work_is_refused_with_a_reason(control: Caller, path: str, body: object) -> None:
    answer = control.post(path, body)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "settings", [{"latency": 1}, {"latencyMilliseconds": "slow"}, {"cppEtag": 1}, {"pageSize": True}]
)
def test_a_setting_that_does_not_exist_or_fit_is_refused(control: Caller, settings: dict[str, object]) -> None:
    assert change_settings(control, **settings).status_code == 400
