"""The iCalendar feed, as two independent libraries read it: `icalendar`, which writes it too, and `ical`."""

import logging
import re
from datetime import UTC, date, datetime, timedelta

import icalendar
import pytest
from ical.calendar import Calendar as StrictCalendar
from ical.calendar_stream import IcsCalendarStream
from ical.event import Event, EventStatus

from shared.watch import calendar
from shared.watch.calendar import Calendar
from shared.watch.rows import offer_key
from tests.clock import FakeClock
from tests.watch.snapshots import Snapshot, offer_bytes

ID = "5d9f0b1e-7a34-4c62-8e0d-2f6b91c7a483"
DURABLE_ID = f"private-offer/{ID}"
ACCEPT_BY_UID, END_UID = f"{ID}-accept-by@offer-monitor", f"{ID}-end@offer-monitor"
PUBLIC_URL = "https://offers.contoso.example"


def feed(snapshot: Snapshot, clock: FakeClock, public_url: str | None = PUBLIC_URL) -> bytes:
    return Calendar(snapshot.partition, clock, public_url).feed()


def strict(content: bytes) -> StrictCalendar:
    """The calendar as `ical` reads it, which follows RFC 5545 strictly."""
    return IcsCalendarStream.calendar_from_ics(content.decode("utf-8"))


def events(content: bytes) -> dict[str, Event]:
    """Each entry by its UID. Both libraries have to find the same ones."""
    found = {str(event.uid): event for event in strict(content).events}
    read = icalendar.Calendar.from_ical(content)
    assert isinstance(read, icalendar.Calendar)
    assert [str(event["uid"]) for event in read.events] == list(found)
    assert not any(component.errors for component in read.walk())
    return found


def lines(content: bytes) -> list[bytes]:
    """The lines as they are sent, folded."""
    assert content.endswith(b"\r\n")
    return content.removesuffix(b"\r\n").split(b"\r\n")


def text(content: bytes) -> str:
    """The feed with its lines unfolded."""
    return content.replace(b"\r\n ", b"").decode()


def test_without_offers_the_calendar_is_empty_and_says_what_it_is(snapshot: Snapshot, clock: FakeClock) -> None:
    content = feed(snapshot, clock)
    assert events(content) == {}
    assert lines(content) == [
        b"BEGIN:VCALENDAR",
        b"VERSION:2.0",
        b"PRODID:-//offer-monitor//Private offers//EN",
        b"METHOD:PUBLISH",
        b"NAME:Private offers",
        b"X-WR-CALNAME:Private offers",
        b"REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        b"X-PUBLISHED-TTL:PT1H",
        b"END:VCALENDAR",
    ]


def test_a_live_offer_has_an_all_day_entry_for_each_of_its_dates(snapshot: Snapshot, clock: FakeClock) -> None:
    snapshot.put(offer_bytes(id=DURABLE_ID), clock.now())
    found = events(feed(snapshot, clock))
    assert set(found) == {ACCEPT_BY_UID, END_UID}
    entry = found[ACCEPT_BY_UID]
    assert entry.summary == "Accept by: Contoso renewal 2027 for Northwind (Northwind Traders)"
    assert (entry.dtstart, entry.dtend) == (date(2027, 1, 31), date(2027, 2, 1))
    assert entry.description == (f"State: live, waiting for acceptance\n{PUBLIC_URL}/api/dashboard#/offers/{ID}")
    assert (entry.sequence, entry.status) == (0, EventStatus.CONFIRMED)
    assert entry.dtstamp == entry.last_modified == clock.now()
    assert entry.transparency == "TRANSPARENT"
    assert found[END_UID].summary == "Ends: Contoso renewal 2027 for Northwind (Northwind Traders)"
    assert found[END_UID].dtstart == date(2027, 12, 31)


def test_without_a_public_url_there_is_no_link(snapshot: Snapshot, clock: FakeClock) -> None:
    snapshot.put(offer_bytes(id=DURABLE_ID), clock.now())
    assert b"http" not in feed(snapshot, clock, public_url=None)


