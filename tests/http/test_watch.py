"""`GET /watch/private-offers`, `GET /private-offers/{privateOfferId}/history` and `GET /calendar.ics`."""

import json
import subprocess
import sys
import uuid
from pathlib import Path

import icalendar
import pytest

import function_app
from sandbox.server import Sandbox
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Table
from shared.watch.rows import OfferChange
from tests.clock import FakeClock
from tests.http.api import Api
from tests.watch.snapshots import Snapshot, offer_bytes

OFFER = "5d9f0b1e-7a34-4c62-8e0d-2f6b91c7a483"
HISTORY = [
    OfferChange(at="2026-11-20T08:30:00Z", type="private_offer.changed", changes=["/end", "/pricing/0"]),
    OfferChange(at="2026-11-19T08:00:00Z", type="private_offer.created"),
]


@pytest.fixture
def snapshot(table: Table) -> Snapshot:
    return Snapshot(table)


def test_followed_offers_are_upstreams_objects_unchanged_with_their_last_change(
    api: Api, snapshot: Snapshot, clock: FakeClock, fresh_sandbox: Sandbox
) -> None:
    body = offer_bytes(id=f"private-offer/{OFFER}", markupPercentage=2.0).replace(b"2.0", b"2.50")
    snapshot.put(body, clock.now(), history=HISTORY)
    other = offer_bytes(id="private-offer/zz")
    snapshot.put(other, clock.now())
    answer = api.watched_offers()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert answer.json == {
        "privateOffers": [
            {
                "privateOffer": json.loads(body),
                "lastChange": {"at": "2026-11-20T08:30:00Z", "type": "private_offer.changed"},
            },
            {"privateOffer": json.loads(other), "lastChange": None},
        ],
        "nextCursor": None,
    }
    assert body in answer.body
    assert fresh_sandbox.state.requests() == []


def test_pages_are_followed_by_their_cursor(api: Api, snapshot: Snapshot, clock: FakeClock) -> None:
    offers = sorted(snapshot.put(offer_bytes(), clock.now()).id for _ in range(3))
    first = api.watched_offers(limit="2", state="live")
    second = api.watched_offers(limit="2", state="live", cursor=first.json["nextCursor"])
    found = [each["privateOffer"]["id"] for page in (first, second) for each in page.json["privateOffers"]]
    assert found == [f"private-offer/{offer}" for offer in offers]
    assert second.json["nextCursor"] is None
    assert api.watched_offers(limit="2", cursor=first.json["nextCursor"]).faults == [
        "cursor belongs to a listing with other filters"
    ]


def test_offers_are_found_by_the_dates_ahead_of_them(api: Api, snapshot: Snapshot, clock: FakeClock) -> None:
    waiting = snapshot.put(offer_bytes(acceptBy="2026-12-04"), clock.now()).id
    accepted = snapshot.put(offer_bytes(subState="accepted", end="2026-12-04"), clock.now()).id

    def found(**query: str) -> list[str]:
        listed = api.watched_offers(**query).json["privateOffers"]
        return [each["privateOffer"]["id"].removeprefix("private-offer/") for each in listed]

    assert found(expiringWithin="14d") == [waiting]
    assert found(expiringWithin="13d") == []
    assert found(endingWithin="14d") == [accepted]
    assert found(endingWithin="14d", state="LIVE", subState="accepted") == [accepted]
    assert found(endingWithin="14d", subState="pendingAcceptance") == []


@pytest.mark.parametrize("days", ["14", "14 d", "-1d", "1.5d", "", "d", "3651d", "٣d", "1d\n", "P14D", "14D"])
@pytest.mark.parametrize("name", ["expiringWithin", "endingWithin"])
def test_a_number_of_days_that_cannot_be_is_400(api: Api, name: str, days: str) -> None:
    answer = api.watched_offers(**{name: days})
    assert answer.status == 400
    assert answer.faults == [f"{name} should be a number of days up to 3650, such as 14d"]


