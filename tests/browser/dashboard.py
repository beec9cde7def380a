"""The dashboard as someone in front of a browser uses it."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import ConsoleMessage, Locator, Page, ViewportSize, expect

from tests.app.app import KEY

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
PHONE: ViewportSize = {"width": 360, "height": 740}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
# The browser reports every answer that is an error; the page deals with them.
_FAILED_REQUEST = "Failed to load resource"


class Dashboard:
    """A tab with the dashboard. `complaints` is what the browser says against it, its policy's refusals included."""

    def __init__(self, page: Page, host: str) -> None:
        self.page = page
        self.address = f"{host}/api/dashboard"
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_FAILED_REQUEST):
            self.complaints.append(message.text)

    def open(self, route: str = "/", *, key: str = KEY) -> None:
        """Open a view with a link that has the key."""
        self.page.goto("about:blank")  # otherwise only the fragment changes
        self.page.goto(f"{self.address}#{urlencode({'key': key, 'to': route})}")
        self.loaded()

    def go(self, route: str) -> None:
        """Open another view, as a link does."""
        script = """route => new Promise((shown) => {
          const soon = () => requestAnimationFrame(() => requestAnimationFrame(shown));
          if (location.hash.slice(1) === route) {
            soon();
          } else {
            addEventListener("hashchange", soon, { once: true });
            location.hash = route;
          }
        })"""
        self.page.evaluate(script, route)
        self.loaded()

    def loaded(self) -> None:
        """Wait until the view has its data."""
        expect(self.page.get_by_role("navigation", name="Views")).to_be_visible()
        expect(self.heading).to_be_visible()
        expect(self.page.locator(".skeleton")).to_have_count(0)

    @property
    def heading(self) -> Locator:
        return self.page.locator("h1")

    @property
    def main(self) -> Locator:
        return self.page.locator("main")

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    @property
    def rows(self) -> Locator:
        return self.page.locator("main a.row")

    @property
    def toast(self) -> Locator:
        return self.page.locator(".toast")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def choose(self, name: str) -> None:
        """Click the label of a radio button or a checkbox."""
        self.page.locator("label").filter(has_text=re.compile(f"^{re.escape(name)}$")).click()

    def filter(self, name: str) -> Locator:
        return self.page.locator(".segments").get_by_role("link", name=name, exact=True)

    def field(self, label: str) -> Locator:
        return self.page.get_by_label(label, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name)

    def refresh(self) -> None:
        """Have the view load its data again, as it does by itself after a while."""
        self.page.keyboard.press("r")

    def kept_by_the_browser(self) -> dict[str, str]:
        """All that the page keeps outside itself."""
        script = "({ ...localStorage, ...sessionStorage, ...(document.cookie && { cookie: document.cookie }) })"
        kept: dict[str, str] = self.page.evaluate(script)
        return kept

    def faults_found_by_axe(self) -> list[str]:
        """Every rule that axe finds broken, with the elements that break it."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        violations: list[dict[str, Any]] = self.page.evaluate("axe.run().then(({ violations }) => violations)")
        return [
            f"{violation['id']}: {violation['help']}: {json.dumps(node['target'])} {node['html'][:200]}"
            for violation in violations
            for node in violation["nodes"]
        ]

    def sideways_pixels(self) -> int:
        """How far the page can be scrolled sideways."""
        pixels: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return pixels

    def cut_off(self) -> list[str]:
        """Controls that reach beyond the left or right edge of the window and cannot be scrolled into it."""
        script = """() => [...document.querySelectorAll("a, button, input, select, textarea, summary")]
          .filter((each) => each.checkVisibility())
          .filter((each) => {
            const { left, right, width } = each.getBoundingClientRect();
            const scroller = each.closest(".segments, .nav, pre, .scroll");
            return width > 0 && !scroller && !each.classList.contains("skip") && (left < 0 || right > innerWidth);
          })
          .map((each) => each.outerHTML.slice(0, 200))"""
        found: list[str] = self.page.evaluate(script)
        return found

    def targets_smaller_than(self, pixels: int) -> list[str]:
        """Controls that are lower or narrower than this. Links within a sentence may be."""
        script = """pixels => [...document.querySelectorAll("a, button, input, select, textarea, summary")]
          .filter((each) => each.checkVisibility() && !each.matches(".skip, p a, dd a, li p a"))
          .map((each) => {
            const isChoice = ["checkbox", "radio"].includes(each.type);
            return isChoice ? (each.closest(".choice") ?? each.labels[0] ?? each) : each;
          })
          .map((each) => ({ each, box: each.getBoundingClientRect() }))
          .filter(({ box }) => box.width > 0 && (box.width < pixels || box.height < pixels))
          .map(({ each, box }) => `${box.width}x${box.height} ${each.outerHTML.slice(0, 150)}`)"""
        found: list[str] = self.page.evaluate(script, pixels)
        return found
