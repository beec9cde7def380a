"""Private offers that are followed, and CPP offers: what would change if they were published."""

import re

import pytest
from playwright.sync_api import expect

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable
from tests.browser.conftest import OpenTab, days_from_today

type FreshApp = tuple[App, JobsTable]


@pytest.fixture
def offers(fresh_app: FreshApp, fresh_sandbox: Sandbox) -> dict[str, str]:
    """Offers that the app has seen, the ids by their names."""
    state = fresh_sandbox.state
    dates = {"In a month": 30, "Tomorrow": 1, "Next week": 6}
    ids = {name: state.add_private_offer(name=name, acceptBy=days_from_today(days)) for name, days in dates.items()}
    ids["A draft"] = state.add_private_offer(name="A draft", state="draft")
    fresh_app[0].watch()
    return ids


def test_offers_that_expire_first_come_first(open_tab: OpenTab, fresh_app: FreshApp, offers: dict[str, str]) -> None:
    tab = open_tab(fresh_app[0], "/offers")
    expect(tab.rows).to_have_count(len(offers))
    titles = [text.strip() for text in tab.page.locator("main .row-title").all_inner_texts()]
    assert titles == ["Tomorrow", "Next week", "In a month", "A draft"]
    expect(tab.rows.first).to_contain_text(re.compile("tomorrow|in 1 day"))
    expect(tab.rows.nth(1)).to_contain_text("in 6 days")


def test_offers_are_filtered_and_searched(open_tab: OpenTab, fresh_app: FreshApp, offers: dict[str, str]) -> None:
    tab = open_tab(fresh_app[0], "/offers")
    expect(tab.rows).to_have_count(len(offers))
    tab.page.locator(".segments a", has_text=re.compile("Expire")).click()
    expect(tab.rows).to_have_count(2)
    tab.page.locator(".segments a", has_text=re.compile("^All")).click()
    tab.field("State").select_option("draft")
    expect(tab.rows).to_have_count(1)
    tab.page.reload()
    expect(tab.rows).to_contain_text("A draft")
    tab.field("State").select_option("")
    tab.page.get_by_role("searchbox").fill("WEEK")
    expect(tab.rows).to_have_count(1)
    expect(tab.rows).to_contain_text("Next week")


def test_an_offer_shows_how_it_is_now_and_what_happened_to_it(
    open_tab: OpenTab, fresh_app: FreshApp, offers: dict[str, str], fresh_sandbox: Sandbox
) -> None:
    fresh_sandbox.state.accept_private_offer(offers["Tomorrow"])
    fresh_app[0].watch()
    tab = open_tab(fresh_app[0], "/offers")
    tab.rows.filter(has_text="Tomorrow").click()
    expect(tab.heading).to_have_text("Tomorrow")
    history = tab.page.get_by_role("region", name="History")
    expect(history).to_contain_text(re.compile("accepted", re.IGNORECASE))
    fresh_sandbox.state.change_private_offer(offers["Tomorrow"], name="Tomorrow, renamed")
    tab.refresh()
    expect(tab.heading).to_have_text("Tomorrow, renamed")


def test_an_offer_that_does_not_exist_says_so(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, "/offers/00000000-1111-2222-3333-444444444444")
    expect(tab.main).to_contain_text("There is no offer with this id")


def test_before_the_first_look_partner_centers_own_list_is_offered(
    open_tab: OpenTab, fresh_app: FreshApp, fresh_sandbox: Sandbox
) -> None:
    fresh_sandbox.state.add_private_offer(name="Read just now")
    tab = open_tab(fresh_app[0], "/offers")
    expect(tab.main).to_contain_text("The monitor has not looked yet")
    tab.link("Read Partner Center's list").click()
    expect(tab.rows.filter(has_text="Read just now")).to_have_count(1)


def test_the_calendar_warns_of_the_dashboards_own_key(
    open_tab: OpenTab, fresh_app: FreshApp, offers: dict[str, str]
) -> None:
    tab = open_tab(fresh_app[0], "/offers")
    expect(tab.rows).to_have_count(len(offers))
    tab.button("Subscribe to these dates").click()
    key = tab.dialog.get_by_label("The calendar's key")
    key.fill("local")
    expect(tab.dialog).to_contain_text("This is the dashboard's own key.")
    key.fill("a key & more")
    expect(tab.dialog).to_contain_text("/api/calendar.ics?code=a%20key%20%26%20more")


def toys(sandbox: Sandbox) -> None:
    plan = {"planId": "standard", "price": 0.45, "regions": ["DE", "US"]}
    sold = {"displayText": "Toys", "plans": [plan]}
    draft = {"displayText": "Toys for all", "plans": [plan | {"price": 0.39}, {"planId": "large", "price": 0.9}]}
    slots = {"draft": {"definition": draft}, "preview": {"definition": sold}, "production": {"definition": sold}}
    sandbox.state.add_cpp_offer("tailspin", "toys", slots=slots)


def test_a_cpp_offer_is_looked_up_and_shows_what_publishing_would_change(
    open_tab: OpenTab, app: App, fresh_sandbox: Sandbox
) -> None:
    toys(fresh_sandbox)
    tab = open_tab(app, "/cpp")
    tab.field("Publisher id").fill("tailspin")
    tab.button("Look up").click()
    expect(tab.rows).to_have_count(1)
    tab.rows.click()
    diff = tab.page.get_by_role("region", name="What would change if I publish now?")
    for text in ("Toys for all", "0.45", "0.39", "large"):
        expect(diff).to_contain_text(text)
    slots = tab.page.get_by_role("region", name="Draft, preview and production")
    expect(slots).to_contain_text("Draft")
    expect(slots).to_contain_text("Production")
    diff.get_by_label("From").select_option("preview")
    expect(tab.page).to_have_url(re.compile("from=preview"))
    tab.page.get_by_role("combobox", name="To").select_option("production")
    expect(tab.main).to_contain_text("Nothing would change")


def test_an_offer_that_waits_for_the_publisher_says_so(open_tab: OpenTab, app: App, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.add_cpp_offer("tailspin", "toys", status="waitingForPublisherReview")
    tab = open_tab(app, "/cpp/tailspin/toys")
    expect(tab.main).to_contain_text("This offer waits for your review.")


def test_a_publisher_without_access_is_told_in_words(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, "/cpp?publisher=fabrikam")
    expect(tab.page.get_by_role("alert").first).to_be_visible()
    assert app.get("cpp/publishers/fabrikam/offers").status_code == 403


def test_an_id_with_other_characters_is_refused_before_any_call(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, "/cpp")
    tab.field("Publisher id").fill("../admin")
    tab.button("Look up").click()
    expect(tab.field("Publisher id")).to_have_attribute("aria-invalid", "true")
    assert not [url for url in tab.requests if "/publishers/" in url]


def test_forgetting_the_key_forgets_the_offers_that_were_looked_up(
    open_tab: OpenTab, app: App, fresh_sandbox: Sandbox
) -> None:
    toys(fresh_sandbox)
    tab = open_tab(app, "/cpp/tailspin/toys")
    expect(tab.main).to_contain_text("Toys for all")
    tab.button("Forget the key").click()
    expect(tab.field("Function key")).to_be_visible()
    assert tab.kept_by_the_browser() == {}