@pytest.mark.parametrize("days", ["0d", "1d", "007d", "3650d"])
def test_days_from_none_to_ten_years_are_accepted(api: Api, days: str) -> None:
    assert api.watched_offers(expiringWithin=days).status == 200


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "1001"}, {"state": ""}, {"privateOfferType": "x"}, {"cursor": "x"}]
)
def test_other_parameters_that_cannot_be_are_400(api: Api, query: dict[str, str]) -> None:
    assert api.watched_offers(**query).status == 400


# History


@pytest.mark.parametrize("name", [OFFER, OFFER.upper(), f"private-offer/{OFFER}", f"private-offer%2F{OFFER}"])
def test_the_history_of_an_offer_by_any_form_of_its_id(
    api: Api, snapshot: Snapshot, clock: FakeClock, name: str
) -> None:
    snapshot.put(offer_bytes(id=f"private-offer/{OFFER}"), clock.now(), history=HISTORY)
    answer = api.offer_history(name)
    assert (answer.status, answer.json) == (200, {"events": HISTORY})


def test_an_offer_that_is_gone_keeps_its_history(api: Api, snapshot: Snapshot, clock: FakeClock) -> None:
    offer = snapshot.put(offer_bytes(), clock.now(), history=HISTORY, gone_at=clock.now())
    assert api.offer_history(offer.id).json == {"events": HISTORY}
    assert api.watched_offers().json["privateOffers"] == []


def test_an_offer_that_was_never_seen_is_404(api: Api, fresh_sandbox: Sandbox) -> None:
    answer = api.offer_history(str(uuid.uuid4()))
    assert (answer.status, answer.json["type"]) == (404, "urn:problem:offer-monitor:offer-never-seen")
    assert api.offer_history("a'b").status == 400
    assert fresh_sandbox.state.requests() == []


# The calendar


def test_the_calendar_is_text_that_a_calendar_program_reads(
    api: Api, snapshot: Snapshot, clock: FakeClock, settings_in_environment: pytest.MonkeyPatch
) -> None:
    settings_in_environment.setenv("PUBLIC_URL", "https://offers.contoso.example/")
    snapshot.put(offer_bytes(id=f"private-offer/{OFFER}"), clock.now())
    answer = api.calendar(code="a-function-key")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/calendar")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    calendar = icalendar.Calendar.from_ical(answer.body)
    assert isinstance(calendar, icalendar.Calendar)
    [accept_by, _] = calendar.events
    assert accept_by["UID"] == f"{OFFER}-accept-by@offer-monitor"
    assert f"https://offers.contoso.example/api/dashboard#/offers/{OFFER}" in str(accept_by["DESCRIPTION"])


def test_a_calendar_that_has_not_changed_is_304_until_it_changes(
    api: Api, snapshot: Snapshot, clock: FakeClock
) -> None:
    body = offer_bytes(id=f"private-offer/{OFFER}")
    snapshot.put(body, clock.now())
    etag = api.calendar().headers["ETag"]
    clock.advance(3600)
    for named in (etag, f'"other", W/{etag}', "*"):
        same = api.calendar(if_none_match=named)
        assert (same.status, same.body, same.headers["ETag"]) == (304, b"", etag)
        assert same.headers["Content-Type"] == "text/calendar"
    accepted = body.replace(b"pendingAcceptance", b"accepted")
    snapshot.put(accepted, clock.now(), calendar=snapshot.calendar_of(OFFER))
    changed = api.calendar(if_none_match=etag)
    assert (changed.status, changed.headers["ETag"] == etag) == (200, False)


def test_a_calendar_that_storage_withholds_is_503_and_never_an_empty_one(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageUnreachable("storage did not answer")

    monkeypatch.setattr(Table, "pages", fail)
    answer = api.calendar()
    assert (answer.status, answer.json["type"]) == (503, "urn:problem:offer-monitor:storage")


def test_an_unknown_parameter_is_400(api: Api) -> None:
    assert api.calendar(state="live").status == 400


def test_only_the_calendar_imports_the_library_that_writes_it() -> None:
    code = """
import sys
import shared.http.api, shared.app, shared.process, shared.timers
assert not {"icalendar", "dateutil"} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(function_app.__file__).parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
