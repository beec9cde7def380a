"""Listing the followed offers, page by page, and what happened to one."""

import json
import logging
import uuid
from datetime import timedelta

import pytest

from shared.cursor import InvalidCursor
from shared.json_codec import loads
from shared.storage.partition import Partition
from shared.storage.table import Row
from shared.watch import listing
from shared.watch.listing import OfferFilter, WatchListing
from shared.watch.rows import OfferChange, offer_key
from tests.clock import FakeClock  # at 2026-11-20T09:00:00Z
from tests.watch.snapshots import Snapshot, offer_bytes

ALL = OfferFilter()


@pytest.fixture
def watched(snapshot: Snapshot, clock: FakeClock) -> WatchListing:
    return WatchListing(snapshot.partition, snapshot.large_columns, clock)


def put(snapshot: Snapshot, clock: FakeClock, **fields: object) -> str:
    """Store an offer. Returns its id."""
    return snapshot.put(offer_bytes(**fields), clock.now()).id


def pages(watched: WatchListing, wanted: OfferFilter = ALL, limit: int = 100) -> list[list[str]]:
    """The ids of every page; none may be longer than its limit."""
    found, cursor = [], None
    while True:
        page = watched.page(wanted, limit=limit, cursor=cursor)
        assert len(page.offers) <= limit
        found.append([loads(offer.body)["id"].removeprefix("private-offer/") for offer in page.offers])
        cursor = page.next_cursor
        if cursor is None:
            return found


def ids(watched: WatchListing, wanted: OfferFilter = ALL, limit: int = 100) -> list[str]:
    return [each for page in pages(watched, wanted, limit) for each in page]


def test_pages_together_hold_every_followed_offer_once(
    watched: WatchListing, snapshot: Snapshot, clock: FakeClock
) -> None:
    offers = sorted(put(snapshot, clock) for _ in range(7))
    for limit in (1, 3, 7, 100):
        assert ids(watched, limit=limit) == offers
    assert [len(page) for page in pages(watched, limit=3)] == [3, 3, 1]
    assert pages(watched, limit=7) == [offers]


def test_an_offer_is_listed_as_upstream_sent_it_whatever_its_size(
    watched: WatchListing, snapshot: Snapshot, clock: FakeClock
) -> None:
    small = b'{"id": "private-offer/a",  "markupPercentage":2.50, "name":"\\ud800 \xc3\xa9"}'
    large = b'{"id":"private-offer/b","notes":"' + b"x" * 2_000_000 + b'","price":12345678901234567890.10}'
    for body in (small, large):
        snapshot.put(body, clock.now())
    assert [offer.body for offer in watched.page(ALL, limit=10, cursor=None).offers] == [small, large]


def test_an_offer_has_its_last_change_if_one_was_announced(
    watched: WatchListing, snapshot: Snapshot, clock: FakeClock
) -> None:
    history = [OfferChange(at="2026-11-20T08:00:00Z", type="private_offer.accepted")]
    snapshot.put(offer_bytes(id="private-offer/a"), clock.now(), history=history)
    put(snapshot, clock, id="private-offer/b")
    [changed, unchanged] = watched.page(ALL, limit=10, cursor=None).offers
    assert changed.last_change_type == "private_offer.accepted"
    assert changed.last_change_at == clock.now() - timedelta(hours=1)
    assert (unchanged.last_change_at, unchanged.last_change_type) == (None, None)


def test_an_offer_that_is_gone_or_was_never_read_is_not_listed(
    watched: WatchListing, snapshot: Snapshot, clock: FakeClock
) -> None:
    snapshot.put(offer_bytes(), clock.now(), gone_at=clock.now())
    snapshot.partition.upsert(offer_key(str(uuid.uuid4())), {"firstSeenAt": clock.now()})
    assert ids(watched) == []
    assert ids(watched, OfferFilter(state="live")) == []


