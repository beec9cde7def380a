"""Bytes longer than a table entity."""

import pytest

from shared.settings import StorageByConnectionString
from shared.storage.connection import Tables
from shared.storage.documents import ENTITY_BYTES, Documents
from shared.storage.errors import RecordBroken
from shared.storage.table import Table


@pytest.fixture
def table(azurite: str, jobs_table: str) -> Table:
    return Tables(StorageByConnectionString(azurite)).table(jobs_table)


@pytest.mark.parametrize("length", [0, 1, ENTITY_BYTES - 1, ENTITY_BYTES, ENTITY_BYTES + 1, 3 * ENTITY_BYTES])
def test_bytes_of_any_length_are_read_back_whole(table: Table, length: int) -> None:
    documents = Documents(table)
    data = (b"0123456789" * (length // 10 + 1))[:length]
    assert documents.get("owner", documents.put("owner", data)) == data


def test_writing_the_same_bytes_twice_changes_nothing(table: Table) -> None:
    documents = Documents(table)
    assert documents.put("owner", b"a text") == documents.put("owner", b"a text")
    assert len(list(table.rows("PartitionKey eq 'document~owner'"))) == 1


def test_a_missing_part_is_noticed(table: Table) -> None:
    documents = Documents(table)
    reference = documents.put("owner", b"x" * (ENTITY_BYTES + 1))
    last = list(table.rows("PartitionKey eq 'document~owner'"))[-1]
    table.delete(last["PartitionKey"], last["RowKey"])
    with pytest.raises(RecordBroken):
        documents.get("owner", reference)


def test_deleting_takes_the_owners_documents_and_nobody_elses(table: Table) -> None:
    documents = Documents(table)
    documents.put("owner", b"one")
    documents.put("owner", b"two")
    kept = documents.put("owner2", b"three")
    documents.delete_all("owner")
    assert list(table.rows("PartitionKey eq 'document~owner'")) == []
    assert documents.get("owner2", kept) == b"three"
