"""A real browser, driven by Playwright: Debian's Chromium, or Chrome."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",  # as root, Chromium's own sandbox does not start
    "--disable-gpu",
    "--disable-quic",
    # Without these, it asks its maker's servers for updates.
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class BrowserMissingError(Exception):
    """No browser is installed."""


@contextmanager
def running_browser(environment: Mapping[str, str] | None = None) -> Iterator[Browser]:
    """A browser without a window. Raises BrowserMissingError if none is installed."""
    executable = next((found for name in EXECUTABLES if (found := shutil.which(name))), None)
    if executable is None:
        raise BrowserMissingError("Missing: Chromium (Debian: apt install chromium) or Chrome.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=list(_ARGUMENTS),
            env=None if environment is None else dict(environment),
        )
        try:
            yield browser
        finally:
            browser.close()
