"""The sample history: made once, by the app's own code, against real storage, sandbox and receiver."""

import os
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest
import requests

from local.host.process import HostProcess
from local.processes.child import Child, python_command
from local.samples.jobs import FINISHED_JOBS, PENDING_JOBS
from sandbox.server import Sandbox

LONGEST_HISTORY_SECONDS = 120


class SeededApp:
    """An app whose storage holds the history, as its users see it."""

    def __init__(self, host: HostProcess, sandbox: Sandbox, today: date) -> None:
        self._host = host
        self.sandbox = sandbox
        self.today = today

    def get(self, path: str) -> dict[str, Any]:
        """The answer of the API."""
        headers = {"x-functions-key": self._host.key}
        answer = requests.get(f"{self._host.url}/api/{path}", headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Any]", answer.json())

    def jobs(self, query: str) -> list[dict[str, Any]]:
        """The jobs of a listing."""
        return cast("list[dict[str, Any]]", self.get(f"jobs?limit=100&{query}")["jobs"])

    def deliveries(self, description: str) -> list[dict[str, Any]]:
        """The deliveries of the endpoint with that description."""
        webhooks = self.get("webhooks")["webhooks"]
        webhook_id = next(each["id"] for each in webhooks if each["description"] == description)
        return cast("list[dict[str, Any]]", self.get(f"webhooks/{webhook_id}/deliveries?limit=100")["deliveries"])


@pytest.fixture(scope="module")
def seeded(azurite: str) -> Iterator[SeededApp]:
    receiver = Child("receiver", python_command("local.receiver", "--port", "0"))
    url = receiver.wait_for(r"receiver ready: (http://\S+)/webhook", timeout_seconds=30)[1]
    with Sandbox.start() as sandbox:
        settings = {
            "AzureWebJobsStorage": azurite,
            "JOBS_TABLE": f"test{uuid.uuid4().hex[:16]}",
            "PARTNER_CENTER_TENANT_ID": sandbox.tenant_id,
            "PARTNER_CENTER_CLIENT_ID": sandbox.client_id,
            "PARTNER_CENTER_CLIENT_SECRET": sandbox.client_secret,
            "AZURE_AUTHORITY_HOST": sandbox.authority_host,
            "PRODUCT_INGESTION_URL": sandbox.product_ingestion_url,
            "CLOUD_PARTNER_PORTAL_URL": sandbox.cloud_partner_portal_url,
            "REQUESTS_CA_BUNDLE": str(sandbox.ca_bundle),
            "WEBHOOK_ALLOW_PRIVATE_NETWORKS": "true",
        }
        command = python_command("local.samples", "--sandbox", sandbox.url, "--receiver", url)
        today = datetime.now(UTC).date()
        samples = Child("sample data", command, environment={**os.environ, **settings})
        samples.wait_for("^samples ready$", timeout_seconds=LONGEST_HISTORY_SECONDS)
        assert samples.wait_until_ended(timeout_seconds=30) == 0
        with HostProcess(settings) as host:
            yield SeededApp(host, sandbox, today)
    assert not requests.get(f"{url}/received", timeout=10).json()
    receiver.terminate()


def test_jobs_of_every_outcome_have_ended(seeded: SeededApp) -> None:
    jobs = seeded.jobs("state=succeeded,failed,cancelled,lost,expired")
    states = Counter(job["state"] for job in jobs)
    assert states.keys() == {"succeeded", "failed", "cancelled", "lost", "expired"}
    assert len(jobs) == len(FINISHED_JOBS) >= 25
    assert states == Counter(job.outcome or ("lost" if job.fault else "expired") for job in FINISHED_JOBS)


def test_they_ended_over_the_last_two_weeks(seeded: SeededApp) -> None:
    now = datetime.now(UTC)
    ends = [datetime.fromisoformat(job["finishedAt"]) for job in seeded.jobs("state=succeeded,failed,lost,expired")]
    assert now - timedelta(days=15) < min(ends) < now - timedelta(days=13)
    assert now - timedelta(days=1) < max(ends) < now


def test_each_day_has_its_figures(seeded: SeededApp) -> None:
    days = seeded.get("stats?days=20")["days"]
    finished = {
        name: sum(day[name] for day in days) for name in ("succeeded", "failed", "cancelled", "lost", "expired")
    }
    assert sum(finished.values()) == len(FINISHED_JOBS)
    assert sum(1 for day in days if day["medianSeconds"] is not None) >= 12
    assert sum(day["failedPolls"] for day in days) > 0


