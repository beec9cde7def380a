"""Everything can be done with the keyboard alone, and one always sees where one is."""

import re

import pytest
from playwright.sync_api import Page, expect

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable
from tests.browser.conftest import OpenTab
from tests.browser.dashboard import Dashboard
from tests.browser.rows import add_finished_jobs


@pytest.fixture
def tab(open_tab: OpenTab, app: App, table: JobsTable, fresh_sandbox: Sandbox) -> Dashboard:
    """The list of four jobs: `Done`, `Done 3`, `Done 2`, `Done 1`."""
    add_finished_jobs(app, table, fresh_sandbox, 3)
    tab = open_tab(app, "/jobs")
    expect(tab.rows).to_have_count(4)
    return tab


def press(tab: Dashboard, *keys: str) -> None:
    for key in keys:
        tab.page.keyboard.press(key)


def has_visible_focus(tab: Dashboard) -> bool:
    """Whether what has the focus looks different from how it looks without."""
    script = """() => {
      const focused = document.activeElement;
      if (focused === document.body) return false;
      const around = [focused, focused.parentElement, focused.nextElementSibling].filter(Boolean);
      const look = () => around.map((each) => {
        const { outlineStyle, outlineWidth, boxShadow, borderColor } = getComputedStyle(each);
        return [outlineStyle === "none" ? "" : outlineWidth, boxShadow, borderColor].join();
      }).join();
      const with_ = look();
      focused.blur();
      const without = look();
      focused.focus({ focusVisible: true, preventScroll: true });
      return with_ !== without;
    }"""
    visible: bool = tab.page.evaluate(script)
    return visible


def test_j_and_k_move_between_rows_and_enter_opens_one(tab: Dashboard) -> None:
    press(tab, "j")
    expect(tab.rows.nth(0)).to_be_focused()
    press(tab, "j", "j", "k")
    expect(tab.rows.nth(1)).to_be_focused()
    assert has_visible_focus(tab)
    press(tab, "Enter")
    expect(tab.heading).to_have_text("Done 3")
    expect(tab.heading).to_be_focused()


def test_j_stays_at_the_last_row_and_k_at_the_first(tab: Dashboard) -> None:
    press(tab, *"jjjjjj")
    expect(tab.rows.nth(3)).to_be_focused()
    press(tab, *"kkkkkk")
    expect(tab.rows.nth(0)).to_be_focused()


def test_a_slash_leads_to_the_search_and_escape_empties_and_leaves_it(tab: Dashboard) -> None:
    search = tab.page.get_by_role("searchbox")
    press(tab, "/")
    expect(search).to_be_focused()
    tab.page.keyboard.type("jkr?/ done 2")  # shortcuts are letters here
    expect(search).to_have_value("jkr?/ done 2")
    press(tab, "Escape")
    expect(search).to_have_value("")
    expect(search).to_be_focused()
    tab.page.keyboard.type("done 2")
    expect(tab.rows).to_have_count(1)
    press(tab, "Escape", "Escape", "j")
    expect(tab.rows.nth(0)).to_be_focused()


def test_a_question_mark_lists_the_shortcuts_and_escape_closes_the_list(tab: Dashboard) -> None:
    press(tab, "j", "?")
    for does in ("Next row", "Previous row", "Search", "Open the row", "This list"):
        expect(tab.dialog).to_contain_text(does)
    press(tab, "Escape")
    expect(tab.dialog).to_have_count(0)
    expect(tab.rows.nth(0)).to_be_focused()


@pytest.mark.parametrize(
    ("letter", "heading"),
    [("j", "Jobs"), ("w", "Webhooks"), ("f", "Private offers"), ("c", "CPP offers")],
)
def test_g_and_a_letter_lead_to_a_view(tab: Dashboard, letter: str, heading: str) -> None:
    press(tab, "g", "o")
    expect(tab.page.locator(".lead")).to_be_visible()
    press(tab, "g", letter)
    expect(tab.heading).to_have_text(heading)


def test_shortcuts_leave_the_browsers_own_alone(tab: Dashboard) -> None:
    press(tab, "Control+j", "Alt+j")
    expect(tab.page.locator("body")).to_be_focused()


def test_the_first_tab_skips_to_the_content(tab: Dashboard) -> None:
    tab.page.reload()
    tab.loaded()
    press(tab, "Tab")
    skip = tab.button("Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    press(tab, "Enter")
    expect(tab.main).to_be_focused()


def test_tab_reaches_everything_in_view_and_shows_where_it_is(tab: Dashboard) -> None:
    wanted = tab.page.locator("a[href], button, input, select").count()
    unseen = []
    for _ in range(wanted):
        press(tab, "Tab")
        if not has_visible_focus(tab):
            unseen.append(tab.page.evaluate("document.activeElement.outerHTML.slice(0, 120)"))
    assert unseen == []


def test_a_dialog_keeps_the_focus_and_gives_it_back(tab: Dashboard) -> None:
    press(tab, "j", "Enter")
    expect(tab.heading).to_have_text("Done")
    tab.button("Edit").focus()
    press(tab, "Enter")
    expect(tab.dialog).to_be_visible()
    for _ in range(12):
        press(tab, "Tab")
        # Between the last and the first, the browser's own controls have their turn.
        assert tab.page.evaluate("document.activeElement.matches('body, dialog, dialog *')")
    press(tab, "j", "Escape")
    expect(tab.dialog).to_have_count(0)
    expect(tab.button("Edit")).to_be_focused()


def test_a_shortcut_works_as_soon_as_its_view_is_there(tab: Dashboard) -> None:
    script = """() => {
      const press = () => document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "e", bubbles: true }));
      const observer = new MutationObserver(() => {
        if (document.querySelector("h1")?.textContent !== "Done") return;
        observer.disconnect();
        press();
      });
      observer.observe(document.body, { childList: true, subtree: true, characterData: true });
    }"""
    tab.page.evaluate(script)
    press(tab, "j", "Enter")
    expect(tab.dialog).to_be_visible()


def test_a_job_is_edited_with_the_keyboard_alone(tab: Dashboard, app: App) -> None:
    press(tab, "j", "Enter")
    expect(tab.heading).to_have_text("Done")
    press(tab, "e")
    label = tab.dialog.get_by_label("Label")
    while not label.evaluate("field => field === document.activeElement"):
        press(tab, "Tab")
    press(tab, "Control+a")
    tab.page.keyboard.type("Done by hand")
    press(tab, "Enter")
    expect(tab.heading).to_have_text("Done by hand")
    expect(tab.dialog).to_have_count(0)
    assert app.get("jobs", state="all", label="by hand").json()["jobs"]


def test_news_are_read_aloud(tab: Dashboard, page: Page) -> None:
    press(tab, "j", "Enter")
    expect(tab.heading).to_have_text("Done")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.button("Copy link").click()
    expect(page.get_by_role("status").filter(has_text=re.compile("Copied"))).to_be_visible()
