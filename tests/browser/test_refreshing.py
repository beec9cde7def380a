"""The page refreshes itself without losing the place, and survives the API being away."""

import re

import pytest
from playwright.sync_api import Page, expect

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable
from tests.browser.conftest import OpenTab
from tests.browser.dashboard import Dashboard
from tests.browser.rows import add_finished_jobs

API = re.compile(r"/api/(?!dashboard)")


def pass_time(tab: Dashboard, seconds: int) -> None:
    """Let the page's clock run ahead, as if someone had left it open."""
    tab.page.clock.run_for(seconds * 1000)


def test_a_job_goes_from_pending_to_succeeded_while_its_page_is_open(
    open_tab: OpenTab, app: App, fresh_sandbox: Sandbox, page: Page
) -> None:
    job_id = fresh_sandbox.state.add_job()
    app.register(job_id, label="Contoso renewal", operation="create")
    page.clock.install()
    tab = open_tab(app, f"/jobs/{job_id}")
    badge = tab.page.locator(".page-lead .badge")
    expect(badge).to_have_text("Pending")
    app.tick()
    pass_time(tab, 11)
    expect(badge).to_have_text("Succeeded")
    expect(tab.page.get_by_role("region", name="Private offer")).to_be_visible()
    expect(tab.page.locator(".timeline")).to_contain_text("Succeeded")
    expect(tab.button("Check now")).to_have_count(0)


def test_a_job_in_the_list_succeeds_and_the_list_keeps_the_place_and_the_focus(
    open_tab: OpenTab, app: App, table: JobsTable, fresh_sandbox: Sandbox, page: Page
) -> None:
    add_finished_jobs(app, table, fresh_sandbox, 90)
    job_id = fresh_sandbox.state.add_job()
    app.register(job_id, label="Contoso renewal")
    page.clock.install()
    tab = open_tab(app, "/jobs")
    tab.button("Show more").click()
    expect(tab.rows).to_have_count(92)
    expect(tab.rows.first.locator(".badge")).to_have_text("Pending")
    row = tab.rows.filter(has=page.get_by_text("Done 30", exact=True))
    row.focus()
    row.scroll_into_view_if_needed()
    scroll, top = page.evaluate("scrollY"), row.bounding_box()
    assert scroll > 0
    app.tick()
    pass_time(tab, 16)
    job = tab.rows.filter(has_text="Contoso renewal")
    expect(job.locator(".badge")).to_have_text("Succeeded")
    expect(row).to_be_focused()
    assert (page.evaluate("scrollY"), row.bounding_box()) == (scroll, top)
    expect(tab.rows).to_have_count(92)


def test_what_is_being_typed_survives_a_refresh(
    open_tab: OpenTab, app: App, fresh_sandbox: Sandbox, page: Page
) -> None:
    job_id = fresh_sandbox.state.add_job()
    app.register(job_id, label="Contoso renewal")
    page.clock.install()
    tab = open_tab(app, f"/jobs/{job_id}")
    tab.button("Edit").click()
    label = tab.dialog.get_by_label("Label")
    label.fill("Half a wo")
    app.tick()
    pass_time(tab, 11)
    expect(page.locator(".page-lead .badge")).to_have_text("Succeeded")
    expect(label).to_have_value("Half a wo")
    expect(label).to_be_focused()


def test_nothing_flickers_while_data_is_loaded_again(
    open_tab: OpenTab, app: App, fresh_sandbox: Sandbox, page: Page
) -> None:
    app.register(fresh_sandbox.state.add_job(seconds=None), label="Contoso renewal")
    tab = open_tab(app, "/jobs")
    expect(tab.rows).to_have_count(1)
    page.evaluate(
        """() => {
          window.removed = [];
          new MutationObserver((changes) => {
            for (const { removedNodes } of changes) {
              const elements = [...removedNodes].filter((node) => node instanceof Element);
              window.removed.push(...elements.map((node) => node.outerHTML));
            }
          }).observe(document.querySelector("main"), { childList: true, subtree: true });
        }"""
    )
    with page.expect_response(re.compile(r"/api/jobs\?")):
        tab.refresh()
    expect(tab.rows).to_have_count(1)
    assert page.evaluate("window.removed") == []


@pytest.mark.parametrize("failure", ["no answer", "a gateway's 502"])
def test_the_api_going_away_is_said_the_data_stays_and_all_goes_on_by_itself(
    open_tab: OpenTab, app: App, fresh_sandbox: Sandbox, page: Page, failure: str
) -> None:
    app.register(fresh_sandbox.state.add_job(seconds=None), label="Contoso renewal")
    page.clock.install()
    tab = open_tab(app, "/jobs")
    expect(tab.rows).to_have_count(1)
    if failure == "no answer":
        page.route(API, lambda route: route.abort())
    else:
        page.route(API, lambda route: route.fulfill(status=502, content_type="text/html", body="<h1>Bad</h1>"))
    pass_time(tab, 16)
    expect(tab.main).to_contain_text("The monitor does not answer.")
    expect(tab.main).to_contain_text(re.compile(r"Trying again in \d+ s\.|Trying again …"))
    expect(tab.rows).to_contain_text("Contoso renewal")
    page.unroute_all()
    app.register(fresh_sandbox.state.add_job(seconds=None), label="Meanwhile")
    pass_time(tab, 61)
    expect(tab.rows).to_have_count(2)
    expect(tab.main).not_to_contain_text("The monitor does not answer.")


def test_the_api_being_away_at_the_start_is_said_too(
    open_tab: OpenTab, app: App, fresh_sandbox: Sandbox, page: Page
) -> None:
    app.register(fresh_sandbox.state.add_job(seconds=None), label="Contoso renewal")
    page.route(API, lambda route: route.abort())
    tab = open_tab(app, None)
    page.goto(f"{tab.address}#key=local&to=/jobs")
    expect(tab.main).to_contain_text("The monitor does not answer.")
    page.unroute_all()
    tab.button("Try now").click()
    expect(tab.rows).to_have_count(1)
    expect(tab.main).not_to_contain_text("The monitor does not answer.")


def test_a_hidden_page_asks_for_nothing(open_tab: OpenTab, app: App, page: Page) -> None:
    page.clock.install()
    tab = open_tab(app, "/jobs")
    page.evaluate("Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })")
    asked = len(tab.requests)
    pass_time(tab, 600)
    assert len(tab.requests) == asked
    page.evaluate("Object.defineProperty(document, 'visibilityState', { value: 'visible', configurable: true })")
    with page.expect_response(re.compile(r"/api/jobs\?")):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
