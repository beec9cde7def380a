"""Texts too long for one table entity, kept whole.

A text column holds 32 K characters and an entity 1 MiB; a private offer may exceed both. A long text is cut into
parts, each an entity of its own. A document is named by its content's hash and never changed, so that writing it
twice, or from two instances at once, ends in the same rows, and a reference always reads what it was given for.
Write the document first and the row that refers to it second: a crash between them leaves an unread document, no
broken reference.
"""

import hashlib
from collections.abc import Iterator

from shared.storage.errors import RecordBroken
from shared.storage.table import Row, Table

PARTS_PER_ENTITY = 12
# The service allows 64 KiB a binary column and 1 MiB an entity; twelve of these and the row's framing fit.
PART_BYTES = 60 * 1024
ENTITY_BYTES = PARTS_PER_ENTITY * PART_BYTES


class Documents:
    """Documents of one table, grouped by owner (a job id) so that they can be deleted together."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, owner: str, text: str) -> str:
        """Store `text`; returns the reference to read it by."""
        data = text.encode("utf-8")
        digest = hashlib.sha256(data).hexdigest()
        for number, start in enumerate(range(0, len(data), ENTITY_BYTES)):
            self._table.upsert(_entity(owner, f"{digest}~{number:06}", data[start : start + ENTITY_BYTES]))
        return f"{digest}~{len(data)}"

    def get(self, owner: str, reference: str) -> str:
        """The text put under this reference. Raises RecordBroken if a part is missing or altered."""
        digest = reference.partition("~")[0]
        rows = self._table.rows(
            "PartitionKey eq @partition and RowKey ge @first and RowKey lt @last",
            {"partition": _partition(owner), "first": f"{digest}~", "last": f"{digest}~~"},
        )
        data = b"".join(part for row in rows for part in _parts(row))
        if hashlib.sha256(data).hexdigest() != digest:
            raise RecordBroken(f"document {digest[:12]} of {owner} is not whole")
        return data.decode("utf-8")

    def delete_all(self, owner: str) -> None:
        """Delete every document of the owner."""
        for row in list(self._table.rows("PartitionKey eq @partition", {"partition": _partition(owner)})):
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
        if (part := row.get(f"part{number:02}")) is not None:
            yield part