def test_states_are_compared_without_case(watched: WatchListing, snapshot: Snapshot, clock: FakeClock) -> None:
    live = put(snapshot, clock, state="Live", subState="PendingAcceptance")
    draft = put(snapshot, clock, state="draft", subState=None)
    assert ids(watched, OfferFilter(state="LIVE")) == [live]
    assert ids(watched, OfferFilter(state="draft")) == [draft]
    assert ids(watched, OfferFilter(sub_state="pendingacceptance")) == [live]
    assert ids(watched, OfferFilter(state="draft", sub_state="pendingAcceptance")) == []
    assert ids(watched, OfferFilter(state="liv")) == []


@pytest.mark.parametrize(
    ("accept_by", "within", "is_found"),
    [
        ("2026-11-20", 0, True),
        ("2026-11-20T09:00:01Z", 0, True),
        ("2026-11-20T09:00:00Z", 0, False),
        ("2026-11-21", 0, False),
        ("2026-11-21", 1, True),
        ("2026-12-04", 14, True),
        ("2026-12-05", 14, False),
        ("2026-12-04T23:30:00-01:00", 14, False),
        ("2026-11-19", 14, False),
        ("0001-01-01", 3650, False),
        ("soon", 3650, False),
        (None, 3650, False),
    ],
)
def test_offers_that_expire_within_some_calendar_days_in_utc(
    watched: WatchListing, snapshot: Snapshot, clock: FakeClock, accept_by: str | None, within: int, is_found: bool
) -> None:
    put(snapshot, clock, acceptBy=accept_by)
    assert bool(ids(watched, OfferFilter(expiring_within=within))) is is_found


def test_only_offers_that_wait_for_acceptance_expire_and_only_accepted_ones_end(
    watched: WatchListing, snapshot: Snapshot, clock: FakeClock
) -> None:
    soon = {"acceptBy": "2026-11-25", "end": "2026-11-25"}
    waiting = put(snapshot, clock, **soon)
    at_partner = put(snapshot, clock, subState="pendingPartnerAction", **soon)
    accepted = put(snapshot, clock, subState="accepted", **soon)
    to_resellers = put(snapshot, clock, privateOfferType="cspPromotion", subState=None, end="2026-11-25")
    for state in ("draft", "withdrawn"):
        put(snapshot, clock, state=state, **soon)
    assert ids(watched, OfferFilter(expiring_within=5)) == sorted([waiting, at_partner])
    assert ids(watched, OfferFilter(ending_within=5)) == sorted([accepted, to_resellers])
    assert ids(watched, OfferFilter(ending_within=4)) == []
    assert ids(watched, OfferFilter(expiring_within=5, ending_within=5)) == []


def test_the_days_are_counted_anew_when_time_goes_by(
    watched: WatchListing, snapshot: Snapshot, clock: FakeClock
) -> None:
    offer = put(snapshot, clock, acceptBy="2026-12-05")
    assert ids(watched, OfferFilter(expiring_within=14)) == []
    clock.advance(15 * 3600)
    assert ids(watched, OfferFilter(expiring_within=14)) == [offer]
    clock.advance(15 * 86_400)
    assert ids(watched, OfferFilter(expiring_within=14)) == []


def test_a_cursor_belongs_to_its_filters(watched: WatchListing, snapshot: Snapshot, clock: FakeClock) -> None:
    for _ in range(2):
        put(snapshot, clock)
    wanted = OfferFilter(state="live", expiring_within=100)
    cursor = watched.page(wanted, limit=1, cursor=None).next_cursor
    assert len(watched.page(OfferFilter(state="LIVE", expiring_within=100), limit=1, cursor=cursor).offers) == 1
    for other in (ALL, OfferFilter(state="live"), OfferFilter(state="live", ending_within=100)):
        with pytest.raises(InvalidCursor):
            watched.page(other, limit=1, cursor=cursor)


