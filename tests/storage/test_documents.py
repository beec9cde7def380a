"""Texts longer than a table entity."""

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
def test_a_text_of_any_length_is_read_back_whole(table: Table, length: int) -> None:
    documents = Documents(table)
    text = ("0123456789" * (length // 10 + 1))[:length]
    assert documents.get("owner", documents.put("owner", text)) == text


def test_writing_the_same_text_twice_changes_nothing(table: Table) -> None:
    documents = Documents(table)
    assert documents.put("owner", "a text") == documents.put("owner", "a text")
    assert len(list(table.rows("PartitionKey eq 'document~owner'"))) == 1


def test_a_missing_part_is_noticed(table: Table) -> None:
    documents = Documents(table)
    reference = documents.put("owner", "x" * (ENTITY_BYTES + 1))
    last = list(table.rows("PartitionKey eq 'document~owner'"))[-1]
    table.delete(last["PartitionKey"], last["RowKey"])
    with pytest.raises(RecordBroken):
        documents.get("owner", reference)


def test_deleting_takes_the_owners_documents_and_nobody_elses(table: Table) -> None:
    documents = Documents(table)
    documents.put("owner", "one")
    documents.put("owner", "two")
    kept = documents.put("owner2", "three")
    documents.delete_all("owner")
    assert list(table.rows("PartitionKey eq 'document~owner'")) == []
    assert documents.get("owner2", kept) == "three"
