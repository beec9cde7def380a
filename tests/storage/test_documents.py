"""Bytes longer than a table entity."""

import hashlib

import pytest

from shared.settings import StorageByConnectionString
from shared.storage.documents import ENTITY_BYTES, Documents, length_of
from shared.storage.errors import RecordBroken
from shared.storage.table import Table, Tables


@pytest.fixture
def table(azurite: str, jobs_table: str) -> Table:
    return Tables(StorageByConnectionString(azurite)).table(jobs_table)


@pytest.mark.parametrize("length", [0, 1, ENTITY_BYTES - 1, ENTITY_BYTES, ENTITY_BYTES + 1, 3 * ENTITY_BYTES])
def test_bytes_of_any_length_are_read_back_whole(table: Table, length: int) -> None:
    documents = Documents(table)
    data = (b"0123456789" * (length // 10 + 1))[:length]
    assert documents.get("owner", documents.put("owner", data)) == data


def test_each_put_makes_a_new_document(table: Table) -> None:
    documents = Documents(table)
    first, second = documents.put("owner", b"the same"), documents.put("owner", b"the same")
    documents.delete("owner", first)
    with pytest.raises(RecordBroken):
        documents.get("owner", first)
    assert documents.get("owner", second) == b"the same"


def test_a_document_named_by_its_hash_alone_is_still_read(table: Table) -> None:
    """As earlier versions named them."""
    digest = hashlib.sha256(b"from before").hexdigest()
    table.insert({"PartitionKey": "document~owner", "RowKey": f"{digest}~000000", "part00": b"from before"})
    assert Documents(table).get("owner", f"{digest}~11") == b"from before"


@pytest.mark.parametrize("part", ["a text", 5, None])
def test_a_missing_or_altered_part_is_noticed(table: Table, part: object) -> None:
    documents = Documents(table)
    reference = documents.put("owner", b"x" * (ENTITY_BYTES + 1))
    last = list(table.rows("PartitionKey eq 'document~owner'"))[-1]
    table.delete(last["PartitionKey"], last["RowKey"])
    if part is not None:
        table.insert({"PartitionKey": last["PartitionKey"], "RowKey": last["RowKey"], "part00": part})
    with pytest.raises(RecordBroken):
        documents.get("owner", reference)


def test_deleting_removes_one_whole_document_and_no_other(table: Table) -> None:
    documents = Documents(table)
    gone, kept = documents.put("owner", b"x" * (ENTITY_BYTES + 1)), documents.put("owner", b"two")
    documents.delete("owner", gone)
    assert len(list(table.rows("PartitionKey eq 'document~owner'"))) == 1
    assert documents.get("owner", kept) == b"two"


@pytest.mark.parametrize("reference", ["", "x", "~", "x~-1", "x~1e9", "'~2", "x~\u0663", "x" * 30_000])
def test_a_malformed_reference_reads_as_broken_and_deletes_nothing(table: Table, reference: str) -> None:
    documents = Documents(table)
    kept = documents.put("owner", b"kept")
    documents.delete("owner", reference)
    with pytest.raises(RecordBroken):
        documents.get("owner", reference)
    assert documents.get("owner", kept) == b"kept"
    assert length_of(reference) in {0, 2}
