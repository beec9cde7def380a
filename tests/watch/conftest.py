"""An instance of the app, or only a snapshot, in a table of the test's own, in a real Azurite."""

import pytest

from shared.settings import StorageByConnectionString
from shared.storage.table import Table, Tables
from tests.jobs.conftest import instance, settings
from tests.watch.snapshots import Snapshot

__all__ = ["instance", "settings"]


@pytest.fixture
def table(azurite: str, jobs_table: str) -> Table:
    return Tables(StorageByConnectionString(azurite)).table(jobs_table)


@pytest.fixture
def snapshot(table: Table) -> Snapshot:
    return Snapshot(table)
