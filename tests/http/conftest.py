"""The HTTP API over a real Azurite and the sandbox, at a time of its own."""

from collections.abc import Iterator

import pytest

from sandbox.server import Sandbox
from shared.storage.table import Table, Tables
from tests.clock import FakeClock
from tests.http.api import Api
from tests.instance import TestProcess
from tests.sandbox_settings import sandbox_settings


@pytest.fixture
def settings_in_environment(
    azurite: str, jobs_table: str, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """The app's settings for the sandbox and a table of the test's own."""
    own = {"JOBS_TABLE": jobs_table, "UPSTREAM_TIMEOUT_SECONDS": "1", "JOB_LOST_AFTER_NOT_FOUND": "2"}
    for name, value in sandbox_settings(fresh_sandbox, azurite, **own).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def process(settings_in_environment: pytest.MonkeyPatch, clock: FakeClock) -> Iterator[TestProcess]:  # noqa: ARG001 - set first
    process = TestProcess(clock)
    yield process
    process.close()


@pytest.fixture
def api(process: TestProcess) -> Api:
    return Api(process)


@pytest.fixture
def table(azurite_tables: Tables, jobs_table: str) -> Table:
    """The jobs table, for what other systems put there."""
    return azurite_tables.table(jobs_table)


@pytest.fixture
def azurite_tables(process: TestProcess) -> Tables:
    return process.stores().tables
