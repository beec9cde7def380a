"""The calendar as a calendar service reads it: with the key in the address, through Microsoft's runtime."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from ical.calendar_stream import IcsCalendarStream

from sandbox.server import Sandbox
from shared.settings import StorageByConnectionString
from shared.storage.table import Tables
from tests.app.app import KEY, App, JobsTable, environment_of
from tests.watch.snapshots import Snapshot, offer_bytes

JOBS_TABLE = "calendar"


@pytest.fixture(scope="module")
def app(azurite: str, sandbox: Sandbox) -> Iterator[App]:
    JobsTable(azurite, JOBS_TABLE).create()
    with App(environment_of(sandbox, azurite, JOBS_TABLE)) as app:
        yield app


def test_a_service_subscribes_with_the_key_in_the_address(app: App, azurite: str) -> None:
    snapshot = Snapshot(Tables(StorageByConnectionString(azurite)).table(JOBS_TABLE))
    snapshot.put(offer_bytes(name="Renewal für 北京"), datetime.now(UTC))
    address = "api/calendar.ics?code="
    answer = app.ask("GET", address + KEY, key=None)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    events = IcsCalendarStream.calendar_from_ics(answer.content.decode("utf-8")).events
    assert {event.summary for event in events} == {
        "Accept by: Renewal für 北京 (Northwind Traders)",
        "Ends: Renewal für 北京 (Northwind Traders)",
    }
    same = app.ask("GET", address + KEY, key=None, headers={"If-None-Match": answer.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert app.ask("GET", address + "wrong", key=None).status_code == 401


def test_the_history_is_reached_by_both_forms_of_the_id(app: App, azurite: str) -> None:
    snapshot = Snapshot(Tables(StorageByConnectionString(azurite)).table(JOBS_TABLE))
    offer = snapshot.put(offer_bytes(), datetime.now(UTC))
    for name in (offer.id, f"private-offer/{offer.id}", f"private-offer%2F{offer.id}"):
        answer = app.ask("GET", f"api/private-offers/{name}/history")
        assert (answer.status_code, answer.json()) == (200, {"events": []}), name