def test_the_same_snapshot_gives_the_same_bytes_at_any_time(snapshot: Snapshot, clock: FakeClock) -> None:
    for _ in range(5):
        snapshot.put(offer_bytes(), clock.now())
    before = feed(snapshot, clock)
    clock.advance(20 * 86_400)
    assert feed(snapshot, clock) == before


def test_a_settled_entry_is_cancelled_for_thirty_days_and_then_left_out(snapshot: Snapshot, clock: FakeClock) -> None:
    snapshot.put(offer_bytes(id=DURABLE_ID), clock.now())
    clock.advance(3600)
    column = snapshot.calendar_of(ID)
    snapshot.put(offer_bytes(id=DURABLE_ID, subState="accepted"), clock.now(), calendar=column)
    found = events(feed(snapshot, clock))
    settled = found[ACCEPT_BY_UID]
    assert (settled.status, settled.sequence, settled.last_modified) == (EventStatus.CANCELLED, 1, clock.now())
    assert str(settled.description).startswith("This date no longer applies.\nState: live, accepted\n")
    assert found[END_UID].status == EventStatus.CONFIRMED
    clock.advance(30 * 86_400 - 1)
    assert set(events(feed(snapshot, clock))) == {ACCEPT_BY_UID, END_UID}
    clock.advance(1)
    assert set(events(feed(snapshot, clock))) == {END_UID}


def test_an_offer_that_is_gone_is_cancelled_for_thirty_days(snapshot: Snapshot, clock: FakeClock) -> None:
    snapshot.put(offer_bytes(id=DURABLE_ID), clock.now())
    gone = offer_bytes(id=DURABLE_ID)
    snapshot.put(gone, clock.now(), calendar=snapshot.calendar_of(ID), gone_at=clock.now())
    found = events(feed(snapshot, clock))
    assert {entry.status for entry in found.values()} == {EventStatus.CANCELLED}
    assert "State: deleted" in str(found[END_UID].description)
    clock.advance(30 * 86_400)
    assert events(feed(snapshot, clock)) == {}


def test_an_accept_by_date_that_passes_stays_for_thirty_days_while_the_end_is_cancelled(
    snapshot: Snapshot, clock: FakeClock
) -> None:
    snapshot.put(offer_bytes(id=DURABLE_ID, acceptBy="2026-11-21"), clock.now())
    clock.advance(2 * 86_400)
    found = events(feed(snapshot, clock))
    assert found[ACCEPT_BY_UID].status == EventStatus.CONFIRMED
    assert (found[END_UID].status, found[END_UID].sequence) == (EventStatus.CANCELLED, 1)
    assert found[END_UID].last_modified == datetime(2026, 11, 22, tzinfo=UTC)
    clock.advance(30 * 86_400)
    assert events(feed(snapshot, clock)) == {}