@pytest.mark.parametrize("cursor", ["x", "%%%", "é", "WzEsMl0", "bnVsbA", "W10"])
def test_a_cursor_that_was_not_handed_out_is_refused(watched: WatchListing, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        watched.page(ALL, limit=1, cursor=cursor)


@pytest.mark.parametrize("wanted", [ALL, OfferFilter(state="live")])
def test_a_page_ends_before_it_is_too_large(
    watched: WatchListing,
    snapshot: Snapshot,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    wanted: OfferFilter,
) -> None:
    monkeypatch.setattr(listing, "PAGE_MAX_BYTES", 250_000)
    for letter, size in zip("abcdef", [100_000, 20_000, 100_000, 300_000, 100_000, 100_000], strict=True):
        put(snapshot, clock, id=f"private-offer/{letter}", notes="x" * size)
    assert ["".join(page) for page in pages(watched, wanted)] == ["abc", "d", "ef"]


@pytest.mark.parametrize("wanted", [ALL, OfferFilter(state="live")])
def test_a_page_ends_when_its_time_is_over_and_the_next_one_goes_on(
    snapshot: Snapshot, clock: FakeClock, wanted: OfferFilter
) -> None:
    offers = sorted(put(snapshot, clock) for _ in range(5))
    looks = iter(range(1000))
    slow = WatchListing(snapshot.partition, snapshot.large_columns, clock, lambda: next(looks) * 2.0)
    found = pages(slow, wanted)
    assert len(found) > 1
    assert [each for page in found for each in page] == offers


def test_with_a_filter_only_wanted_offers_are_read_whole(
    watched: WatchListing, snapshot: Snapshot, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(20):
        put(snapshot, clock)
    wanted = put(snapshot, clock, state="draft")
    read: list[str] = []
    get = Partition.get

    def recorded(partition: Partition, row_key: str) -> Row | None:
        read.append(row_key)
        return get(partition, row_key)

    monkeypatch.setattr(Partition, "get", recorded)
    assert ids(watched, OfferFilter(state="draft")) == [wanted]
    assert read == [offer_key(wanted)]


def test_a_broken_row_harms_itself_alone_and_is_logged(
    watched: WatchListing, snapshot: Snapshot, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    whole = put(snapshot, clock)
    read_at = {"readAt": clock.now(), "state": "live"}
    broken: dict[str, Row] = {
        "a": {"privateOffer": "[]"},
        "b": {"privateOffer": '{"id":'},
        "c": {"privateOfferDocument": f"{'0' * 64}.{'0' * 32}~5"},
        "d": {"privateOffer": 5},
        "e": {"privateOffer": "{}", "name": 5},
        "f": {"privateOffer": "{}", "goneAt": "yesterday"},
        "UPPER": {"privateOffer": "{}"},
        "g": {},
    }
    for key, columns in broken.items():
        snapshot.partition.upsert(f"offer~{key}", {**read_at, **columns})
    for wanted in (ALL, OfferFilter(state="live")):
        caplog.clear()
        with caplog.at_level(logging.ERROR, logger="offer_monitor.watch"):
            assert ids(watched, wanted) == [whole]
        assert len(caplog.records) == 8


def test_the_history_of_an_offer_is_there_after_it_is_gone(
    watched: WatchListing, snapshot: Snapshot, clock: FakeClock
) -> None:
    history = [
        OfferChange(at="2026-11-20T09:00:00Z", type="private_offer.deleted"),
        OfferChange(at="2026-11-20T08:00:00Z", type="private_offer.changed", changes=["/end"]),
    ]
    offer = snapshot.put(offer_bytes(), clock.now(), history=history, gone_at=clock.now())
    assert watched.history(offer.id) == history
    assert watched.history(offer.id.upper()) == history


def test_an_offer_without_events_has_an_empty_history_and_an_unknown_one_none(
    watched: WatchListing, snapshot: Snapshot, clock: FakeClock
) -> None:
    assert watched.history(put(snapshot, clock)) == []
    assert watched.history(str(uuid.uuid4())) is None


def test_a_history_that_cannot_be_read_is_none_and_logged(
    watched: WatchListing, snapshot: Snapshot, caplog: pytest.LogCaptureFixture
) -> None:
    snapshot.partition.upsert(offer_key("a"), {"history": json.dumps([{"at": 5}])})
    assert watched.history("a") is None
    assert "cannot be read" in caplog.text
