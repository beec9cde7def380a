"""One partition of a table, against Azurite."""

import pytest

from shared.settings import StorageByConnectionString
from shared.storage.errors import RowChanged
from shared.storage.partition import Partition
from shared.storage.table import Change, Row, Table, Tables, Write, etag_of


@pytest.fixture
def table(azurite: str, jobs_table: str) -> Table:
    return Tables(StorageByConnectionString(azurite)).table(jobs_table)


@pytest.fixture
def letters(table: Table) -> Partition:
    """The rows a to e, with a neighbour on each side that holds the same keys."""
    for key in ("m", "n", "o"):
        table.commit([Partition(table, key).change(Write.INSERT, row_key, {"label": key}) for row_key in "abcde"])
    return Partition(table, "n")


def stored(partition: Partition, row_key: str) -> Row:
    row = partition.get(row_key)
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("bounds", "keys"),
    [
        ({}, "abcde"),
        ({"start": "b"}, "bcde"),
        ({"after": "b"}, "cde"),
        ({"before": "d"}, "abc"),
        ({"start": "b", "before": "d"}, "bc"),
        ({"after": "", "before": "bb"}, "ab"),
        ({"after": "b", "before": "b"}, ""),
    ],
)
def test_the_rows_between_two_keys_are_read_in_order(letters: Partition, bounds: dict[str, str], keys: str) -> None:
    rows = list(letters.rows(**bounds, page_size=2))  # type: ignore[arg-type]  # every bound is a text

    assert [row["RowKey"] for row in rows] == list(keys)
    assert {row["label"] for row in rows} <= {"n"}
    assert [row["RowKey"] for page in letters.pages(**bounds) for row in page] == list(keys)


def test_a_further_condition_narrows_the_rows(letters: Partition) -> None:
    letters.upsert("c", {"label": "it's another"})

    rows = letters.rows(after="a", where="label eq @label", parameters={"label": "it's another"})

    assert [row["RowKey"] for row in rows] == ["c"]


def test_only_the_named_columns_are_read(letters: Partition) -> None:
    assert dict(next(letters.rows(columns=["RowKey"]))) == {"RowKey": "a"}


def test_a_change_is_for_this_partition_and_writes_nothing_yet(letters: Partition) -> None:
    change = letters.change(Write.MERGE, "a", {"label": "new"}, "etag")

    assert change == Change(Write.MERGE, {"PartitionKey": "n", "RowKey": "a", "label": "new"}, "etag")
    assert stored(letters, "a")["label"] == "n"


def test_an_insert_keeps_a_row_that_is_there(letters: Partition) -> None:
    assert not letters.insert("a", {"label": "new"})
    assert letters.insert("f", {"label": "new"})
    assert [stored(letters, key)["label"] for key in "af"] == ["n", "new"]


def test_an_upsert_replaces_the_whole_row(letters: Partition) -> None:
    letters.upsert("a", {"colour": "red"})

    assert dict(stored(letters, "a")) == {"PartitionKey": "n", "RowKey": "a", "colour": "red"}


def test_a_merge_and_a_delete_hold_for_the_row_that_was_read(letters: Partition) -> None:
    etag = etag_of(stored(letters, "a"))
    new_etag = letters.merge("a", {"label": "new"}, etag)
    with pytest.raises(RowChanged):
        letters.merge("a", {"label": "newer"}, etag)
    with pytest.raises(RowChanged):
        letters.delete("a", etag)
    letters.delete("a", new_etag)

    assert letters.get("a") is None
    letters.delete("a")
