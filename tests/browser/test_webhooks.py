"""Endpoints and deliveries: added, tested, rotated, sent again. A secret is shown once."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from sandbox.server import Sandbox
from tests.app.app import App
from tests.browser.conftest import OpenTab
from tests.browser.dashboard import Dashboard
from tests.webhooks.receiver import Receiver, Reply

GONE = Reply(status=410)


@pytest.fixture
def webhook(app: App, receiver: Receiver) -> dict[str, Any]:
    """An endpoint, with its secret."""
    added: dict[str, Any] = app.post("webhooks", {"url": receiver.url, "description": "Orders in the CRM"}).json()
    return added


def deliver(app: App, sandbox: Sandbox, count: int = 1) -> None:
    """Have jobs end, so that the endpoint is sent something."""
    for job_id in [sandbox.state.add_job() for _ in range(count)]:
        app.register(job_id, label="Contoso renewal")
    app.tick()


def expect_forgotten(tab: Dashboard, secret: str) -> None:
    """Neither the page nor the browser has the secret."""
    assert secret not in tab.page.content()
    assert secret not in json.dumps(tab.kept_by_the_browser())
    assert secret not in tab.page.url
    assert tab.page.evaluate("history.state === null || !JSON.stringify(history.state).includes('whsec_')")


def store_secret(tab: Dashboard) -> str:
    secret = tab.dialog.locator("code").inner_text()
    assert secret.startswith("whsec_")
    tab.dialog.get_by_role("button", name="I have stored it").click()
    expect(tab.dialog).to_have_count(0)
    return secret


def test_an_endpoint_is_added_and_its_secret_is_shown_once(
    open_tab: OpenTab, app: App, receiver: Receiver, fresh_sandbox: Sandbox
) -> None:
    tab = open_tab(app, "/webhooks")
    expect(tab.main).to_contain_text("No endpoints yet")
    tab.link("Add an endpoint").click()
    tab.field("Address").fill(receiver.url)
    tab.field("Description (optional)").fill("Orders in the CRM")
    tab.button("Add the endpoint").click()
    tab.page.keyboard.press("Escape")  # must not lose what is shown once
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.dialog.get_by_role("button", name="Copy the secret").click()
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    secret = store_secret(tab)
    assert copied == secret
    expect_forgotten(tab, secret)
    tab.page.reload()
    tab.loaded()
    tab.go("/webhooks")
    expect(tab.rows).to_contain_text("Orders in the CRM")
    expect_forgotten(tab, secret)
    deliver(app, fresh_sandbox)
    receiver.wait_for(1)[0].verify(secret)


def test_an_address_that_is_refused_is_marked_and_what_was_typed_stays(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, "/webhooks/new")
    address = tab.field("Address")
    address.fill("ftp://example.org/hook")
    tab.field("Description (optional)").fill("Orders")
    tab.button("Add the endpoint").click()
    expect(address).to_have_attribute("aria-invalid", "true")
    expect(address).to_be_focused()
    expect(tab.field("Description (optional)")).to_have_value("Orders")
    assert app.get("webhooks").json() == {"webhooks": []}


def test_an_endpoint_can_be_for_some_events_only(open_tab: OpenTab, app: App, receiver: Receiver) -> None:
    tab = open_tab(app, "/webhooks/new")
    tab.field("Address").fill(receiver.url)
    tab.choose("Only some")
    tab.choose("job.failed")
    tab.choose("monitor.*")
    tab.choose("Microsoft Teams")
    tab.button("Add the endpoint").click()
    store_secret(tab)
    [added] = app.get("webhooks").json()["webhooks"]
    assert (sorted(added["events"]), added["format"]) == (["job.failed", "monitor.*"], "teams")


def test_a_secret_is_rotated_and_the_new_one_shown_once(
    open_tab: OpenTab, app: App, webhook: dict[str, Any], receiver: Receiver, fresh_sandbox: Sandbox
) -> None:
    tab = open_tab(app, f"/webhooks/{webhook['id']}")
    tab.button("More actions").click()
    tab.button("Rotate the secret").click()
    tab.dialog.get_by_role("button", name="Rotate").click()
    expect(tab.dialog).to_contain_text("The new secret")
    secret = store_secret(tab)
    expect_forgotten(tab, secret)
    deliver(app, fresh_sandbox)
    [request] = receiver.wait_for(1)
    request.verify(secret)
    request.verify(webhook["secret"])  # the one before signs too


@pytest.mark.parametrize(
    ("reply", "told"),
    [(Reply(status=204), "The test was delivered."), (Reply(status=500), "The test was not delivered.")],
    ids=["accepted", "refused"],
)
def test_a_test_says_what_the_endpoint_answered(
    open_tab: OpenTab, app: App, webhook: dict[str, Any], receiver: Receiver, reply: Reply, told: str
) -> None:
    receiver.behaviour = lambda _: reply
    tab = open_tab(app, f"/webhooks/{webhook['id']}")
    tab.button("Send a test").click()
    expect(tab.main).to_contain_text(told)
    expect(tab.main).to_contain_text(re.compile(rf"answered {reply.status} .* \d+ ms"))
    assert receiver.wait_for(1)[0].json["type"] == "webhook.test"


def test_a_delivery_shows_its_attempts_and_the_body_that_was_sent(
    open_tab: OpenTab, app: App, webhook: dict[str, Any], receiver: Receiver, fresh_sandbox: Sandbox
) -> None:
    receiver.behaviour = lambda _: Reply(status=503, body=b"The ticket database is read-only.")
    deliver(app, fresh_sandbox)
    [request] = receiver.wait_for(1)
    tab = open_tab(app, f"/webhooks/{webhook['id']}")
    expect(tab.rows).to_contain_text("503 Service Unavailable")
    tab.rows.click()
    expect(tab.main).to_contain_text("The ticket database is read-only.")
    expect(tab.main).to_contain_text(request.webhook_id)
    tab.page.get_by_text("As sent").click()
    assert tab.page.locator("main pre").last.inner_text() == request.body.decode()


def test_a_delivery_is_sent_again_under_the_same_id(
    open_tab: OpenTab, app: App, webhook: dict[str, Any], receiver: Receiver, fresh_sandbox: Sandbox
) -> None:
    receiver.behaviour = lambda _: Reply(status=500)
    deliver(app, fresh_sandbox)
    receiver.wait_for(1)
    receiver.behaviour = lambda _: Reply()
    tab = open_tab(app, f"/webhooks/{webhook['id']}")
    tab.rows.click()
    tab.button("Send again now").click()
    expect(tab.main).to_contain_text("200 OK")
    expect(tab.page.locator(".page-lead .badge")).to_have_text("Delivered")
    first, second = receiver.wait_for(2)
    assert (first.webhook_id, first.body) == (second.webhook_id, second.body)


def test_all_dead_deliveries_are_sent_again(
    open_tab: OpenTab, app: App, webhook: dict[str, Any], receiver: Receiver, fresh_sandbox: Sandbox
) -> None:
    receiver.behaviour = lambda _: GONE
    deliver(app, fresh_sandbox, count=3)
    tab = open_tab(app, f"/webhooks/{webhook['id']}?status=dead")
    expect(tab.main).to_contain_text("It answered that it is gone (410).")
    expect(tab.rows).to_have_count(3)
    tab.button("Enable").click()
    expect(tab.toast).to_have_text("Enabled.")
    receiver.behaviour = lambda _: Reply()
    receiver.requests.clear()
    tab.button("Send dead ones again").click()
    tab.dialog.get_by_role("button", name="Send again").click()
    expect(tab.dialog).to_contain_text("3 deliveries are scheduled.")
    tab.dialog.get_by_role("button", name="Done").click()
    expect(tab.main).to_contain_text("No delivery matches")
    states = {each["status"] for each in app.get(f"webhooks/{webhook['id']}/deliveries").json()["deliveries"]}
    assert "dead" not in states


def test_deliveries_are_filtered_by_status_event_and_job(
    open_tab: OpenTab, app: App, webhook: dict[str, Any], receiver: Receiver, fresh_sandbox: Sandbox
) -> None:
    deliver(app, fresh_sandbox, count=2)
    receiver.wait_for(2)
    job_id = receiver.requests[0].json["data"]["job"]["jobId"]
    tab = open_tab(app, f"/webhooks/{webhook['id']}")
    expect(tab.rows).to_have_count(2)
    tab.page.get_by_role("searchbox").fill(job_id)
    expect(tab.rows).to_have_count(1)
    expect(tab.rows).to_contain_text(job_id)
    tab.filter("Dead").click()
    expect(tab.main).to_contain_text("No delivery matches")
    tab.link("Show all deliveries").click()
    expect(tab.rows).to_have_count(2)
    tab.field("Type of event").select_option("job.failed")
    expect(tab.main).to_contain_text("No delivery matches")


def test_an_endpoint_is_disabled_enabled_and_removed(open_tab: OpenTab, app: App, webhook: dict[str, Any]) -> None:
    tab = open_tab(app, f"/webhooks/{webhook['id']}")
    tab.button("More actions").click()
    tab.button("Disable").click()
    tab.dialog.get_by_role("button", name="Disable").click()
    expect(tab.main).to_contain_text("Someone disabled it.")
    assert app.get(f"webhooks/{webhook['id']}").json()["enabled"] is False
    tab.button("Enable").click()
    expect(tab.main).not_to_contain_text("Someone disabled it.")
    tab.button("More actions").click()
    tab.button("Remove").click()
    tab.dialog.get_by_role("button", name="Remove").click()
    expect(tab.main).to_contain_text("No endpoints yet")
    assert app.get("webhooks").json() == {"webhooks": []}


def test_values_of_headers_are_never_shown(open_tab: OpenTab, app: App, receiver: Receiver) -> None:
    tab = open_tab(app, "/webhooks/new")
    tab.field("Address").fill(receiver.url)
    tab.button("Add a header").click()
    tab.field("Name of header 1").fill("authorization")
    tab.field("Value of header 1").fill("Bearer unmistakable")
    tab.button("Add the endpoint").click()
    store_secret(tab)
    expect(tab.main).to_contain_text("authorization")
    tab.link("Edit").click()
    expect(tab.main).to_contain_text("value hidden")
    assert "unmistakable" not in tab.page.content()
    tab.button("Save").click()
    expect(tab.heading).not_to_have_text("Edit the endpoint")
    receiver.requests.clear()
    tab.button("Send a test").click()
    assert receiver.wait_for(1)[0].headers["authorization"] == "Bearer unmistakable"
