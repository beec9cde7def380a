"""What every test may ask for: a real Azurite, a table name of its own, the sandbox over TLS, a clock to move."""

import os
import uuid
from collections.abc import Iterator

import pytest

from local.azurite import AzuriteProcess
from sandbox.server import Sandbox
from sandbox.state import SandboxSettings
from tests.clock import FakeClock

# The app's settings (shared/settings.py) and azure-identity's own variables, by how their names begin.
_SETTINGS = (
    "AzureWebJobs",
    "AZURE_",
    "CLOUD_PARTNER_",
    "FUNCTIONS_",
    "JOB",
    "PARTNER_CENTER_",
    "POLL_",
    "PRODUCT_INGESTION_",
    "PUBLIC_URL",
    "REQUESTS_CA_BUNDLE",
    "SANDBOX_",
    "UPSTREAM_",
    "WATCH_",
    "WEBHOOK_",
    "WEBSITE_HOSTNAME",
)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_this_machine() -> Iterator[None]:
    """What a developer has set for the real Partner Center reaches no test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(_SETTINGS):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """A connection string for table storage that is shared by the whole test run.

    It starts empty, except in `make mutate`: its many test runs share one Azurite, for time's sake.
    """
    if running := os.environ.get("SHARED_AZURITE"):
        yield running
        return
    with AzuriteProcess() as process:
        yield process.connection_string


@pytest.fixture
def jobs_table() -> str:
    """A `JOBS_TABLE` that no other test uses: other tables share its name as prefix, so nothing needs emptying."""
    return f"test{uuid.uuid4().hex[:16]}"


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The sandbox of the whole test run; tests that depend on its state take `fresh_sandbox`.

    Its jobs take all dialects in turn, and it demands $version: the monitor must read the first and send the second.
    """
    with Sandbox.start(port=0, settings=SandboxSettings(dialect="in-turn", require_version=True)) as running:
        yield running


@pytest.fixture
def fresh_sandbox(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox as new, with its certificate authority trusted for the time of the test."""
    sandbox.state.reset()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(sandbox.ca_bundle))
    return sandbox


@pytest.fixture
def clock() -> FakeClock:
    """A clock at 2026-11-20T09:00:00Z."""
    return FakeClock()
