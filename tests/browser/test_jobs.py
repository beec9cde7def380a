"""The list of jobs: what it shows, filters, search, and more on demand."""

import re

import pytest
from playwright.sync_api import expect

from sandbox.server import Sandbox
from tests.app.app import KEY, App, JobsTable
from tests.browser.conftest import OpenTab
from tests.browser.dashboard import Dashboard
from tests.browser.rows import add_finished_jobs, add_pending_jobs, job_id_of

ERRORS = [
    {
        "code": "conflict",
        "message": "The private offer cannot be published.",
        "details": [{"code": "businessValidationError", "message": "The accept-by date is in the past."}],
    }
]


@pytest.fixture
def jobs(app: App, fresh_sandbox: Sandbox) -> dict[str, str]:
    """One job of each kind, by label."""
    state = fresh_sandbox.state
    ids = {
        "Contoso renewal": state.add_job(),
        "Fabrikam margin": state.add_job(outcome="failed", errors=ERRORS),
        "Tailspin, called off": state.add_job(outcome="cancelled"),
        "Woodgrove, still running": state.add_job(seconds=None),
    }
    operations = {"Fabrikam margin": "update", "Woodgrove, still running": "upgrade"}
    for number, (label, job_id) in enumerate(ids.items()):
        app.register(job_id, label=label, externalId=f"crm-{number}", operation=operations.get(label, "create"))
    app.tick()
    return ids


def test_pending_jobs_come_first_then_the_finished_ones(open_tab: OpenTab, app: App, jobs: dict[str, str]) -> None:
    tab = open_tab(app, "/jobs")
    expect(tab.rows).to_have_count(len(jobs))
    states = tab.page.locator("main .row .badge").all_inner_texts()
    assert states[0] == "Pending"
    assert sorted(states[1:]) == ["Cancelled", "Failed", "Succeeded"]


def test_a_pending_job_shows_its_age_and_a_line_that_fills_until_the_next_check(
    open_tab: OpenTab, app: App, jobs: dict[str, str]
) -> None:
    tab = open_tab(app, "/jobs?state=pending")
    [row] = tab.rows.all()
    expect(row).to_contain_text("Woodgrove, still running")
    expect(row).to_contain_text(re.compile(r"pending for \d+ s"))
    expect(row.get_by_role("img", name=re.compile(r"Next check in \d+"))).to_be_visible()
    assert jobs["Woodgrove, still running"] in (row.get_attribute("href") or "")


@pytest.mark.usefixtures("jobs")
def test_a_failed_job_shows_partner_centers_error_in_words(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, "/jobs?state=failed")
    [row] = tab.rows.all()
    expect(row).to_contain_text("Fabrikam margin")
    expect(row).to_contain_text("The accept-by date is in the past.")
    expect(row).to_contain_text("Update")


def test_times_are_relative_and_exact_on_hover(open_tab: OpenTab, app: App, jobs: dict[str, str]) -> None:
    finished_at = app.job(jobs["Contoso renewal"])["finishedAt"]
    time = open_tab(app, "/jobs?state=succeeded").rows.locator("time").first
    expect(time).to_have_text(re.compile(r"just now|\d+ (seconds?|minutes?) ago"))
    expect(time).to_have_attribute("datetime", finished_at)
    expect(time).to_have_attribute("title", re.compile(r"\d+ \w+ \d{4}, \d\d:\d\d:\d\d CES?T"))


def test_states_and_operations_filter_and_stay_in_the_address(
    open_tab: OpenTab, app: App, jobs: dict[str, str]
) -> None:
    tab = open_tab(app, "/jobs")
    tab.filter("Failed").click()
    expect(tab.rows).to_have_count(1)
    tab.filter("All").click()
    expect(tab.rows).to_have_count(len(jobs))
    tab.field("Operation").select_option("upgrade")
    expect(tab.rows).to_have_count(1)
    expect(tab.rows).to_contain_text("Woodgrove")
    tab.page.reload()
    expect(tab.rows).to_have_count(1)
    tab.filter("Failed").click()
    expect(tab.main).to_contain_text("No job matches")
    tab.link("Show all jobs").click()
    expect(tab.rows).to_have_count(len(jobs))


@pytest.mark.parametrize(
    ("search", "label"),
    [
        ("RENEW", "Contoso renewal"),
        ("margin", "Fabrikam margin"),
        ("crm-2", "Tailspin, called off"),
        ("still", "Woodgrove, still running"),
        ("crm-3", "Woodgrove, still running"),
    ],
)
def test_a_search_finds_labels_and_external_ids(
    open_tab: OpenTab, app: App, jobs: dict[str, str], search: str, label: str
) -> None:
    tab = open_tab(app, "/jobs")
    expect(tab.rows).to_have_count(len(jobs))
    tab.page.get_by_role("searchbox").fill(search)
    expect(tab.rows).to_have_count(1)
    expect(tab.rows).to_contain_text(label)


