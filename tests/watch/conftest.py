"""An instance of the app, or only a part of it, in a table of the test's own, in a real Azurite."""

from collections.abc import Sequence

import pytest

from shared.events.event import Event
from shared.events.outbox import Outbox
from shared.settings import StorageByConnectionString
from shared.storage.documents import Documents
from shared.storage.table import Table, Tables
from shared.watch.comparing import Comparison
from shared.watch.events import OfferOutbox
from shared.watch.snapshots import Snapshots
from tests.clock import FakeClock
from tests.jobs.conftest import instance, settings
from tests.watch.invocations import Running
from tests.watch.snapshots import Snapshot

__all__ = ["instance", "settings"]


@pytest.fixture
def table(azurite: str, jobs_table: str) -> Table:
    return Tables(StorageByConnectionString(azurite)).table(jobs_table)


@pytest.fixture
def snapshot(table: Table) -> Snapshot:
    return Snapshot(table)


@pytest.fixture
def comparison(table: Table) -> Comparison:
    documents = Documents(table)

    def announce(_: Sequence[Event]) -> None:
        raise AssertionError("a plan sends nothing")

    return Comparison(Snapshots(table, documents), OfferOutbox(table, documents, Outbox(table, announce)))


@pytest.fixture
def running(table: Table, clock: FakeClock) -> Running:
    return Running(table, clock)
