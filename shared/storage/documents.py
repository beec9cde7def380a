"""Bytes too long for one table entity, kept whole.

A column holds 64 KiB and an entity 1 MiB; a private offer may exceed both. Long bytes are cut into entities of
their own. A document is named by its content's hash and never changed, so that writing it twice, or from two
instances at once, ends in the same rows, and a reference always reads what it was given for. Write the document
first and the row that refers to it second: a crash between them leaves a document that nobody reads, and no broken
reference.
"""

import hashlib
from collections.abc import Iterator
from io import BytesIO

from shared.storage.errors import RecordBroken
from shared.storage.table import Row, Table

PARTS_PER_ENTITY = 12
# The service allows 64 KiB a binary column and 1 MiB an entity; twelve of these and the row's framing fit.
PART_BYTES = 60 * 1024
ENTITY_BYTES = PARTS_PER_ENTITY * PART_BYTES
# A page of an answer is in memory twice, as JSON and as rows: four entities are about 4 MiB of JSON.
ENTITIES_READ_AT_ONCE = 4


class Documents:
    """Documents of one table, grouped by owner (a job id) so that they can be deleted together."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, owner: str, data: bytes) -> str:
        """Store `data`, one entity at a time; returns the reference to read it by."""
        digest = hashlib.sha256(data).hexdigest()
        for number, start in enumerate(range(0, len(data), ENTITY_BYTES)):
            self._table.upsert(_entity(owner, f"{digest}~{number:06}", data[start : start + ENTITY_BYTES]))
        return f"{digest}~{len(data)}"

    def get(self, owner: str, reference: str) -> bytes:
        """The bytes put under this reference. Raises RecordBroken if a part is missing or altered."""
        digest = reference.partition("~")[0]
        rows = self._table.rows(
            "PartitionKey eq @partition and RowKey ge @first and RowKey lt @last",
            {"partition": _partition(owner), "first": f"{digest}~", "last": f"{digest}~~"},
            page_size=ENTITIES_READ_AT_ONCE,
        )
        data, found = BytesIO(), hashlib.sha256()
        for row in rows:
            for part in _parts(row):
                data.write(part)
                found.update(part)
        if found.hexdigest() != digest:
            raise RecordBroken(f"document {digest[:12]} of {owner} is not whole")
        return data.getvalue()

    def delete_all(self, owner: str) -> None:
        """Delete every document of the owner."""
        rows = self._table.rows(
            "PartitionKey eq @partition", {"partition": _partition(owner)}, columns=["PartitionKey", "RowKey"]
        )
        for row in list(rows):
            self._table.delete(row["PartitionKey"], row["RowKey"])


def _partition(owner: str) -> str:
    return f"document~{owner}"


def _entity(owner: str, key: str, data: bytes) -> Row:
    parts = {
        f"part{number:02}": data[start : start + PART_BYTES]
        for number, start in enumerate(range(0, len(data), PART_BYTES))
    }
    return {"PartitionKey": _partition(owner), "RowKey": key, **parts}


def _parts(row: Row) -> Iterator[bytes]:
    for number in range(PARTS_PER_ENTITY):
        if isinstance(part := row.get(f"part{number:02}"), bytes):
            yield part
