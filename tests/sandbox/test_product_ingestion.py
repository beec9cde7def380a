"""Product Ingestion's GET and cancel endpoints over TLS."""

import json
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from sandbox.sample_offers import configure_resources, private_offer_of
from sandbox.server import Sandbox
from tests.clock import FakeClock
from tests.sandbox.conftest import TIMEOUT_SECONDS, Caller


def test_a_job_is_answered_under_both_spellings_of_the_version(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    job_id = fresh_sandbox.state.add_job()
    url = f"{ingestion.base_url}/configure/{job_id}/status"
    answers = [
        ingestion.session.get(f"{url}?{name}=2022-07-01", timeout=TIMEOUT_SECONDS)
        for name in ("$version", "%24version")
    ]
    assert [answer.status_code for answer in answers] == [200, 200]


def test_an_unknown_job_is_404(ingestion: Caller) -> None:
    answer = ingestion.status(str(uuid4()))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "notFound")


def test_a_malformed_job_id_is_400(ingestion: Caller) -> None:
    assert ingestion.status("not-a-guid").status_code == 400


@pytest.mark.parametrize("version", ["", "2022-7-1", "latest"])
def test_a_malformed_version_is_400(ingestion: Caller, version: str) -> None:
    answer = ingestion.session.get(
        f"{ingestion.base_url}/private-offer/query", params={"$version": version}, timeout=TIMEOUT_SECONDS
    )
    assert answer.status_code == 400


