"""What holds for every view, with data and without: axe finds nothing, and it fits a phone.

The data is that of `make run`: local/samples.
"""

import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from local.processes.child import Child, python_command
from local.processes.ports import free_port
from local.samples.offers import GATEWAY_OFFER, PUBLISHER, WATCHED_CPP_OFFERS
from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of
from tests.browser.conftest import OpenTab, new_table
from tests.browser.dashboard import DESKTOP, PHONE, Dashboard

SAMPLES_SECONDS = 180
type Scheme = Literal["light", "dark"]

FINGER_PIXELS = 24  # WCAG 2.2, 2.5.8


@dataclass(frozen=True)
class Busy:
    """A host with the sample data, and the ids that addresses need."""

    app: App
    ids: dict[str, str]


@pytest.fixture(scope="module")
def busy(azurite: str) -> Iterator[Busy]:
    """A host with two weeks of sample data, some rows set aside, and a look at the offers."""
    table = new_table(azurite)
    with Sandbox.start() as sandbox:
        own = {"WEBHOOK_ALLOW_PRIVATE_NETWORKS": "true", "WATCH_CPP_OFFERS": WATCHED_CPP_OFFERS}
        environment = {**os.environ, **environment_of(sandbox, azurite, table.client.table_name, **own)}
        receiver = Child(
            "receiver", python_command("local.receiver", "--port", str(free_port())), environment=environment
        )
        try:
            receiver_url = receiver.wait_for(r"receiver ready: (\S+)/webhook", timeout_seconds=30)[1]
            command = python_command("local.samples", "--sandbox", sandbox.url, "--receiver", receiver_url)
            samples = Child("samples", command, environment=environment)
            samples.wait_for("samples ready", timeout_seconds=SAMPLES_SECONDS)
            samples.terminate()
            with App(environment) as app:
                yield Busy(app, _ids(app, table))
        finally:
            receiver.terminate()


def _ids(app: App, table: JobsTable) -> dict[str, str]:
    table.put("not-a-guid")
    table.put("an invoice | 4711", label="Not a job either")
    app.watch()
    app.tick()
    jobs = app.get("jobs", state="all", limit="500").json()["jobs"]
    failing = next(
        each for each in app.get("webhooks").json()["webhooks"] if each["description"] == "The old ticket system"
    )
    deliveries = app.get(f"webhooks/{failing['id']}/deliveries", status="dead").json()["deliveries"]
    by_label = {job["label"]: job for job in jobs}
    upgraded = by_label["Two years for Adventure Works"]
    return {
        "pending": by_label["Gateway for Humongous Insurance"]["jobId"],
        "failing": by_label["Offer for Fine Art School"]["jobId"],
        "failed": by_label["Offer for Trey Research"]["jobId"],
        "upgraded": upgraded["jobId"],
        "offer": upgraded["privateOffer"]["id"].removeprefix("private-offer/"),
        "webhook": failing["id"],
        "delivery": deliveries[0]["id"],
    }


