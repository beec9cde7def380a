"""The function key: asked for once, kept in the tab, never in the address, and nothing is shown without it."""

import re

from playwright.sync_api import BrowserContext, Page, Response, expect

from tests.app.app import KEY, App
from tests.browser.conftest import OpenTab
from tests.browser.dashboard import Dashboard


def enter(tab: Dashboard, key: str) -> None:
    tab.page.get_by_label("Function key").fill(key)
    tab.button("Continue").click()


def test_without_a_key_the_page_asks_for_one_and_calls_nothing(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, None)
    tab.page.goto(tab.address)
    expect(tab.page.get_by_label("Function key")).to_be_focused()
    expect(tab.page).to_have_title(re.compile("^Enter your key"))
    assert [url for url in tab.requests if not url.startswith((tab.address, "data:"))] == []


def test_a_wrong_key_says_so_and_the_right_one_opens_the_page(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, None)
    tab.page.goto(tab.address)
    enter(tab, "wrong")
    expect(tab.page.get_by_role("alert")).to_contain_text("This key is wrong.")
    assert tab.kept_by_the_browser() == {}
    enter(tab, KEY)
    expect(tab.page.get_by_role("navigation", name="Views")).to_be_visible()


def test_the_key_is_asked_for_once_and_is_in_the_tab_only(
    open_tab: OpenTab, app: App, context: BrowserContext
) -> None:
    tab = open_tab(app, None)
    tab.page.goto(tab.address)
    enter(tab, KEY)
    tab.loaded()
    tab.page.reload()
    tab.loaded()
    expect(tab.page.get_by_label("Function key")).to_have_count(0)
    assert tab.page.evaluate("[Object.values(sessionStorage), Object.keys(localStorage), document.cookie]") == [
        [KEY],
        [],
        "",
    ]
    other = context.new_page()
    other.goto(tab.address)
    expect(other.get_by_label("Function key")).to_be_visible()


def test_a_key_in_the_address_is_taken_and_leaves_the_address_and_the_history_at_once(
    open_tab: OpenTab, app: App
) -> None:
    tab = open_tab(app, None)
    tab.page.goto(f"{tab.address}#key={KEY}")
    tab.loaded()
    assert tab.page.url == f"{tab.address}#/"
    tab.go("/jobs")
    tab.page.go_back()
    tab.loaded()
    assert tab.page.url == f"{tab.address}#/"
    assert KEY not in "".join(url.partition("/api/")[2] for url in tab.requests)


def test_a_key_in_the_address_replaces_the_one_before(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app)
    tab.page.evaluate("location.hash = 'key=another&to=/jobs'")
    expect(tab.page.get_by_role("alert")).to_contain_text("no longer accepted")
    tab.page.evaluate(f"location.hash = 'key={KEY}&to=/jobs'")
    expect(tab.heading).to_have_text("Jobs")


def test_a_link_to_a_view_leads_there_after_the_key(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, None)
    tab.page.goto(f"{tab.address}#/jobs?state=failed")
    enter(tab, KEY)
    expect(tab.heading).to_have_text("Jobs")
    assert tab.page.url.endswith("#/jobs?state=failed")
    expect(tab.filter("Failed")).to_have_attribute("aria-current", "true")


def test_a_forgotten_key_is_gone_and_so_is_the_data(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, "/jobs")
    tab.button("Forget the key").click()
    expect(tab.page.get_by_label("Function key")).to_be_visible()
    assert tab.kept_by_the_browser() == {}
    expect(tab.page.get_by_role("navigation")).to_have_count(0)


def test_a_key_that_is_no_longer_accepted_leads_back_to_the_question(open_tab: OpenTab, app: App, page: Page) -> None:
    tab = open_tab(app, "/jobs")
    page.route(re.compile(r"/api/jobs\?"), lambda route: route.fulfill(status=401))
    tab.refresh()
    expect(page.get_by_role("alert")).to_contain_text("no longer accepted")
    page.unroute_all()
    enter(tab, KEY)
    expect(tab.heading).to_have_text("Jobs")


def test_the_pages_files_hold_neither_data_nor_a_key(open_tab: OpenTab, app: App, page: Page) -> None:
    app.register("11111111-2222-4333-8444-555555555555", label="Unmistakable label")
    answers: list[Response] = []

    def keep(answer: Response) -> None:  # Playwright marks the function that it calls, and cannot mark a built-in one
        answers.append(answer)

    page.on("response", keep)
    tab = open_tab(app, "/jobs")
    expect(tab.rows).to_have_count(1)
    bodies = [answer.text() for answer in answers if "/api/dashboard" in answer.url]
    assert len(bodies) >= 3  # the page, its style and its script
    for body in bodies:
        assert "Unmistakable" not in body
        assert "11111111" not in body
        assert f'"{KEY}"' not in body


def test_the_page_asks_nobody_but_the_app(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app)
    for route in ("/jobs", "/webhooks", "/offers", "/cpp", "/set-aside"):
        tab.go(route)
    assert [url for url in tab.requests if not url.startswith((app.host.url, "data:", "about:"))] == []
