"""An instance of the app on a table of the test's own, a real Azurite and the sandbox over TLS."""

from collections.abc import Iterator

import pytest

from sandbox.server import Sandbox
from shared.app import Stores, build_stores
from shared.settings import Settings, StorageByConnectionString, StorageSettings, load_settings
from shared.storage.table import Table
from tests.clock import FakeClock
from tests.instance import Instance
from tests.sandbox_settings import sandbox_settings


@pytest.fixture
def settings(azurite: str, jobs_table: str, fresh_sandbox: Sandbox) -> Settings:
    own = {"JOBS_TABLE": jobs_table, "UPSTREAM_TIMEOUT_SECONDS": "5", "POLL_CONCURRENCY": "8"}
    return load_settings(sandbox_settings(fresh_sandbox, azurite, **own))


@pytest.fixture
def instance(settings: Settings, clock: FakeClock) -> Iterator[Instance]:
    instance = Instance(settings, clock)
    yield instance
    instance.services.upstream.close()


@pytest.fixture
def stores(azurite: str, jobs_table: str, clock: FakeClock) -> Stores:
    """What an instance keeps in its table, for tests that need nothing else of it."""
    return build_stores(StorageSettings(StorageByConnectionString(azurite), jobs_table), clock)


@pytest.fixture
def table(instance: Instance) -> Table:
    """The jobs table, for what other systems put there."""
    return instance.table