VIEWS = {
    "overview": "/",
    "jobs": "/jobs",
    "failed jobs": "/jobs?state=failed",
    "a pending job": "/jobs/{pending}",
    "a job whose checks fail": "/jobs/{failing}",
    "a failed job": "/jobs/{failed}",
    "a succeeded job": "/jobs/{upgraded}",
    "registering": "/jobs/new",
    "set aside": "/set-aside",
    "private offers": "/offers",
    "a private offer": "/offers/{offer}",
    "partner center's list": "/offers?from=partner-center",
    "cpp offers": f"/cpp?publisher={PUBLISHER}",
    "a cpp offer": f"/cpp/{PUBLISHER}/{GATEWAY_OFFER}",
    "webhooks": "/webhooks",
    "an endpoint": "/webhooks/{webhook}",
    "a delivery": "/webhooks/{webhook}/deliveries/{delivery}",
    "adding an endpoint": "/webhooks/new",
    "editing an endpoint": "/webhooks/{webhook}/edit",
    "no view": "/nowhere",
}
UNKNOWN_JOB = "/jobs/00000000-0000-4000-8000-000000000000"
WITHOUT_DATA = {
    route: route
    for route in (
        "/",
        "/jobs",
        "/offers",
        "/cpp",
        "/webhooks",
        "/set-aside",
        UNKNOWN_JOB,
    )
}
# Each scheme and each size once.
looks = pytest.mark.parametrize(
    ("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)], ids=["light desktop", "dark phone"]
)

# Dialogs, each with the view that it is over and how to open it.
DIALOGS: dict[str, tuple[str, Callable[[Dashboard], None]]] = {
    "help": ("/", lambda tab: tab.page.keyboard.press("?")),
    "editing a job": ("/jobs/{pending}", lambda tab: tab.button("Edit").click()),
    "stop following": ("/jobs/{pending}", lambda tab: tab.button("Stop following").click()),
    "removing a row": ("/set-aside", lambda tab: tab.button("Remove the row not-a-guid").click()),
    "calendar": ("/offers", lambda tab: tab.button("Subscribe to these dates").click()),
    "sending dead ones again": ("/webhooks/{webhook}", lambda tab: tab.button("Send dead ones again").click()),
}


def in_every_view(
    tab: Dashboard, ids: dict[str, str], found: Callable[[], Sequence[str]], views: dict[str, str] | None = None
) -> dict[str, list[str]]:
    """What is found in each view, those left out where nothing is."""
    faults = {}
    for name, route in (views or VIEWS).items():
        tab.go(route.format(**ids))
        faults[name] = list(found())
    return {name: some for name, some in faults.items() if some}


@looks
def test_axe_finds_nothing_in_any_view(
    open_tab: OpenTab, busy: Busy, page: Page, scheme: Scheme, size: ViewportSize
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    tab = open_tab(busy.app)
    assert in_every_view(tab, busy.ids, tab.faults_found_by_axe) == {}


@looks
def test_axe_finds_nothing_in_dialogs(
    open_tab: OpenTab, busy: Busy, page: Page, scheme: Scheme, size: ViewportSize
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    tab = open_tab(busy.app)
    for name, (route, open_dialog) in DIALOGS.items():
        tab.go(route.format(**busy.ids))
        open_dialog(tab)
        expect(tab.dialog).to_be_visible()
        assert (name, tab.faults_found_by_axe()) == (name, [])
        page.keyboard.press("Escape")
        expect(tab.dialog).to_have_count(0)


@looks
def test_axe_finds_nothing_without_data(
    open_tab: OpenTab, app: App, page: Page, scheme: Scheme, size: ViewportSize
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    tab = open_tab(app)
    assert in_every_view(tab, {}, tab.faults_found_by_axe, WITHOUT_DATA) == {}


@looks
def test_axe_finds_nothing_in_the_question_for_the_key(
    open_tab: OpenTab, app: App, page: Page, scheme: Scheme, size: ViewportSize
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    tab = open_tab(app, None)
    page.goto(tab.address)
    tab.field("Function key").fill("wrong")
    tab.button("Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    assert tab.faults_found_by_axe() == []


def test_at_360_pixels_nothing_is_cut_off_and_no_view_scrolls_sideways(
    open_tab: OpenTab, busy: Busy, page: Page
) -> None:
    page.set_viewport_size(PHONE)
    tab = open_tab(busy.app)
    found = in_every_view(
        tab, busy.ids, lambda: [*(["it scrolls sideways"] if tab.sideways_pixels() else []), *tab.cut_off()]
    )
    assert found == {}


def test_at_360_pixels_every_target_is_large_enough_for_a_finger(open_tab: OpenTab, busy: Busy, page: Page) -> None:
    page.set_viewport_size(PHONE)
    tab = open_tab(busy.app)
    assert in_every_view(tab, busy.ids, lambda: tab.targets_smaller_than(FINGER_PIXELS)) == {}


def test_at_360_pixels_dialogs_fit(open_tab: OpenTab, busy: Busy, page: Page) -> None:
    page.set_viewport_size(PHONE)
    tab = open_tab(busy.app)
    for route, open_dialog in DIALOGS.values():
        tab.go(route.format(**busy.ids))
        open_dialog(tab)
        expect(tab.dialog).to_be_visible()
        box = tab.dialog.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        assert tab.dialog.evaluate("dialog => dialog.scrollWidth - dialog.clientWidth") == 0
        page.keyboard.press("Escape")


def test_headings_and_landmarks_are_in_order(open_tab: OpenTab, busy: Busy, page: Page) -> None:
    tab = open_tab(busy.app)

    def faults() -> list[str]:
        levels = page.locator("h1, h2, h3, h4").evaluate_all("all => all.map((each) => Number(each.tagName[1]))")
        skipped = any(after > before + 1 for before, after in itertools.pairwise(levels))
        landmarks = (page.locator("main").count(), page.locator("header.rail").count())
        return [
            *([f"headings {levels}"] if skipped or levels[0] != 1 or levels.count(1) != 1 else []),
            *([f"landmarks {landmarks}"] if landmarks != (1, 1) else []),
        ]

    assert in_every_view(tab, busy.ids, faults) == {}


def test_titles_tell_the_views_apart(open_tab: OpenTab, busy: Busy, page: Page) -> None:
    tab = open_tab(busy.app)
    titles = {}
    for name, route in VIEWS.items():
        if "?" not in route and name != "a succeeded job":  # its offer has the same name
            tab.go(route.format(**busy.ids))
            titles[name] = page.title()
    assert len(set(titles.values())) == len(titles), titles


def test_dark_mode_is_dark_and_light_mode_is_light(open_tab: OpenTab, app: App, page: Page) -> None:
    open_tab(app)
    brightness = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness[scheme] = sum(int(part) for part in re.findall(r"\d+", colour)[:3]) / 3
    assert brightness["light"] > 230
    assert brightness["dark"] < 40


def test_with_reduced_motion_nothing_moves(open_tab: OpenTab, busy: Busy, page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    tab = open_tab(busy.app)

    def moving() -> list[str]:
        script = """() => document.getAnimations()
          .filter((each) => each.effect.getComputedTiming().duration > 1)
          .map((each) => each.animationName ?? each.transitionProperty)
          .concat([...document.querySelectorAll("*")].filter((each) => {
            const { transitionDuration, animationDuration } = getComputedStyle(each);
            const seconds = `${transitionDuration},${animationDuration}`.split(",").map(parseFloat);
            return seconds.some((each) => each > 0.001);
          }).map((each) => each.outerHTML.slice(0, 100)))"""
        found: list[str] = page.evaluate(script)
        return found

    assert in_every_view(tab, busy.ids, moving) == {}
