"""The whole app in Microsoft's runtime, on a real Azurite, against the sandbox over TLS."""

import uuid
from collections.abc import Iterator

import pytest

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of
from tests.webhooks.receiver import Receiver, receiving

SETTINGS = {"JOB_LOST_AFTER_NOT_FOUND": "2"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook receiver of the test's own."""
    with receiving() as running:
        yield running


@pytest.fixture(scope="session")
def shared_table(azurite: str) -> JobsTable:
    """The table of the host that tests share."""
    table = JobsTable(azurite, f"app{uuid.uuid4().hex[:16]}")
    table.create()
    return table


@pytest.fixture(scope="session")
def shared_app(azurite: str, sandbox: Sandbox, shared_table: JobsTable) -> Iterator[App]:
    """A host for all tests that need no other settings: starting one costs most of a second."""
    with App(environment_of(sandbox, azurite, shared_table.client.table_name, **SETTINGS)) as app:
        yield app


@pytest.fixture(scope="session")
def shared_impatient_app(azurite: str, sandbox: Sandbox, shared_table: JobsTable) -> Iterator[App]:
    """A second host on the shared table, for tests in which upstream is too slow."""
    settings = {**SETTINGS, "UPSTREAM_TIMEOUT_SECONDS": "1"}
    with App(environment_of(sandbox, azurite, shared_table.client.table_name, **settings)) as app:
        yield app


@pytest.fixture
def fresh_app(azurite: str, fresh_sandbox: Sandbox) -> Iterator[App]:
    """A host of the test's own, which has asked for no token yet."""
    table = JobsTable(azurite, f"app{uuid.uuid4().hex[:16]}")
    table.create()
    with App(environment_of(fresh_sandbox, azurite, table.client.table_name, **SETTINGS)) as app:
        yield app


@pytest.fixture
def app(shared_app: App, fresh_sandbox: Sandbox, table: JobsTable) -> App:  # noqa: ARG001 - made new first
    """The shared host, its table empty and the sandbox as new."""
    return shared_app


@pytest.fixture
def impatient_app(shared_impatient_app: App, fresh_sandbox: Sandbox, table: JobsTable) -> App:  # noqa: ARG001 - made new first
    """A host that waits for upstream for one second, its table empty and the sandbox as new."""
    return shared_impatient_app


@pytest.fixture
def table(shared_table: JobsTable) -> JobsTable:
    """The jobs table, empty."""
    shared_table.empty()
    return shared_table
