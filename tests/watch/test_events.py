"""The events of private offers in the outbox: what they say, and how they are sent."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.events.event import Event
from shared.events.outbox import EventRow, Outbox
from shared.json_codec import dumps, dumps_bytes, loads
from shared.storage.documents import Documents
from shared.storage.rows import BadRow, StoredRow
from shared.storage.table import Table, Write
from shared.watch.decision import Told
from shared.watch.events import OfferEvent, OfferOutbox, outbox_row
from tests.watch.samples import OFFER_ID, watched

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OTHER_ID = "bbbbbbbb-0000-4000-8000-000000000002"
SMALL = watched().body
LARGE = watched(notes="x" * 40_000).body
ACCEPTED = Told("private_offer.accepted", by="customer")


@pytest.fixture
def announced() -> list[Event]:
    """What has been announced."""
    return []


@pytest.fixture
def calls() -> list[int]:
    """How many events were announced at once, each time."""
    return []


@pytest.fixture
def outbox(table: Table, announced: list[Event], calls: list[int]) -> OfferOutbox:
    def announce(events: Sequence[Event]) -> None:
        calls.append(len(events))
        announced.extend(events)

    return OfferOutbox(table, Documents(table), Outbox(table, announce))


def store(outbox: OfferOutbox, table: Table, offer: bytes | None = SMALL, told: Told = ACCEPTED) -> OfferEvent:
    """An event that a killed process has left."""
    event = outbox.event(told, OFFER_ID, offer, NOW)
    table.commit([event.insertion])
    return event


def stored(table: Table) -> list[dict[str, Any]]:
    return list(table.rows("PartitionKey eq 'offers'"))


def data(event: Event) -> Any:  # noqa: ANN401 - any JSON value
    """The event's data as a receiver gets it."""
    return loads(dumps_bytes(event.data))


def always() -> bool:
    return True


def documents(table: Table) -> int:
    return sum(len(entities) for _, entities in Documents(table).by_owner())


# What an event says


@pytest.mark.parametrize(
    ("told", "details"),
    [
        (Told("private_offer.created"), {}),
        (Told("private_offer.changed", changes=["/end"]), {"changes": ["/end"]}),
        (Told("private_offer.accepted", by="partner"), {"by": "partner"}),
        (Told("private_offer.expired", days_left=0), {"daysLeft": 0}),
    ],
)
def test_an_event_has_the_offer_and_what_is_told_of_it(
    outbox: OfferOutbox, told: Told, details: dict[str, Any]
) -> None:
    event = outbox.event(told, OFFER_ID, SMALL, NOW).event

    assert (event.type, event.created_at) == (told.type, NOW)
    assert event.id.startswith("evt_")
    assert data(event) == {"privateOffer": loads(SMALL), **details}


def test_each_event_has_an_id_of_its_own(outbox: OfferOutbox) -> None:
    assert outbox.event(ACCEPTED, OFFER_ID, None, NOW).id != outbox.event(ACCEPTED, OFFER_ID, None, NOW).id


def test_an_event_without_an_offer_has_its_id(outbox: OfferOutbox) -> None:
    found = outbox.event(ACCEPTED, OFFER_ID, None, NOW)

    assert data(found.event)["privateOffer"] == {"id": f"private-offer/{OFFER_ID}"}
    assert not any(found.parts.values())


@pytest.mark.parametrize(("offer", "count"), [(SMALL, 0), (LARGE, 1)], ids=["small", "large"])
def test_an_event_is_read_back_as_it_was_stored(outbox: OfferOutbox, table: Table, offer: bytes, count: int) -> None:
    event = store(outbox, table, offer)
    [row] = stored(table)
    found = outbox_row(row)

    assert isinstance(found, OfferEvent)
    parts = {name: value for name, value in event.parts.items() if value}
    assert found == replace(event, offer=None, parts=parts, etag=found.etag)
    assert found.etag
    assert documents(table) == count
    assert event.insertion.write is Write.INSERT


# Sending


@pytest.mark.parametrize("offer", [SMALL, LARGE], ids=["small", "large"])
def test_an_event_that_was_sent_is_deleted_with_its_document(
    outbox: OfferOutbox, table: Table, announced: list[Event], offer: bytes
) -> None:
    event = store(outbox, table, offer)
    outbox.send([event])

    assert announced == [event.event]
    assert stored(table) == []
    assert documents(table) == 0


@pytest.mark.parametrize("offer", [SMALL, LARGE], ids=["small", "large"])
def test_an_event_that_was_left_behind_is_sent_with_its_offer(
    outbox: OfferOutbox, table: Table, announced: list[Event], offer: bytes
) -> None:
    event = store(outbox, table, offer)

    assert outbox.send_left_behind(has_time=always) == 1

    [sent] = announced
    assert (sent.id, sent.type, sent.created_at) == (event.id, event.type, NOW)
    assert data(sent) == {"privateOffer": loads(offer), "by": "customer"}
    assert stored(table) == []
    assert documents(table) == 0
    assert outbox.send_left_behind(has_time=always) == 0


@pytest.mark.parametrize(
    "columns", [{"privateOffer": "[1,"}, {"privateOffer": ""}, {"privateOfferDocument": "0" * 64 + "~12"}]
)
def test_an_event_whose_offer_is_missing_or_spoiled_is_sent_without_it(
    outbox: OfferOutbox, table: Table, announced: list[Event], columns: dict[str, str]
) -> None:
    store(outbox, table)
    [row] = stored(table)
    table.upsert({**row, **columns})

    assert outbox.send_left_behind(has_time=always) == 1
    assert data(announced[0]) == {"privateOffer": {"id": f"private-offer/{OFFER_ID}"}, "by": "customer"}