def test_each_job_has_a_timeline_with_its_deliveries(seeded: SeededApp) -> None:
    job = next(job for job in seeded.jobs("state=succeeded") if job["label"] == "Renewal for Northwind")
    types = [event["type"] for event in seeded.get(f"jobs/{job['jobId']}/timeline")["events"]]
    assert types[0] == "registered"
    assert {"statusChanged", "finished", "delivery"} <= set(types)


def test_jobs_have_upstreams_times_of_their_own_day(seeded: SeededApp) -> None:
    for job in seeded.jobs("state=succeeded,failed,cancelled"):
        registered, finished = (datetime.fromisoformat(job[name]) for name in ("registeredAt", "finishedAt"))
        began, ended = (datetime.fromisoformat(job[name]) for name in ("jobStart", "jobEnd"))
        assert registered - timedelta(minutes=1) < began < ended < finished


def test_one_pending_job_is_stalled_and_one_cannot_be_polled(seeded: SeededApp) -> None:
    jobs = {job["label"]: job for job in seeded.jobs("state=pending")}
    assert jobs.keys() == {job.label for job in PENDING_JOBS}
    assert [label for label, job in jobs.items() if job["stalled"]] == ["Gateway for Humongous Insurance"]
    failing = jobs["Offer for Fine Art School"]
    assert failing["consecutivePollFailures"] >= 4
    assert "503" in failing["lastPollError"]


def test_an_endpoint_that_fails_has_dead_and_waiting_deliveries(seeded: SeededApp) -> None:
    deliveries = seeded.deliveries("The old ticket system")
    assert {each["status"] for each in deliveries} == {"dead", "pending"}
    dead = next(each for each in deliveries if each["status"] == "dead")
    assert [attempt["status"] for attempt in dead["attempts"]] == [500] * 10
    assert datetime.fromisoformat(dead["attempts"][0]["at"]) < datetime.now(UTC) - timedelta(days=3)


def test_an_endpoint_that_works_got_every_event(seeded: SeededApp) -> None:
    deliveries = seeded.deliveries("Orders in the CRM")
    assert {each["status"] for each in deliveries} == {"delivered"}
    assert len(deliveries) == len(FINISHED_JOBS) + 1  # and the stalled job


def test_the_app_is_healthy(seeded: SeededApp) -> None:
    health = seeded.get("health/details")
    assert (health["status"], health["setAside"]["count"]) == ("ok", 0)
    assert health["deliveriesDead"] > 0


def test_the_offers_are_in_every_state_and_of_every_type(seeded: SeededApp) -> None:
    offers = seeded.get("private-offers?limit=100")["privateOffers"]
    assert {offer["state"] for offer in offers} == {"live", "draft", "withdrawn"}
    assert {offer["subState"] for offer in offers if "subState" in offer} == {
        "pendingAcceptance",
        "pendingPartnerAction",
        "accepted",
    }
    assert len({offer["privateOfferType"] for offer in offers}) == 4
    today = seeded.today
    dates = [date.fromisoformat(offer["acceptBy"]) for offer in offers if "acceptBy" in offer]
    accept_by = {(day - today).days for day in dates}
    assert {1, 6} <= accept_by
    assert min(accept_by) < 0
    ends = [offer["end"] for offer in offers if offer.get("subState") == "accepted"]
    assert (today + timedelta(days=5)).isoformat() in ends


def test_one_offer_upgrades_another(seeded: SeededApp) -> None:
    job = next(job for job in seeded.jobs("state=succeeded") if job["operation"] == "upgrade")
    base = job["privateOffer"]["upgradedFrom"]["id"]
    assert seeded.get(base.replace("private-offer/", "private-offers/"))["subState"] == "accepted"


def test_the_slots_of_a_cpp_offer_differ_in_plan_title_and_price(seeded: SeededApp) -> None:
    changes = seeded.get("cpp/publishers/contoso/offers/contoso-gateway/diff")["changes"]
    paths = " ".join(change["path"] for change in changes)
    assert {"add", "replace"} <= {change["op"] for change in changes}
    assert all(part in paths for part in ("title", "coreMultiplier", "/definition/plans/1"))
    assert seeded.get("cpp/publishers/contoso/offers/contoso-gateway/diff?to=preview")["changes"] != changes


def test_the_other_cpp_offer_waits_for_the_publisher(seeded: SeededApp) -> None:
    status = seeded.get("cpp/publishers/contoso/offers/contoso-sensor-hub/status")
    assert "waitingForPublisherReview" in [step["status"] for step in status["steps"]]


def test_making_the_history_leaves_no_requests_in_the_sandboxs_log(seeded: SeededApp) -> None:
    assert all(not seeded.sandbox.state.status_requests(job.job_id) for job in FINISHED_JOBS)