@pytest.mark.parametrize("label", ["Contoso renewal", "Woodgrove, still running"])
def test_a_search_finds_job_ids(open_tab: OpenTab, app: App, jobs: dict[str, str], label: str) -> None:
    tab = open_tab(app, "/jobs")
    tab.page.get_by_role("searchbox").fill(jobs[label].upper())
    expect(tab.rows).to_have_count(1)
    expect(tab.rows).to_contain_text(label)


@pytest.mark.usefixtures("jobs")
def test_a_search_without_a_result_says_so(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, "/jobs")
    tab.page.get_by_role("searchbox").fill("nobody")
    expect(tab.main).to_contain_text("No job matches “nobody”")


def test_without_jobs_the_list_says_what_to_do(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, "/jobs")
    expect(tab.main).to_contain_text("No jobs yet")
    expect(tab.link("Register a job").first).to_have_attribute("href", "#/jobs/new")


def test_going_back_keeps_filters_loaded_rows_and_scroll(
    open_tab: OpenTab, app: App, table: JobsTable, fresh_sandbox: Sandbox
) -> None:
    add_finished_jobs(app, table, fresh_sandbox, 120)
    tab = open_tab(app, "/jobs?state=succeeded")
    expect(tab.rows).to_have_count(50)
    tab.button("Show more").click()
    expect(tab.rows).to_have_count(100)
    row = tab.rows.nth(80)
    row.scroll_into_view_if_needed()
    title = row.locator(".row-title").inner_text()
    scroll = tab.page.evaluate("scrollY")
    assert scroll > 0
    row.click()
    expect(tab.heading).to_have_text(title)
    tab.page.go_back()
    expect(tab.rows).to_have_count(100)
    assert tab.page.evaluate("scrollY") == scroll


def test_many_pending_jobs_are_shown_newest_first_more_on_demand(
    open_tab: OpenTab, app: App, table: JobsTable, fresh_sandbox: Sandbox
) -> None:
    add_pending_jobs(app, table, fresh_sandbox, 700)  # more than one answer of the API holds
    _expect_pending(open_tab(app, "/jobs?state=pending"), 700)


@pytest.mark.slow
def test_5000_pending_jobs_are_shown_newest_first_more_on_demand(
    open_tab: OpenTab, app: App, table: JobsTable, fresh_sandbox: Sandbox
) -> None:
    add_pending_jobs(app, table, fresh_sandbox, 5000)
    tab = open_tab(app, None)
    tab.page.goto(f"{tab.address}#key={KEY}&to=/jobs?state=pending")
    expect(tab.rows).not_to_have_count(0, timeout=120_000)  # ten answers, each of which Azurite takes seconds for
    _expect_pending(tab, 5000)


def _expect_pending(tab: Dashboard, count: int) -> None:
    titles = tab.page.locator(".row-title")
    expect(titles).to_have_count(50)
    assert titles.all_inner_texts() == [f"Renewal {number}" for number in range(count, count - 50, -1)]
    tab.button("Show more").click()
    expect(titles).to_have_count(100)
    assert titles.last.inner_text() == f"Renewal {count - 99}"
    search = tab.page.get_by_role("searchbox")
    search.fill("renewal 77")
    expect(titles.last).to_have_text("Renewal 77", timeout=120_000)
    search.fill(job_id_of(42))
    expect(titles).to_have_text(["Renewal 42"], timeout=120_000)


def test_a_long_history_comes_page_by_page_newest_first(
    open_tab: OpenTab, app: App, table: JobsTable, fresh_sandbox: Sandbox
) -> None:
    add_finished_jobs(app, table, fresh_sandbox, 300)
    _expect_pages(open_tab, app, 300)


@pytest.mark.slow
def test_100000_finished_jobs_come_page_by_page_newest_first(
    open_tab: OpenTab, app: App, table: JobsTable, fresh_sandbox: Sandbox
) -> None:
    add_finished_jobs(app, table, fresh_sandbox, 100_000)
    _expect_pages(open_tab, app, 100_000)


def _expect_pages(open_tab: OpenTab, app: App, newest: int) -> None:
    tab = open_tab(app, "/jobs")
    titles = tab.page.locator(".row-title")
    expect(titles.first).to_have_text("Done")  # the one that the others are copies of
    for shown in (50, 100, 150):
        expect(titles).to_have_count(shown)
        assert titles.all_inner_texts() == ["Done", *(f"Done {newest - each}" for each in range(shown - 1))]
        tab.button("Show more").click()
    tab.page.get_by_role("searchbox").fill(f"done {newest - 250}")
    expect(titles).to_have_text([f"Done {newest - 250}"])
