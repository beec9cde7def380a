"""The snapshots in storage: what is read, written and removed, whatever others have made of the rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.storage.documents import Documents
from shared.storage.table import Change, Table, Write, etag_of
from shared.watch.rows import OfferRow, StoredSummary
from shared.watch.snapshots import Snapshots
from tests.watch.samples import OFFER_ID, watched

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OTHER_ID = "bbbbbbbb-0000-4000-8000-000000000002"
LARGE = watched(notes="x" * 40_000).body


@pytest.fixture
def snapshots(table: Table) -> Snapshots:
    return Snapshots(table, Documents(table))


def put(
    snapshots: Snapshots,
    table: Table,
    offer_id: str = OFFER_ID,
    offer: bytes = b'{"id":"private-offer/x"}',
    **summary: Any,  # noqa: ANN401 - a member of the summary
) -> OfferRow:
    """Store a new row of this offer; returns it as it is in storage."""
    about: dict[str, Any] = {"read_at": NOW, "name": "Renewal", "offer_etag": '"1"'}
    row = OfferRow(
        summary=StoredSummary(id=offer_id, **(about | summary)), parts=snapshots.parts(offer_id, offer, None)
    )
    table.commit([snapshots.write(row, None)])
    stored = snapshots.get(offer_id)
    assert stored is not None
    return stored


def change(table: Table, offer_id: str = OFFER_ID, **columns: Any) -> None:  # noqa: ANN401 - a column of any type
    """What others do to a row."""
    key = {"PartitionKey": "offers", "RowKey": f"offer~{offer_id}"}
    table.upsert({**key, **(table.get("offers", key["RowKey"]) or {}), **columns})


def keys(table: Table) -> list[str]:
    return [row["RowKey"] for row in table.rows("PartitionKey eq 'offers'")]


def owners(table: Table) -> dict[str, int]:
    """How many documents each owner has."""
    return {owner: len(entities) for owner, entities in Documents(table).by_owner()}


def always() -> bool:
    return True


# Reading


def test_a_row_is_found_by_its_id_in_any_case(snapshots: Snapshots, table: Table) -> None:
    row = put(snapshots, table)

    assert snapshots.get(OFFER_ID.upper()) == row
    assert row.summary == StoredSummary(
        id=OFFER_ID, etag=row.summary.etag, read_at=NOW, name="Renewal", offer_etag='"1"'
    )
    assert snapshots.get(OTHER_ID) is None


def test_the_index_has_every_offer_without_its_calendar(snapshots: Snapshots, table: Table) -> None:
    first = put(snapshots, table, calendar="{}", notices="{}", gone_at=NOW, last_change_type="x")
    second = put(snapshots, table, OTHER_ID)
    for key in ("cpp~contoso~vm", "run", "~event~evt_1", "offer", "offer~~", "offes"):
        table.insert({"PartitionKey": "offers", "RowKey": key})

    assert snapshots.index() == {
        OFFER_ID: replace(first.summary, calendar=""),
        OTHER_ID: second.summary,
    }


def test_an_offer_whose_row_cannot_be_read_counts_as_never_read(snapshots: Snapshots, table: Table) -> None:
    put(snapshots, table)
    other = put(snapshots, table, OTHER_ID)
    change(table, readAt="yesterday")
    spoiled = table.get("offers", f"offer~{OFFER_ID}")
    assert spoiled is not None
    unread = StoredSummary(id=OFFER_ID, etag=etag_of(spoiled))

    assert snapshots.index() == {OFFER_ID: unread, OTHER_ID: other.summary}
    assert snapshots.get(OFFER_ID) == OfferRow(summary=unread)


@pytest.mark.parametrize("key", ["No id!", "private-offer_x", f"x {OFFER_ID}"])
def test_a_row_whose_key_is_no_id_is_left_out(snapshots: Snapshots, table: Table, key: str) -> None:
    table.insert({"PartitionKey": "offers", "RowKey": f"offer~{key}"})
    put(snapshots, table, OTHER_ID)

    assert list(snapshots.index()) == [OTHER_ID]


@pytest.mark.parametrize("offer", [watched().body, LARGE], ids=["small", "large"])
def test_an_offer_is_read_back_as_it_was_stored(snapshots: Snapshots, table: Table, offer: bytes) -> None:
    assert snapshots.offer(put(snapshots, table, offer=offer)) == offer


@pytest.mark.parametrize(
    "columns",
    [
        {"privateOffer": "", "privateOfferDocument": ""},
        {"privateOffer": "[1,"},
        {"privateOffer": "[]"},
        {"privateOfferDocument": "0" * 64 + "~12"},
        {"privateOfferDocument": "nonsense"},
    ],
)
def test_an_offer_that_is_missing_or_spoiled_is_none(
    snapshots: Snapshots, table: Table, columns: dict[str, str]
) -> None:
    put(snapshots, table)
    change(table, **columns)
    row = snapshots.get(OFFER_ID)

    assert row is not None
    assert snapshots.offer(row) is None


# Writing


def test_a_new_row_is_inserted_and_a_known_one_replaced_as_it_was_read(snapshots: Snapshots) -> None:
    row = OfferRow(summary=StoredSummary(id=OFFER_ID, etag='W/"1"', name="Renewal"))
    key = {"PartitionKey": "offers", "RowKey": f"offer~{OFFER_ID}"}
    renamed = replace(row, summary=replace(row.summary, name="Another", etag="other"))

    assert snapshots.write(row, None) == Change(Write.INSERT, {**key, "name": "Renewal"})
    assert snapshots.write(renamed, row) == Change(Write.UPSERT, {**key, "name": "Another"}, 'W/"1"')


def test_a_small_offer_is_in_a_column_and_a_large_one_in_a_document(snapshots: Snapshots, table: Table) -> None:
    small = watched().body

    assert snapshots.parts(OFFER_ID, small, None) == {"privateOffer": small.decode()}
    assert owners(table) == {}
    assert list(snapshots.parts(OFFER_ID.upper(), LARGE, None)) == ["privateOfferDocument"]
    assert owners(table) == {f"offer~{OFFER_ID}": 1}


def test_a_large_offer_that_the_row_has_is_not_stored_again(snapshots: Snapshots, table: Table) -> None:
    before = put(snapshots, table, offer=LARGE)

    assert snapshots.parts(OFFER_ID, LARGE, before) == before.parts
    assert owners(table) == {f"offer~{OFFER_ID}": 1}
    assert snapshots.parts(OFFER_ID, LARGE, None) != before.parts


def test_the_document_that_only_the_row_before_had_is_deleted(snapshots: Snapshots, table: Table) -> None:
    before = put(snapshots, table, offer=LARGE)
    snapshots.delete_outdated(None, before)
    snapshots.delete_outdated(before, before)
    assert owners(table) == {f"offer~{OFFER_ID}": 1}

    snapshots.delete_outdated(before, replace(before, parts={"privateOffer": "{}"}))
    assert owners(table) == {}


def test_a_row_refers_to_its_document_whatever_else_is_in_it(snapshots: Snapshots, table: Table) -> None:
    assert snapshots.references_of(OFFER_ID) == []
    row = put(snapshots, table, offer=LARGE)
    change(table, readAt="yesterday")

    assert snapshots.references_of(OFFER_ID.upper()) == [row.parts["privateOfferDocument"]]


def test_nothing_is_kept_in_an_empty_partition(snapshots: Snapshots, table: Table) -> None:
    table.insert({"PartitionKey": "other", "RowKey": "run"})
    assert snapshots.nothing_kept()

    table.insert({"PartitionKey": "offers", "RowKey": "run"})
    assert not snapshots.nothing_kept()


# Removing


def test_all_snapshots_are_removed_with_their_documents(
    snapshots: Snapshots, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.snapshots.REMOVED_AT_ONCE", 2)
    for number in range(5):
        put(snapshots, table, f"{OFFER_ID}{number}", offer=LARGE)
    table.insert({"PartitionKey": "offers", "RowKey": "run"})
    groups: list[int] = []

    def write(changes: Sequence[Sequence[Change]]) -> None:
        groups.append(len(changes))
        assert all(len(group) == 1 and group[0].etag for group in changes)
        table.commit_each(changes)

    assert snapshots.remove_all(write, has_time=always)

    assert groups == [2, 2, 1]
    assert keys(table) == ["run"]
    assert owners(table) == {}


def test_snapshots_that_there_is_no_time_to_remove_are_left(
    snapshots: Snapshots, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.snapshots.REMOVED_AT_ONCE", 2)
    for number in range(5):
        put(snapshots, table, f"{OFFER_ID}{number}")
    times = iter([True, False])

    assert not snapshots.remove_all(table.commit_each, has_time=lambda: next(times))
    assert len(keys(table)) == 3
    assert snapshots.remove_all(table.commit_each, has_time=always)
    assert snapshots.remove_all(table.commit_each, has_time=lambda: False)


def test_a_snapshot_that_changes_while_it_is_removed_stays(snapshots: Snapshots, table: Table) -> None:
    put(snapshots, table)

    def write(changes: Sequence[Sequence[Change]]) -> None:
        change(table, name="Another")
        table.commit_each(changes)

    snapshots.remove_all(write, has_time=always)

    assert keys(table) == [f"offer~{OFFER_ID}"]


def test_only_offers_that_were_gone_before_that_moment_are_removed(snapshots: Snapshots, table: Table) -> None:
    put(snapshots, table, f"{OFFER_ID}1", gone_at=NOW)
    put(snapshots, table, f"{OFFER_ID}2", gone_at=NOW - timedelta(microseconds=1), offer=LARGE)
    put(snapshots, table, f"{OFFER_ID}3")
    put(snapshots, table, f"{OFFER_ID}4", gone_at=NOW - timedelta(days=9))
    change(table, f"{OFFER_ID}5", goneAt="yesterday")

    assert snapshots.remove_expired(gone_before=NOW, has_time=always) == 2
    assert keys(table) == [f"offer~{OFFER_ID}{number}" for number in (1, 3, 5)]
    assert owners(table) == {}


def test_expired_snapshots_that_there_is_no_time_to_remove_are_left(snapshots: Snapshots, table: Table) -> None:
    for number in range(3):
        put(snapshots, table, f"{OFFER_ID}{number}", gone_at=NOW - timedelta(days=1))
    times = iter([True, False])

    assert snapshots.remove_expired(gone_before=NOW, has_time=lambda: next(times)) == 1
    assert len(keys(table)) == 2


def test_an_expired_snapshot_that_changes_before_it_is_removed_stays_with_its_document(
    snapshots: Snapshots, table: Table
) -> None:
    put(snapshots, table, gone_at=NOW - timedelta(days=1), offer=LARGE)

    def while_somebody_else_writes() -> bool:
        change(table, name="Another")
        return True

    assert snapshots.remove_expired(gone_before=NOW, has_time=while_somebody_else_writes) == 0
    assert owners(table) == {f"offer~{OFFER_ID}": 1}
