"""An instance of the app, or only a part of it, in a table of the test's own, in a real Azurite."""

from collections.abc import Iterator, Sequence

import pytest

from sandbox.server import Sandbox
from shared.events.event import Event
from shared.events.outbox import Outbox
from shared.settings import StorageByConnectionString, load_settings
from shared.storage.documents import Documents
from shared.storage.table import Table, Tables
from shared.upstream.clients import upstream_from_settings
from shared.watch.comparing import Comparison
from shared.watch.events import OfferOutbox
from shared.watch.run_state import RunRow
from shared.watch.snapshots import Snapshots
from tests.clock import FakeClock
from tests.jobs.conftest import instance, settings
from tests.sandbox_settings import sandbox_settings
from tests.watch.following_cpp_offers import ENTRIES, Following
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


@pytest.fixture
def run_row(table: Table) -> RunRow:
    return RunRow(table, Documents(table))


@pytest.fixture
def following(table: Table, fresh_sandbox: Sandbox, clock: FakeClock) -> Iterator[Following]:
    for entry in ENTRIES:
        fresh_sandbox.state.add_cpp_offer(*entry, status="running")
    upstream = upstream_from_settings(load_settings(sandbox_settings(fresh_sandbox)), clock)
    yield Following(table, upstream, clock)
    upstream.close()