def test_events_of_other_kinds_in_the_partition_are_sent_too(
    outbox: OfferOutbox, table: Table, announced: list[Event]
) -> None:
    event = Event(id="evt_1", type="cpp_offer.status_changed", created_at=NOW, data={"cppOffer": {}})
    table.commit([EventRow("offers", event).insertion])
    private = store(outbox, table)

    assert outbox.send_left_behind(has_time=always) == 2
    assert {each.id for each in announced} == {"evt_1", private.id}
    assert stored(table) == []


def test_an_event_that_cannot_be_read_holds_no_other_back(
    outbox: OfferOutbox, table: Table, announced: list[Event]
) -> None:
    table.insert({"PartitionKey": "offers", "RowKey": "~event~evt_0", "type": "private_offer.created"})
    table.insert({"PartitionKey": "offers", "RowKey": "run"})
    event = store(outbox, table)

    assert outbox.send_left_behind(has_time=always) == 1
    assert [each.id for each in announced] == [event.id]
    assert sorted(row["RowKey"] for row in stored(table)) == ["run", "~event~evt_0"]


def test_rows_of_other_kinds_in_the_partition_are_not_read(
    outbox: OfferOutbox, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    for key in ("cpp~contoso~vm", f"offer~{OFFER_ID}", "run"):
        table.insert({"PartitionKey": "offers", "RowKey": key})
    store(outbox, table)

    assert outbox.send_left_behind(has_time=always) == 1
    assert caplog.records == []


def test_no_more_events_are_fetched_than_are_sent_at_once(
    outbox: OfferOutbox, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.events.EVENTS_AT_ONCE", 3)
    asked_for: list[int] = []
    rows = table.rows

    def recorded(*arguments: Any, page_size: int, **options: Any) -> Any:  # noqa: ANN401 - passed through
        asked_for.append(page_size)
        return rows(*arguments, page_size=page_size, **options)

    monkeypatch.setattr(table, "rows", recorded)
    outbox.send_left_behind(has_time=always)

    assert asked_for == [3]


def test_events_are_sent_in_groups_until_there_is_no_time(
    outbox: OfferOutbox, table: Table, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.events.EVENTS_AT_ONCE", 2)
    for _ in range(5):
        store(outbox, table)
    times = iter([True, False])

    assert outbox.send_left_behind(has_time=lambda: next(times)) == 4
    assert calls == [2, 2]
    assert outbox.send_left_behind(has_time=always) == 1


def test_events_are_sent_in_groups_whose_offers_fit_into_memory(
    outbox: OfferOutbox, table: Table, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(SMALL)
    for offers_at_once_bytes, expected in ((2 * size, [2, 2, 1]), (2 * size - 1, [1] * 5), (1, [1] * 5)):
        monkeypatch.setattr("shared.watch.events.OFFERS_AT_ONCE_BYTES", offers_at_once_bytes)
        for _ in range(5):
            store(outbox, table)
        calls.clear()

        assert outbox.send_left_behind(has_time=always) == 5
        assert calls == expected


def test_events_of_other_kinds_take_no_memory_for_offers(
    outbox: OfferOutbox, table: Table, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.events.OFFERS_AT_ONCE_BYTES", 1)
    for number in range(3):
        event = Event(id=f"evt_{number}", type="cpp_offer.status_changed", created_at=NOW, data={"cppOffer": {}})
        table.commit([EventRow("offers", event).insertion])

    outbox.send_left_behind(has_time=always)
    assert calls == [3]


def test_the_events_of_an_offer_refer_to_its_documents(outbox: OfferOutbox, table: Table) -> None:
    first, second = store(outbox, table, LARGE), store(outbox, table, LARGE)
    store(outbox, table, SMALL)
    table.commit([EventRow("offers", Event(id="evt_1", type="job.succeeded", created_at=NOW, data={})).insertion])

    assert sorted(outbox.references_of(OFFER_ID)) == sorted(
        event.parts["privateOfferDocument"] for event in (first, second)
    )
    assert outbox.references_of(OTHER_ID) == []


# Rows of somebody else's


def row(**columns: Any) -> StoredRow:  # noqa: ANN401 - a column of any type
    about = {
        "PartitionKey": "offers",
        "RowKey": "~event~evt_1",
        "eventId": "evt_1",
        "type": "private_offer.accepted",
        "createdAt": NOW,
        "privateOfferId": OFFER_ID,
        "details": dumps({"by": "customer"}),
        "privateOffer": SMALL.decode(),
    }
    return StoredRow({**about, **columns}, {"etag": 'W/"1"'})


def test_a_row_of_an_event_has_what_is_needed_to_send_it() -> None:
    assert outbox_row(row()) == OfferEvent(
        id="evt_1",
        type="private_offer.accepted",
        created_at=NOW,
        offer_id=OFFER_ID,
        details={"by": "customer"},
        parts={"privateOffer": SMALL.decode()},
        etag='W/"1"',
    )


def test_an_event_without_details_has_none() -> None:
    found = outbox_row(row(details=None))

    assert isinstance(found, OfferEvent)
    assert found.details == {}


@pytest.mark.parametrize(
    "columns",
    [
        {"type": "private_offer.sold"},
        {"type": 7},
        {"createdAt": None},
        {"createdAt": "yesterday"},
        {"privateOfferId": None},
        {"privateOfferId": "a/b"},
        {"privateOfferId": f"private-offer/{OFFER_ID}"},
        {"details": "[]"},
        {"details": "{"},
        {"eventId": None},
        {"eventId": "no id!"},
    ],
    ids=lambda columns: "".join(f"{name} {value}" for name, value in columns.items()),
)
def test_a_row_that_is_not_an_event_of_an_offer_is_bad(columns: dict[str, Any]) -> None:
    with pytest.raises(BadRow):
        outbox_row(row(**columns))