HOSTILE_NAMES = [
    "a\r\nEND:VEVENT\r\nBEGIN:VALARM",
    "a\nSTATUS:CANCELLED",
    "tab\tbell\x07escape\x1b[31mnull\x00delete\x7f",
    "next\x85line\u2028paragraph\u2029",
    'back\\slash; semi, comma: "quotes" \\n not a break',
    "\ud800 lone \udfff",
    "\u202egnp.exe\u2066",
    "x" * 10_000,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 " * 2_000,
    "é" * 300,
    "\ufeffmark",
    " ",
    "",
    "%00%0d%0a",
    "{{7*7}}<script>",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_stays_within_its_text(snapshot: Snapshot, clock: FakeClock, name: str) -> None:
    beneficiaries = [{"id": "x", "description": name}]
    snapshot.put(offer_bytes(id=DURABLE_ID, name=name, beneficiaries=beneficiaries), clock.now())
    snapshot.put(offer_bytes(), clock.now())
    content = feed(snapshot, clock)
    found = events(content)
    assert len(found) == 4
    assert {entry.status for entry in found.values()} == {EventStatus.CONFIRMED}
    assert str(found[ACCEPT_BY_UID].summary).startswith("Accept by: ")
    assert all(character.isprintable() or character in "\r\n\u200d" for character in content.decode())
    assert max(map(len, lines(content))) <= 75
    assert len(content) < 10_000


def test_a_name_is_shown_as_it_is_where_it_is_harmless(snapshot: Snapshot, clock: FakeClock) -> None:
    name = 'Renewal; "2027", für 北京 \U0001f468\u200d\U0001f469 \\n'
    snapshot.put(offer_bytes(id=DURABLE_ID, name=name, beneficiaries=[{"description": "A\nB"}]), clock.now())
    assert events(feed(snapshot, clock))[END_UID].summary == f"Ends: {name} (A B)"


def test_an_offer_without_a_name_is_called_by_its_id(snapshot: Snapshot, clock: FakeClock) -> None:
    snapshot.put(offer_bytes(id=DURABLE_ID, name=None, beneficiaries=None), clock.now())
    assert events(feed(snapshot, clock))[END_UID].summary == f"Ends: {ID}"


def test_no_signed_link_of_an_offer_is_in_the_calendar(snapshot: Snapshot, clock: FakeClock) -> None:
    offer = offer_bytes(
        id=DURABLE_ID, acceptanceLinks=[{"beneficiaryId": "x", "link": "https://accept.example/?sig=1"}]
    )
    assert b"sig=" in offer
    snapshot.put(offer, clock.now())
    content = text(feed(snapshot, clock))
    assert "sig=" not in content
    assert re.findall(r"https?://[^/\\]+", content) == [PUBLIC_URL] * 2


def test_a_broken_row_harms_itself_alone_and_is_logged(
    snapshot: Snapshot, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    snapshot.put(offer_bytes(id=DURABLE_ID), clock.now())
    column = snapshot.calendar_of(ID)
    for key, broken in {
        offer_key("a"): "[]",
        offer_key("b"): 5,
        offer_key("c d"): column,
        offer_key("query"): column,
        offer_key("e"): "",
    }.items():
        snapshot.partition.upsert(key, {"calendar": broken})
    with caplog.at_level(logging.ERROR, logger="offer_monitor.watch"):
        assert set(events(feed(snapshot, clock))) == {ACCEPT_BY_UID, END_UID}
    assert len(caplog.records) == 4


def test_other_rows_of_the_partition_are_not_offers(snapshot: Snapshot, clock: FakeClock) -> None:
    snapshot.put(offer_bytes(id=DURABLE_ID), clock.now())
    for key in ("run", "cpp~contoso~vm", "~event~1", f"offers~{ID}"):
        snapshot.partition.upsert(key, {"calendar": snapshot.calendar_of(ID)})
    assert len(events(feed(snapshot, clock))) == 2


def test_a_calendar_that_is_too_large_ends_early_and_says_so_in_the_log(
    snapshot: Snapshot, clock: FakeClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        snapshot.put(offer_bytes(), clock.now())
    monkeypatch.setattr(calendar, "CALENDAR_MAX_BYTES", 2_000)
    content = feed(snapshot, clock)
    assert 0 < len(events(content)) < 10
    assert len(content) <= 2_000
    [record] = caplog.records
    assert "too large" in record.message


def test_a_date_that_keeps_changing_remains_one_entry(snapshot: Snapshot, clock: FakeClock) -> None:
    column = None
    for day in range(60):
        accept_by = date(2026, 12, 1) + timedelta(days=day)
        snapshot.put(offer_bytes(id=DURABLE_ID, acceptBy=accept_by.isoformat()), clock.now(), calendar=column)
        column = snapshot.calendar_of(ID)
        clock.advance(60)
    entry = events(feed(snapshot, clock))[ACCEPT_BY_UID]
    assert (entry.dtstart, entry.sequence) == (date(2027, 1, 29), 59)
    assert len(column or "") < 700
