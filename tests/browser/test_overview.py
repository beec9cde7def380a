"""The overview: one sentence that says whether all is well, and what is wrong where."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable
from tests.browser.conftest import OpenTab
from tests.browser.dashboard import Dashboard
from tests.webhooks.receiver import Receiver, Reply

type FreshApp = tuple[App, JobsTable]


def concern(tab: Dashboard, text: str) -> None:
    """Expect a concern in the lead, as its sentence or in its list."""
    expect(tab.page.locator(".lead")).to_contain_text(text)


def test_a_monitor_that_has_done_nothing_yet_says_that_all_is_well(open_tab: OpenTab, fresh_app: FreshApp) -> None:
    tab = open_tab(fresh_app[0])
    expect(tab.heading).to_have_text("All is well. The monitor has just started.")


def test_a_healthy_monitor_says_that_all_is_well_and_how_many_jobs_are_pending(
    open_tab: OpenTab, fresh_app: FreshApp, fresh_sandbox: Sandbox
) -> None:
    app, _ = fresh_app
    for seconds in (None, None, 0):
        app.register(fresh_sandbox.state.add_job(seconds=seconds))
    app.tick()
    tab = open_tab(app)
    expect(tab.heading).to_have_text("All is well. 2 jobs are pending.")
    counts = tab.page.locator(".counts a")
    expect(counts.filter(has_text="Pending")).to_contain_text("2")
    expect(counts.filter(has_text="Succeeded")).to_contain_text("1")
    counts.filter(has_text="Succeeded").click()
    expect(tab.rows).to_have_count(1)


def test_a_refused_credential_is_the_first_thing_that_is_said(
    open_tab: OpenTab, fresh_app: FreshApp, fresh_sandbox: Sandbox
) -> None:
    app, _ = fresh_app
    app.register(fresh_sandbox.state.add_job())
    fresh_sandbox.state.fault("token_refused", route="tokens")
    app.tick()
    tab = open_tab(app)
    expect(tab.heading).to_have_text(re.compile(r"Partner Center refuses the monitor's credential since \d\d:\d\d\."))
    concern(tab, "AADSTS7000215")


def test_failed_jobs_lead_to_the_list_of_them(open_tab: OpenTab, fresh_app: FreshApp, fresh_sandbox: Sandbox) -> None:
    app, _ = fresh_app
    for outcome in ("failed", "failed", "succeeded"):
        app.register(fresh_sandbox.state.add_job(outcome=outcome))
    app.tick()
    tab = open_tab(app)
    expect(tab.heading).to_have_text("2 jobs failed today.")
    tab.heading.get_by_role("link").click()
    expect(tab.rows).to_have_count(2)


def test_dead_deliveries_and_a_disabled_endpoint_lead_to_the_webhooks(
    open_tab: OpenTab, fresh_app: FreshApp, fresh_sandbox: Sandbox, receiver: Receiver
) -> None:
    app, _ = fresh_app
    app.post("webhooks", {"url": receiver.url, "description": "Orders in the CRM"})
    receiver.behaviour = lambda _: Reply(status=410)
    app.register(fresh_sandbox.state.add_job())
    app.tick()
    receiver.wait_for(1)
    app.fire("deliver_webhooks")  # it counts the dead ones
    app.host.wait_for_line("deliver_webhooks succeeded")
    tab = open_tab(app)
    expect(tab.heading).to_have_text("Two things need you.")
    concern(tab, "1 webhook delivery could not be delivered")
    concern(tab, "The webhook endpoint Orders in the CRM is disabled")
    tab.page.locator(".concern", has_text="is disabled").click()
    expect(tab.heading).to_have_text("Orders in the CRM")


def test_rows_that_are_not_jobs_lead_to_the_place_where_they_are_removed(
    open_tab: OpenTab, fresh_app: FreshApp
) -> None:
    app, table = fresh_app
    table.put("not-a-guid")
    app.tick()
    tab = open_tab(app)
    expect(tab.heading).to_have_text("1 row in the jobs table is not a job.")
    tab.heading.get_by_role("link").click()
    expect(tab.heading).to_have_text("Set aside")
    expect(tab.main).to_contain_text("not-a-guid")
    tab.button("Remove the row not-a-guid").click()
    tab.dialog.get_by_role("button", name="Remove").click()
    expect(tab.main).to_contain_text("Nothing is set aside")
    assert app.get("set-aside").json()["rows"] == []


def test_unanswered_checks_are_named_and_lead_to_the_pending_jobs(
    open_tab: OpenTab, fresh_app: FreshApp, fresh_sandbox: Sandbox
) -> None:
    app, _ = fresh_app
    app.register(fresh_sandbox.state.add_job())
    app.register(fresh_sandbox.state.add_job(seconds=None))
    first = app.get("jobs").json()["jobs"][0]["jobId"]
    fresh_sandbox.state.fault("server_error", job_id=first)
    app.tick()
    tab = open_tab(app)
    expect(tab.heading).to_contain_text("Partner Center did not answer for 1 job at the last check")
    tab.heading.get_by_role("link").click()
    expect(tab.filter("Pending")).to_have_attribute("aria-current", "true")


def test_missing_ticks_are_named_with_the_time_since_when(
    open_tab: OpenTab, fresh_app: FreshApp, fresh_sandbox: Sandbox
) -> None:
    app, _ = fresh_app
    app.register(fresh_sandbox.state.add_job(seconds=None))
    app.tick()
    tab = open_tab(app, None)
    tab.page.clock.install()
    tab.page.clock.fast_forward("10:00")
    tab.open()
    expect(tab.heading).to_have_text(
        re.compile(r"The jobs have not been checked for over 3 minutes since \d\d:\d\d\.")
    )


def test_the_charts_say_in_text_what_they_show(
    open_tab: OpenTab, fresh_app: FreshApp, fresh_sandbox: Sandbox
) -> None:
    app, _ = fresh_app
    for outcome in ("succeeded", "succeeded", "failed"):
        app.register(fresh_sandbox.state.add_job(outcome=outcome))
    app.tick()
    tab = open_tab(app)
    finished = tab.page.get_by_role("region", name="Finished per day")
    table = finished.get_by_role("table", include_hidden=True)
    today = table.get_by_role("row", include_hidden=True).last
    expect(today.get_by_role("cell", include_hidden=True)).to_have_text(["2", "1", "0"])


@pytest.mark.parametrize("route", ["/nowhere", "/jobs/1/2/3", "/jobs/%zz"])
def test_an_address_that_leads_nowhere_says_so(open_tab: OpenTab, app: App, route: str) -> None:
    tab = open_tab(app, route)
    expect(tab.main).to_contain_text("There is nothing at this address.")
    tab.link("Go to the overview").click()
    expect(tab.heading).not_to_have_text("Not found")


def test_a_job_that_does_not_exist_is_not_an_error_page(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, f"/jobs/{uuid.uuid4()}")
    expect(tab.main).to_contain_text("The monitor does not follow this job")
