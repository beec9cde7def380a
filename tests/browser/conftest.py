"""The dashboard in a real browser: the app in Microsoft's runtime, a real Azurite, the sandbox over TLS."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from local.browser import running_browser
from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of
from tests.browser.dashboard import DESKTOP, Dashboard
from tests.pages.building import build
from tests.webhooks.receiver import Receiver, receiving

# A slow machine may take its time; a step that never comes fails after this.
PATIENCE_MS = 30_000


def days_from_today(days: int) -> str:
    """A date as Partner Center writes it."""
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


type OpenTab = Callable[..., Dashboard]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. The tests fail if it is missing."""
    expect.set_options(timeout=PATIENCE_MS)
    with running_browser() as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _pages_are_built() -> None:
    run = build()
    assert run.returncode == 0, run.stderr


def new_table(azurite: str) -> JobsTable:
    """A jobs table whose name no other begins with."""
    table = JobsTable(azurite, f"browser{uuid.uuid4().hex[:16]}")
    table.create()
    return table


def start_app(azurite: str, sandbox: Sandbox, **settings: str) -> tuple[App, JobsTable]:
    """A host on tables of its own."""
    table = new_table(azurite)
    own = {"WEBHOOK_ALLOW_PRIVATE_NETWORKS": "true", **settings}
    return App(environment_of(sandbox, azurite, table.client.table_name, **own)), table


@pytest.fixture(scope="session")
def shared_app(azurite: str, sandbox: Sandbox) -> Iterator[tuple[App, JobsTable]]:
    """A host for all tests that bring their own jobs and endpoints."""
    app, table = start_app(azurite, sandbox)
    with app:
        yield app, table


@pytest.fixture
def app(shared_app: tuple[App, JobsTable], fresh_sandbox: Sandbox) -> Iterator[App]:  # noqa: ARG001 - made new first
    """The shared host without jobs and endpoints, the sandbox as new."""
    app, table = shared_app
    table.empty()
    yield app
    for webhook in app.get("webhooks").json()["webhooks"]:
        app.delete(f"webhooks/{webhook['id']}")


@pytest.fixture
def table(shared_app: tuple[App, JobsTable]) -> JobsTable:
    """The shared host's jobs table."""
    return shared_app[1]


@pytest.fixture
def fresh_app(azurite: str, fresh_sandbox: Sandbox) -> Iterator[tuple[App, JobsTable]]:
    """A host of the test's own that has done nothing yet, for views of everything."""
    app, table = start_app(azurite, fresh_sandbox)
    with app:
        yield app, table


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook receiver of the test's own."""
    with receiving() as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser window that remembers nothing of others."""
    with ExitStack() as stack:
        context = browser.new_context(viewport=DESKTOP, locale="en-GB", timezone_id="Europe/Berlin")
        stack.callback(context.close)
        context.set_default_timeout(PATIENCE_MS)
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def open_tab(page: Page) -> Iterator[OpenTab]:
    """Opens the dashboard of a host. At the end of the test, the browser must not have complained about it."""
    tabs: list[Dashboard] = []

    def open_one(app: App, route: str | None = "/") -> Dashboard:
        tabs.append(Dashboard(page, app.host.url))
        if route is not None:
            tabs[-1].open(route)
        return tabs[-1]

    yield open_one
    assert [complaint for tab in tabs for complaint in tab.complaints] == []