def test_a_version_may_be_missing_until_a_setting_demands_it(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    url = f"{ingestion.base_url}/private-offer/query"
    assert ingestion.session.get(url, timeout=TIMEOUT_SECONDS).status_code == 200
    fresh_sandbox.state.change_settings(require_version=True)
    assert ingestion.session.get(url, timeout=TIMEOUT_SECONDS).status_code == 400


def test_a_script_decides_each_answer(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    job_id = fresh_sandbox.state.add_job(
        script=[
            "running",
            {"state": "running", "fields": {"jobStatus": "hibernating", "errors": None}},
            {"fault": "too_many_requests", "retryAfterSeconds": 3},
            {"status": 502, "body": "<html>"},
            "succeeded",
        ]
    )
    answers = [ingestion.status(job_id) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 502, 200]
    assert answers[1].json()["jobStatus"] == "hibernating"
    assert "errors" not in answers[1].json()
    assert answers[2].headers["Retry-After"] == "3"
    assert answers[3].text == "<html>"
    assert answers[4].json()["jobResult"] == "succeeded"


def test_the_detail_is_wrapped(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    job_id = fresh_sandbox.state.add_job(dialect="private-offer")
    detail = ingestion.get(f"configure/{job_id}").json()
    assert "configure-detail/2023-07-15" in detail["$schema"]
    assert detail["resources"][0]["privateOfferType"] == "customerPromotion"


def test_the_detail_is_bare_in_one_dialect(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    job_id = fresh_sandbox.state.add_job(dialect="trimmed")
    assert ingestion.get(f"configure/{job_id}").json()["id"].startswith("private-offer/")


def test_the_detail_puts_prices_before_the_offer_in_one_dialect(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    job_id = fresh_sandbox.state.add_job(dialect="pascal")
    ids = [resource["id"] for resource in ingestion.get(f"configure/{job_id}").json()["resources"]]
    assert ids[0].startswith("price-and-availability-private-offer-plan/")
    assert ids[-1].startswith("private-offer/")


def test_the_detail_has_the_misprints_of_the_documentation_in_one_dialect(
    fresh_sandbox: Sandbox, ingestion: Caller
) -> None:
    offer = private_offer_of("multipartyPromotionChannelPartner")
    job_id = fresh_sandbox.state.add_job(dialect="spaced", private_offer=offer)
    shown = ingestion.get(f"configure/{job_id}").json()["resources"][0]
    assert shown["$schema"].endswith("/private-offer/ 2023-07-15")
    assert shown["privateOfferType"] == "multiPartyPromotionChannelPartner"


@pytest.mark.parametrize("status", [404, 400])
def test_the_detail_of_a_running_job_is_refused(fresh_sandbox: Sandbox, ingestion: Caller, status: int) -> None:
    fresh_sandbox.state.change_settings(detail_before_completion=status)
    job_id = fresh_sandbox.state.add_job(seconds=None)
    assert ingestion.get(f"configure/{job_id}").status_code == status


def test_the_detail_of_a_failed_job_is_404(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    job_id = fresh_sandbox.state.add_job(outcome="failed")
    assert ingestion.get(f"configure/{job_id}").status_code == 404


def test_the_detail_of_a_delete_holds_nothing(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    job_id = fresh_sandbox.state.add_job(operation="delete", dialect="private-offer")
    assert ingestion.get(f"configure/{job_id}").json()["resources"] == []


def test_an_old_version_gets_the_old_serialisation(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    old = ingestion.get(f"private-offer/{offer_id}", version="2022-07-01").json()
    assert (old["state"], old["pricing"][0]["discountType"]) == ("Live", "Percentage")
    assert old["validations"] is None
    assert old["lastModified"] == "0001-01-01"
    assert "_etag" in old
    assert "eTag" not in old


def test_a_private_offer_keeps_its_digits_and_the_quotes_of_its_etag(
    fresh_sandbox: Sandbox, ingestion: Caller
) -> None:
    answer = ingestion.get(f"private-offer/{fresh_sandbox.state.add_private_offer()}")
    assert '"discountPercentage": 2.0' in answer.text
    assert json.loads(answer.text)["eTag"].startswith('"')


def test_a_live_offer_carries_signed_links(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    offer = ingestion.get(f"private-offer/{fresh_sandbox.state.add_private_offer()}").json()
    assert "sig=" in offer["termsAndConditionsDocSasUrl"]
    assert "sig=" in offer["acceptanceLinks"][0]["link"]


def test_an_unknown_private_offer_is_404_and_a_malformed_id_400(ingestion: Caller) -> None:
    assert ingestion.get(f"private-offer/{uuid4()}").status_code == 404
    assert ingestion.get("private-offer/no%20such.thing").status_code == 400


def test_the_next_link_leads_to_another_path_until_all_offers_were_shown(
    fresh_sandbox: Sandbox, ingestion: Caller
) -> None:
    ids = [fresh_sandbox.state.add_private_offer() for _ in range(5)]
    page = ingestion.get("private-offer/query").json()
    seen = [row["id"] for row in page["privateOffers"]]
    while "@nextLink" in page:
        link = urlsplit(page["@nextLink"])
        assert link.path.endswith("/rp/product-ingestion/private-offer")
        assert "%24version" in link.query
        assert parse_qs(link.query)["continuationToken"]
        page = ingestion.session.get(page["@nextLink"], timeout=TIMEOUT_SECONDS).json()
        seen += [row["id"] for row in page["privateOffers"]]
    assert seen == [f"private-offer/{offer_id}" for offer_id in ids]


def test_a_running_job_can_be_cancelled(ingestion: Caller, sandbox_clock: FakeClock) -> None:
    job_id = ingestion.configure(*configure_resources("cspPromotion")).json()["jobId"]
    cancelled = ingestion.post(f"configure/{job_id}/cancel").json()
    sandbox_clock.advance(60)
    assert (cancelled["jobStatus"], cancelled["jobResult"]) == ("completed", "cancelled")
    assert ingestion.status(job_id).json()["jobResult"] == "cancelled"
    assert ingestion.get("private-offer/query").json()["privateOffers"] == []


def test_a_completed_job_cannot_be_cancelled(fresh_sandbox: Sandbox, ingestion: Caller) -> None:
    answer = ingestion.post(f"configure/{fresh_sandbox.state.add_job()}/cancel")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Cannot cancel job, job has already completed."


def test_answers_carry_a_request_id_and_echo_the_callers(ingestion: Caller) -> None:
    ingestion.session.headers["client-request-id"] = "11111111-2222-4333-8444-555555555555"
    answer = ingestion.status(str(uuid4()))
    assert answer.headers["request-id"]
    assert answer.headers["client-request-id"] == "11111111-2222-4333-8444-555555555555"


def test_products_and_plans_are_found_by_their_names(ingestion: Caller) -> None:
    found = ingestion.get("product", externalID="contoso-gateway").json()["value"]
    assert [product["type"] for product in found] == ["azureVirtualMachine"]
    assert ingestion.get("product", externalId="nothing").json()["value"] == []
    plans = ingestion.get("plan", product=found[0]["id"]).json()["value"]
    assert [plan["alias"] for plan in plans] == ["Reserved"]
