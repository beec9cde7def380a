"""A job's page: how it goes, how it ended, its offer, and what can be done with it."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable
from tests.browser.conftest import OpenTab
from tests.browser.dashboard import Dashboard
from tests.browser.test_jobs import ERRORS
from tests.webhooks.receiver import Receiver


def open_job(open_tab: OpenTab, app: App, job_id: str) -> Dashboard:
    return open_tab(app, f"/jobs/{job_id}")


@pytest.fixture
def pending(app: App, fresh_sandbox: Sandbox) -> str:
    """A job that is still running after its first poll."""
    job_id = fresh_sandbox.state.add_job(seconds=None)
    app.register(job_id, label="Contoso renewal", externalId="crm-4711", operation="create")
    app.tick()
    return job_id


def test_a_job_has_an_address_of_its_own_and_a_title(open_tab: OpenTab, app: App, pending: str) -> None:
    tab = open_job(open_tab, app, pending)
    expect(tab.heading).to_have_text("Contoso renewal")
    expect(tab.page).to_have_title(re.compile("^Contoso renewal"))
    assert tab.page.url == f"{tab.address}#/jobs/{pending}"
    expect(tab.main).to_contain_text("Partner Center says: running.")


def _completed(job_id: str, result: str) -> dict[str, Any]:
    """A fault of the sandbox: the answer to a status request, once the job has ended."""
    body = {"jobId": job_id, "jobStatus": "completed", "jobResult": result, "errors": ERRORS}
    return {"kind": "any_answer", "status": 200, "body": body}


def test_the_timeline_tells_what_happened_in_order(
    open_tab: OpenTab, app: App, pending: str, table: JobsTable, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    app.post("webhooks", {"url": receiver.url, "description": "Orders in the CRM"})
    state = fresh_sandbox.state
    for answer in ({"kind": "server_error"}, {"kind": "delay", "seconds": 0}, _completed(pending, "failed")):
        state.fault(route="product-ingestion.job-status", count=1, **answer)
        table.let_time_pass(60)
        app.tick()
    receiver.wait_for(1)
    tab = open_job(open_tab, app, pending)
    events = tab.page.locator(".timeline li")
    expect(events.last).to_contain_text("Sent to Orders in the CRM")
    told = [text.splitlines()[0] for text in events.all_inner_texts()]
    assert told == [
        "Registered",
        "Partner Center: running",
        "Checks began to fail",
        "Checks work again",
        "Partner Center: completed",
        "Failed",
        "Sent to Orders in the CRM",
    ]


def test_a_failed_job_says_why_and_what_to_do(open_tab: OpenTab, app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(outcome="failed", errors=ERRORS)
    app.register(job_id, label="Fabrikam margin", operation="update")
    app.tick()
    tab = open_job(open_tab, app, job_id)
    expect(tab.page.get_by_role("region", name="Why it failed")).to_contain_text("The accept-by date is in the past.")
    expect(tab.main).to_contain_text("What to do next")


def test_a_succeeded_job_shows_its_offer(open_tab: OpenTab, app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(operation="create")
    app.register(job_id, operation="create")
    app.tick()
    offer = app.job(job_id)["privateOffer"]
    tab = open_job(open_tab, app, job_id)
    expect(tab.heading).to_have_text(offer["name"])
    part = tab.page.get_by_role("region", name="Private offer")
    for name in ("Accept by", "Ends", "Customer"):
        expect(part).to_contain_text(name)
    expect(part).to_contain_text(re.compile(r"expires? in \d+ days|expired"))
    prices = part.get_by_role("table")
    expect(prices.get_by_role("row")).to_have_count(1 + len(offer["pricing"]))


def test_the_raw_json_is_there_to_copy_without_signed_links(
    open_tab: OpenTab, app: App, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(operation="create")
    app.register(job_id)
    app.tick()
    assert "sig=" in app.get(f"jobs/{job_id}").text
    tab = open_job(open_tab, app, job_id)
    tab.page.get_by_text("Raw JSON").click()
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.button("Copy the job as JSON").click()
    expect(tab.toast).to_contain_text("Copied")
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert job_id in copied
    assert "sig=" not in copied
    assert "sig=" not in tab.page.content()


def test_check_now_asks_partner_center_and_says_when_it_may_ask_again(
    open_tab: OpenTab, app: App, pending: str, table: JobsTable
) -> None:
    table.let_time_pass()
    tab = open_job(open_tab, app, pending)
    tab.button("Check now").click()
    expect(tab.toast).to_have_text("Checked: the job is still pending.")
    assert app.job(pending)["pollCount"] == 2
    tab.button("Check now").click()
    expect(tab.main).to_contain_text(re.compile(r"Just checked\..*You can check again in \d+ s", re.DOTALL))
    assert app.job(pending)["pollCount"] == 2


def test_a_job_can_be_renamed(open_tab: OpenTab, app: App, pending: str) -> None:
    tab = open_job(open_tab, app, pending)
    tab.button("Edit").click()
    tab.dialog.get_by_label("Label").fill("Contoso renewal, 2027")
    tab.dialog.get_by_label("External id").fill("")
    tab.dialog.get_by_label("Operation").select_option("update")
    tab.dialog.get_by_role("button", name="Save").click()
    expect(tab.dialog).to_have_count(0)
    expect(tab.heading).to_have_text("Contoso renewal, 2027")
    record = app.job(pending)
    assert (record["label"], record["externalId"], record["operation"]) == ("Contoso renewal, 2027", None, "update")


def test_a_label_that_the_api_refuses_is_marked_and_what_was_typed_stays(
    open_tab: OpenTab, app: App, pending: str
) -> None:
    tab = open_job(open_tab, app, pending)
    tab.button("Edit").click()
    label = tab.dialog.get_by_label("Label")
    label.fill("x" * 5000)
    tab.dialog.get_by_role("button", name="Save").click()
    expect(label).to_have_attribute("aria-invalid", "true")
    expect(label).to_have_value("x" * 5000)
    assert app.job(pending)["label"] == "Contoso renewal"


def test_a_job_is_followed_no_longer_after_a_confirmation(open_tab: OpenTab, app: App, pending: str) -> None:
    tab = open_job(open_tab, app, pending)
    tab.button("Stop following").click()
    tab.dialog.get_by_role("button", name="Cancel").click()
    expect(tab.dialog).to_have_count(0)
    assert app.get(f"jobs/{pending}").status_code == 200
    tab.button("Stop following").click()
    tab.dialog.get_by_role("button", name="Stop following").click()
    expect(tab.heading).to_have_text("Jobs")
    assert app.get(f"jobs/{pending}").status_code == 404


def test_the_link_to_a_job_has_no_key(open_tab: OpenTab, app: App, pending: str) -> None:
    tab = open_job(open_tab, app, pending)
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.button("Copy link").click()
    expect(tab.toast).to_contain_text("Copied")
    assert tab.page.evaluate("navigator.clipboard.readText()") == f"{tab.address}#/jobs/{pending}"


def test_a_job_that_nobody_registered_can_be_registered_from_its_address(
    open_tab: OpenTab, app: App, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    tab = open_job(open_tab, app, job_id)
    expect(tab.main).to_contain_text("The monitor does not follow this job")
    tab.link("Register it").click()
    expect(tab.field("Job id")).to_have_value(job_id)
    tab.button("Register").click()
    expect(tab.main).to_contain_text("Partner Center has not been asked yet.")


def test_what_was_sent_about_a_job_leads_to_the_delivery(
    open_tab: OpenTab, app: App, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    app.post("webhooks", {"url": receiver.url, "description": "Orders in the CRM"})
    job_id = fresh_sandbox.state.add_job()
    app.register(job_id)
    app.tick()
    receiver.wait_for(1)
    tab = open_job(open_tab, app, job_id)
    sent = tab.page.get_by_role("region", name="Webhooks")
    expect(sent).to_contain_text("Orders in the CRM")
    expect(sent).to_contain_text("1 attempt, answer 200")
    sent.get_by_role("link").click()
    expect(tab.heading).to_have_text("job.succeeded")
