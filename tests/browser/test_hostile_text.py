"""Text that others wrote is shown as text wherever it comes from, and only https addresses become links."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable
from tests.browser.conftest import OpenTab
from tests.browser.dashboard import Dashboard
from tests.webhooks.receiver import Receiver, Reply

ELEMENT = '<img src=x onerror="window.harmed = true"><script>window.harmed = true</script>'
LINK = "javascript:window.harmed=true"
HOSTILE = f"{ELEMENT} {LINK} \"'`${{1}} {{{{1}}}} </textarea></script>"


@pytest.fixture
def tab(open_tab: OpenTab, app: App, page: Page) -> Iterator[Dashboard]:
    """A tab in which no hostile text may have become an element, run, or sent a request."""
    tab = open_tab(app)
    yield tab
    assert page.evaluate("window.harmed") is None
    assert page.locator("img, script:not([src]), iframe, object, embed").count() == 0
    assert page.locator("a[href^='javascript'], a[href^='data']").count() == 0
    assert page.locator("main [onerror], main [onclick]").count() == 0
    assert [url for url in tab.requests if not url.startswith((app.host.url, "data:", "about:"))] == []


def hostile_offer() -> dict[str, Any]:
    """Members that the sandbox gives a private offer."""
    return {
        "name": HOSTILE,
        "notes": HOSTILE,
        "preparedBy": HOSTILE,
        "notificationContacts": [HOSTILE],
        "privateOfferType": "customerPromotion",
        "subState": HOSTILE,
        "acceptBy": HOSTILE,
        "beneficiaries": [{"id": HOSTILE, "description": HOSTILE}],
        "partners": [{"id": HOSTILE, "partnerName": HOSTILE}],
        "termsAndConditionsDocSasUrl": LINK,
        "acceptanceLinks": [{"link": LINK}],
        "pricing": [{"productName": HOSTILE, "planName": HOSTILE, "discountType": HOSTILE, "price": HOSTILE}],
        "upgradedFrom": {"name": HOSTILE, "id": HOSTILE},
    }


def test_labels_and_external_ids(tab: Dashboard, app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    app.register(job_id, label=HOSTILE[:100], externalId=HOSTILE[:100])
    tab.go("/jobs")
    expect(tab.rows).to_contain_text("<img src=x")
    tab.rows.click()
    expect(tab.heading).to_contain_text("<img src=x")
    expect(tab.page).to_have_title(re.compile("<img src=x"))
    tab.button("Stop following").click()
    expect(tab.dialog).to_be_visible()


def test_partner_centers_errors(tab: Dashboard, app: App, fresh_sandbox: Sandbox) -> None:
    error = {
        "code": HOSTILE,
        "message": HOSTILE,
        "messageHtml": ELEMENT,
        "details": [{"code": LINK, "message": HOSTILE}],
    }
    job_id = fresh_sandbox.state.add_job(outcome="failed", errors=[error, {"message": {"a": [HOSTILE]}}])
    app.register(job_id)
    app.tick()
    tab.go("/jobs?state=failed")
    expect(tab.rows).to_contain_text("<img src=x")
    tab.rows.click()
    expect(tab.main).to_contain_text("<img src=x")


def test_errors_of_a_gateway(tab: Dashboard, app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    app.register(job_id)
    fresh_sandbox.state.fault("any_answer", status=500, body={"error": {"code": ELEMENT, "message": ELEMENT}})
    app.tick()
    tab.go(f"/jobs/{job_id}")
    expect(tab.main).to_contain_text("The last check failed.")
    expect(tab.main).to_contain_text("<img src=x")


def test_an_offer_of_a_job(tab: Dashboard, app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(private_offer={"id": "private-offer/1", **hostile_offer()})
    app.register(job_id)
    app.tick()
    tab.go(f"/jobs/{job_id}")
    expect(tab.main).to_contain_text("<img src=x")
    tab.page.get_by_text("Raw JSON").click()


def test_an_offer_as_it_is_at_partner_center(tab: Dashboard, fresh_sandbox: Sandbox) -> None:
    offer_id = fresh_sandbox.state.add_private_offer(**hostile_offer())
    tab.go(f"/offers/{offer_id}")
    expect(tab.main).to_contain_text("<img src=x")


def test_the_list_of_offers_that_are_followed(tab: Dashboard, app: App, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.add_private_offer(**hostile_offer())
    app.fire("watch_offers")
    app.host.wait_for_line("watch_offers succeeded")
    tab.go("/offers")
    expect(tab.main).to_contain_text("<img src=x")


def test_a_receivers_answer_and_an_endpoints_description(
    tab: Dashboard, app: App, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    webhook = app.post("webhooks", {"url": receiver.url, "description": HOSTILE[:150]}).json()
    receiver.behaviour = lambda _: Reply(status=500, body=HOSTILE.encode())
    app.register(fresh_sandbox.state.add_job(), label=HOSTILE[:100])
    app.tick()
    tab.go("/webhooks")
    expect(tab.rows).to_contain_text("<img src=x")
    tab.go(f"/webhooks/{webhook['id']}")
    tab.button("Send a test").click()
    expect(tab.main).to_contain_text("The test was not delivered.")
    tab.rows.click()
    expect(tab.main.locator("pre").first).to_contain_text("<img src=x")
    expect(tab.main.locator("pre").last).to_contain_text("<img src=x")


def test_a_row_that_is_not_a_job(tab: Dashboard, app: App, table: JobsTable) -> None:
    table.put(ELEMENT.replace("/", "|"))
    app.tick()
    tab.go("/set-aside")
    expect(tab.main).to_contain_text("<img src=x")
    tab.page.get_by_role("button", name="Remove the row").click()
    expect(tab.dialog).to_contain_text("<img src=x")


def test_a_cpp_offer(tab: Dashboard, fresh_sandbox: Sandbox) -> None:
    definition = {"displayText": HOSTILE, "plans": [{"planId": HOSTILE, "title": HOSTILE}], LINK: HOSTILE}
    slots: dict[str, dict[str, Any]] = {
        "draft": {"definition": definition},
        "production": {"definition": {"displayText": "Toys"}},
    }
    fresh_sandbox.state.add_cpp_offer("tailspin", "toys", slots=slots)
    tab.go("/cpp?publisher=tailspin")
    expect(tab.rows).to_have_count(1)
    tab.go("/cpp/tailspin/toys")
    expect(tab.page.get_by_role("region", name="What would change")).to_contain_text("<img src=x")


@pytest.mark.parametrize(
    "route", [f"/jobs?search={ELEMENT}", f"/{ELEMENT}", f"/jobs/{LINK}", f"/jobs?state={ELEMENT}"]
)
def test_the_address(tab: Dashboard, route: str) -> None:
    tab.page.evaluate("route => { location.hash = route; }", route)
    expect(tab.heading).to_be_visible()


@pytest.mark.parametrize("member", ["title", "detail"])
def test_the_apis_own_errors(tab: Dashboard, page: Page, member: str) -> None:
    problem = {"type": LINK, "title": "Wrong", "detail": "It is wrong.", "status": 400, "faults": [HOSTILE]}
    body = json.dumps(problem | {member: HOSTILE})
    page.route("**/api/jobs?**", lambda route: route.fulfill(status=400, body=body, content_type="application/json"))
    tab.page.evaluate("location.hash = '/jobs'")
    expect(page.get_by_role("alert").first).to_contain_text("<img src=x")
