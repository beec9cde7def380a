"""The whole app in Microsoft's runtime, on a real Azurite, against the sandbox over TLS."""

import uuid
from collections.abc import Iterator

import pytest

from local.sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of

# Faults that wait are short, so that tests of them are.
SETTINGS = {"UPSTREAM_TIMEOUT_SECONDS": "1", "JOB_LOST_AFTER_NOT_FOUND": "2"}


@pytest.fixture(scope="module")
def module_table(azurite: str) -> JobsTable:
    """A table of the module's own."""
    table = JobsTable(azurite, f"app{uuid.uuid4().hex[:16]}")
    table.create()
    return table


@pytest.fixture(scope="module")
def module_app(azurite: str, sandbox: Sandbox, module_table: JobsTable) -> Iterator[App]:
    """The host that a module's tests share."""
    with App(environment_of(sandbox, azurite, module_table.client.table_name, **SETTINGS)) as app:
        yield app


@pytest.fixture
def app(module_app: App, fresh_sandbox: Sandbox, table: JobsTable) -> App:  # noqa: ARG001 - made new first
    """The module's host, its table empty and the sandbox as new."""
    return module_app


@pytest.fixture
def table(module_table: JobsTable) -> JobsTable:
    """The jobs table, empty."""
    module_table.empty()
    return module_table
