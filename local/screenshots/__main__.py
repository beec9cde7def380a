"""`python -m local.screenshots`: start the system with its sample data and take the pictures of the dashboard."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal, cast

import requests
from playwright.sync_api import Browser, Error, expect

from local.browser import BrowserMissingError, running_browser
from local.processes.child import REPOSITORY, Child, ChildFailedError, python_command
from local.processes.ports import free_port
from local.screenshots.pictures import PICTURES, Picture

IMAGES = REPOSITORY / "docs/images"
FONTS = Path(__file__).with_name("fonts.conf")
START_SECONDS = 240
SAMPLES_SECONDS = 120
SCALE = 1.5  # sharp enough on most screens, and half the bytes of 2
_PORTS = (
    "FUNCTIONS_PORT",
    "SANDBOX_PORT",
    "RECEIVER_PORT",
    "AZURITE_BLOB_PORT",
    "AZURITE_QUEUE_PORT",
    "AZURITE_TABLE_PORT",
)


def main() -> None:
    """Take all pictures, or those whose names are given."""
    wanted = [picture for picture in PICTURES if picture.name in sys.argv[1:] or len(sys.argv) == 1]
    environment = {**os.environ, **{port: str(free_port()) for port in _PORTS}}
    environment["SANDBOX_DIRECTORY"] = str(REPOSITORY / ".local/screenshots")
    system = Child("the system", python_command("local.system"), environment=environment)
    try:
        print("Starting the system with its sample data ...")
        system.wait_for("The dashboard: ", timeout_seconds=START_SECONDS)
        monitor = Monitor(f"http://localhost:{environment['FUNCTIONS_PORT']}")
        ids = monitor.ids()
        IMAGES.mkdir(exist_ok=True)
        # The browser's process reads the fonts' configuration from its environment.
        with running_browser({**os.environ, "FONTCONFIG_FILE": str(FONTS)}) as browser:
            for picture in wanted:
                file = IMAGES / f"{picture.name}.png"
                _take(browser, monitor.url, picture, ids, file)
                subprocess.run(["optipng", "-quiet", "-strip", "all", str(file)], check=True)  # noqa: S603, S607
                print(f"docs/images/{file.name}: {file.stat().st_size // 1000} kB")
    except (BrowserMissingError, ChildFailedError, Error, OSError, TimeoutError) as error:  # OSError: requests', too
        sys.exit(str(error))
    finally:
        system.terminate()


class Monitor:
    """The running app, asked for the ids that addresses need."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no .netrc: everything is on this machine
        self._session.headers["x-functions-key"] = "local"

    def ids(self) -> dict[str, str]:
        """Once some of this run's jobs have ended. Raises TimeoutError."""
        deadline = time.monotonic() + SAMPLES_SECONDS
        while self._get("stats?days=1")["days"][-1]["succeeded"] < 2:
            if time.monotonic() > deadline:
                raise TimeoutError("The sample jobs did not end in time.")
            time.sleep(1)
        jobs = {job["label"]: job["jobId"] for job in self._get("jobs?state=all&limit=200")["jobs"]}
        endpoints = {each["description"]: each["id"] for each in self._get("webhooks")["webhooks"]}
        webhook = endpoints["The old ticket system"]
        return {
            "upgraded": jobs["Two years for Adventure Works"],
            "failed": jobs["Offer for Trey Research"],
            "webhook": webhook,
            "delivery": self._get(f"webhooks/{webhook}/deliveries?status=dead")["deliveries"][0]["id"],
        }

    def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        answer = self._session.get(f"{self.url}/api/{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()


def _take(browser: Browser, url: str, picture: Picture, ids: dict[str, str], file: Path) -> None:
    page = browser.new_page(
        viewport={"width": picture.width, "height": picture.height},
        device_scale_factor=SCALE,
        color_scheme=cast("Literal['light', 'dark']", picture.scheme),
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="Europe/Berlin",
    )
    try:
        page.goto(f"{url}/api/dashboard#key=local&to={picture.route.format(**ids)}")
        expect(page.get_by_role("navigation", name="Views")).to_be_visible()
        expect(page.locator(".skeleton")).to_have_count(0, timeout=30_000)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=file)
    finally:
        page.close()


if __name__ == "__main__":
    main()
