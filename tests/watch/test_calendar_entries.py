"""Which entries the calendar has of an offer, and what becomes of them as the offer changes and time goes by."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from shared.watch.calendar_entries import (
    CalendarEntries,
    DateEntry,
    DateKind,
    InvalidEntries,
    column_after,
    entries_in,
)
from shared.watch.offer import WatchedOffer
from tests.watch.snapshots import offer_of

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=5)
ID = "private-offer/5d9f0b1e-7a34-4c62-8e0d-2f6b91c7a483"
WAITING = offer_of(id=ID)  # acceptBy 2027-01-31, end 2027-12-31
ACCEPTED = offer_of(id=ID, subState="accepted")


def after(*offers: WatchedOffer | None) -> CalendarEntries:
    """The entries after the offer was read like this, an hour apart, the first time at NOW."""
    column = ""
    for hour, offer in enumerate(offers):
        column = column_after(column, offer, now=NOW + timedelta(hours=hour))
    return entries_in(column)


def accept_by(entries: CalendarEntries) -> DateEntry:
    return entries.dates[DateKind.ACCEPT_BY]


def end(entries: CalendarEntries) -> DateEntry:
    return entries.dates[DateKind.END]


def test_a_live_offer_has_an_accept_by_date_and_an_end() -> None:
    entries = after(WAITING)
    assert (entries.name, entries.customer) == ("Contoso renewal 2027 for Northwind", "Northwind Traders")
    assert (entries.state, entries.sub_state) == ("live", "pendingAcceptance")
    assert (accept_by(entries).date, end(entries).date) == (date(2027, 1, 31), date(2027, 12, 31))
    assert {(entry.sequence, entry.modified_at, entry.cancelled_at) for entry in entries.dates.values()} == {
        (0, NOW, None)
    }


@pytest.mark.parametrize("state", ["draft", "withdrawn", "deleted"])
def test_an_offer_that_is_not_live_has_no_entry(state: str) -> None:
    assert column_after(None, offer_of(id=ID, state=state), now=NOW) == ""


@pytest.mark.parametrize("acceptBy", [None, "0001-01-01", "0001-01-01T00:00:00Z", "soon", 5, "9999-12-30"])
def test_a_date_that_cannot_come_has_no_entry(acceptBy: object) -> None:  # noqa: N803 - upstream's name
    entries = after(offer_of(id=ID, acceptBy=acceptBy))
    assert set(entries.dates) == {DateKind.END}


def test_an_offer_to_resellers_which_nobody_accepts_has_its_end_alone() -> None:
    offer = offer_of(id=ID, privateOfferType="cspPromotion", subState=None, acceptBy="2027-01-31")
    assert set(after(offer).dates) == {DateKind.END}


def test_reading_the_same_offer_again_changes_nothing() -> None:
    column = column_after(None, WAITING, now=NOW)
    assert column_after(column, WAITING, now=LATER) == column


def test_acceptance_settles_the_accept_by_date_and_leaves_the_end() -> None:
    entries = after(WAITING, ACCEPTED)
    hour_later = NOW + timedelta(hours=1)
    settled = accept_by(entries)
    assert (settled.sequence, settled.modified_at, settled.cancelled_at) == (1, hour_later, hour_later)
    # Its text says that the offer is accepted now.
    assert (end(entries).sequence, end(entries).cancelled_at, end(entries).modified_at) == (0, None, hour_later)


@pytest.mark.parametrize("gone", [None, offer_of(id=ID, state="draft"), offer_of(id=ID, state="deleted")])
def test_an_offer_that_goes_or_stops_being_live_has_its_entries_cancelled_once(gone: WatchedOffer | None) -> None:
    entries = after(WAITING, gone, gone)
    for entry in entries.dates.values():
        assert (entry.sequence, entry.cancelled_at) == (1, NOW + timedelta(hours=1))
        assert entry.modified_at == entry.cancelled_at
    assert len(entries.dates) == 2


def test_another_date_moves_the_entry_and_counts_up() -> None:
    entries = after(WAITING, offer_of(id=ID, acceptBy="2027-02-28"), offer_of(id=ID, acceptBy="2027-03-31"))
    assert (accept_by(entries).date, accept_by(entries).sequence) == (date(2027, 3, 31), 2)
    assert end(entries).sequence == 0


def test_a_cancelled_entry_that_comes_back_counts_on() -> None:
    entries = after(WAITING, None, WAITING)
    assert (accept_by(entries).sequence, accept_by(entries).cancelled_at) == (2, None)
    assert accept_by(entries).modified_at == NOW + timedelta(hours=2)


def test_another_name_is_a_modification_but_not_a_new_sequence() -> None:
    entries = after(WAITING, offer_of(id=ID, name="Renewal"))
    assert entries.name == "Renewal"
    assert (accept_by(entries).sequence, accept_by(entries).modified_at) == (0, NOW + timedelta(hours=1))


def test_the_end_of_an_offer_that_nobody_accepts_is_cancelled_when_its_accept_by_date_passes() -> None:
    entry = end(after(WAITING))
    passes_at = datetime(2027, 2, 1, tzinfo=UTC)
    assert entry.as_of(passes_at - timedelta(seconds=1)) == entry
    lapsed = entry.as_of(passes_at)
    assert (lapsed.sequence, lapsed.modified_at, lapsed.cancelled_at) == (1, passes_at, passes_at)
    assert lapsed.as_of(passes_at + timedelta(days=1)) == lapsed


def test_a_prolonged_offer_has_its_end_again_and_counts_on_from_the_lapse() -> None:
    column = column_after(None, WAITING, now=NOW)
    prolonged = column_after(column, offer_of(id=ID, acceptBy="2027-05-01"), now=datetime(2027, 2, 10, tzinfo=UTC))
    assert (end(entries_in(prolonged)).sequence, end(entries_in(prolonged)).cancelled_at) == (2, None)


def test_an_offer_that_is_read_after_its_lapse_keeps_the_time_of_the_lapse() -> None:
    column = column_after(None, WAITING, now=NOW)
    for day in (2, 3):
        column = column_after(column, WAITING, now=datetime(2027, 2, day, tzinfo=UTC))
    assert end(entries_in(column)).modified_at == datetime(2027, 2, 1, tzinfo=UTC)
    assert accept_by(entries_in(column)).cancelled_at is None


def test_an_entry_is_shown_until_thirty_days_after_its_date() -> None:
    entry = accept_by(after(WAITING))
    assert entry.is_shown(datetime(2027, 3, 2, 23, 59, 59, tzinfo=UTC))
    assert not entry.is_shown(datetime(2027, 3, 3, tzinfo=UTC))


def test_a_cancelled_entry_is_shown_for_thirty_days() -> None:
    cancelled = accept_by(after(ACCEPTED, WAITING, ACCEPTED))
    assert cancelled.cancelled_at is not None
    until = cancelled.cancelled_at + timedelta(days=30)
    assert cancelled.is_shown(until - timedelta(seconds=1))
    assert not cancelled.is_shown(until)


def test_an_entry_that_has_left_the_calendar_does_not_come_back_cancelled() -> None:
    column = column_after(None, offer_of(id=ID, acceptBy="2026-11-21"), now=NOW)
    settled = column_after(column, ACCEPTED, now=NOW + timedelta(days=60))
    assert accept_by(entries_in(settled)).cancelled_at is None
    assert accept_by(entries_in(settled)).modified_at == NOW


def test_several_customers_are_named_by_the_first() -> None:
    def customer(*names: object, **fields: object) -> str:
        return after(offer_of(id=ID, beneficiaries=[{"description": name} for name in names], **fields)).customer

    assert customer("Contoso") == "Contoso"
    assert customer("Contoso", "Fabrikam") == "Contoso and 1 other"
    assert customer(None, "Contoso", "Fabrikam", "Adatum") == "Contoso and 2 others"
    assert customer(partners=[{"partnerName": "Adatum"}]) == "Adatum"
    assert customer(5, partners="Adatum") == ""
    assert after(offer_of(id=ID, beneficiaries=7)).customer == ""


def test_the_column_is_bounded_and_ascii_whatever_upstream_sends() -> None:
    hostile = {
        "name": "\U0001f600\ud800\x00" * 160,
        "beneficiaries": [{"description": "\u202e" * 10_000}] * 10,
        "state": "live",
        "subState": "x" * 400,
    }
    column = column_after(None, offer_of(id=ID, **hostile), now=NOW)
    assert column.isascii()
    assert len(column) < 5_000
    assert entries_in(column).name.endswith("…")


@pytest.mark.parametrize("stored", ["", "x", "[]", "{}", '{"name":"a"}', "[" * 1000])
def test_a_column_that_cannot_be_read_is_refused_and_written_anew(stored: str) -> None:
    with pytest.raises(InvalidEntries):
        entries_in(stored)
    assert column_after(stored, WAITING, now=NOW) == column_after(None, WAITING, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"date": "tomorrow"},
        {"date": "9999-12-31"},
        {"date": 5},
        {"sequence": -1},
        {"sequence": True},
        {"sequence": 2**31},
        {"sequence": None},
        {"modifiedAt": "9999-12-31T23:59:59-14:00"},
        {"modifiedAt": None},
        {"modifiedAt": "0999-01-01T00:00:00Z"},
        {"cancelledAt": "never"},
        {"lapsesAt": []},
    ],
)
def test_an_absurd_entry_makes_the_column_unreadable(change: dict[str, object]) -> None:
    content = json.loads(column_after(None, WAITING, now=NOW))
    content["acceptBy"] |= change
    with pytest.raises(InvalidEntries):
        entries_in(json.dumps(content))
