"""Bytes too long for one table entity, kept whole.

A column holds 64 KiB and an entity 1 MiB; a private offer may exceed both. Long bytes are cut into several entities.
A document never changes, and each `put` makes a new one, even of the same bytes. So a reference belongs to one row
only, and a row can be removed together with its documents. Write the document first and the row that refers to it
second: a crash in between leaves no broken reference, only a document that nobody reads, which `clean_up` deletes.
"""

import hashlib
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from itertools import groupby

from shared.storage.errors import RecordBroken
from shared.storage.partition import Partition
from shared.storage.table import Row, Table, Write, etag_of, stamped_at

PARTS_PER_ENTITY = 12
# The service allows 64 KiB a binary column and 1 MiB an entity; twelve of these and the row's framing fit.
PART_BYTES = 60 * 1024
ENTITY_BYTES = PARTS_PER_ENTITY * PART_BYTES
# A page is in memory twice, as JSON and as rows. Four entities are about 4 MiB of JSON.
ENTITIES_READ_AT_ONCE = 4
_OWNER_PREFIX = "document~"
# Earlier versions named a document by its hash alone.
_NAME = re.compile(r"[0-9a-f]{64}(\.[0-9a-f]{32})?")


@dataclass(frozen=True)
class StoredEntity:
    """One entity of a document, without its bytes. `written_at` is by storage's clock."""

    row_key: str
    written_at: datetime | None
    etag: str

    @property
    def document(self) -> str:
        """The name of its document. A reference to the document begins with it."""
        return self.row_key.partition("~")[0]


class Documents:
    """Documents of one table, grouped by owner (a job id) so that they can be deleted together."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, owner: str, data: bytes) -> str:
        """Store `data`, one entity at a time, and return the reference to it."""
        name = f"{hashlib.sha256(data).hexdigest()}.{uuid.uuid4().hex}"
        for number, start in enumerate(range(0, len(data), ENTITY_BYTES)):
            self._partition(owner).upsert(f"{name}~{number:06}", _columns(data[start : start + ENTITY_BYTES]))
        return f"{name}~{len(data)}"

    def get(self, owner: str, reference: str) -> bytes:
        """The bytes that `put` stored under this reference. Raises RecordBroken if a part is missing or altered."""
        digest = _name(reference).partition(".")[0]
        if not digest:
            raise RecordBroken(f"a reference to a document of {owner} is malformed")
        data, found = BytesIO(), hashlib.sha256()
        for row in self._rows(owner, reference):
            for part in _parts(row):
                data.write(part)
                found.update(part)
        if found.hexdigest() != digest:
            raise RecordBroken(f"document {digest[:12]} of {owner} is incomplete or altered")
        return data.getvalue()

    def delete(self, owner: str, reference: str) -> None:
        """Delete this document. A document that is gone already is not an error, nor is a malformed reference."""
        if not _name(reference):
            return
        for row in list(self._rows(owner, reference, columns=["RowKey"])):
            self._partition(owner).delete(row["RowKey"])

    def by_owner(self, after_owner: str = "") -> Iterator[tuple[str, list[StoredEntity]]]:
        """The owners that follow `after_owner`, in order, each with the entities of its documents."""
        rows = self._table.rows(
            "PartitionKey gt @after and PartitionKey lt @end",
            {"after": _OWNER_PREFIX + after_owner, "end": _OWNER_PREFIX + "~"},
            columns=["PartitionKey", "RowKey", "Timestamp"],
        )
        for partition, of_owner in groupby(rows, key=lambda row: str(row["PartitionKey"])):
            yield (
                partition.removeprefix(_OWNER_PREFIX),
                [StoredEntity(row["RowKey"], stamped_at(row), etag_of(row)) for row in of_owner],
            )

    def delete_entities(self, owner: str, entities: Sequence[StoredEntity]) -> int:
        """Delete these entities, except any that changed since it was read. Returns how many were deleted."""
        partition = self._partition(owner)
        written = self._table.commit_each(
            [[partition.change(Write.DELETE, entity.row_key, etag=entity.etag)] for entity in entities]
        )
        return sum(isinstance(result, list) for result in written)

    def _rows(self, owner: str, reference: str, columns: list[str] | None = None) -> Iterator[Row]:
        name = _name(reference)
        return self._partition(owner).rows(
            start=f"{name}~", before=f"{name}~~", columns=columns, page_size=ENTITIES_READ_AT_ONCE
        )

    def _partition(self, owner: str) -> Partition:
        return Partition(self._table, _OWNER_PREFIX + owner)


def length_of(reference: str) -> int:
    """The length in bytes that a reference gives for its document; 0 if it gives none."""
    length = reference.rpartition("~")[2]
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 12 else 0


def holds(reference: str, data: bytes) -> bool:
    """Whether the document of this reference holds these bytes."""
    return length_of(reference) == len(data) and reference.startswith(f"{hashlib.sha256(data).hexdigest()}.")


def _name(reference: str) -> str:
    """The document's name: its hash, and an id that is unique to it. Empty for a malformed reference."""
    name = reference.partition("~")[0]
    return name if _NAME.fullmatch(name) else ""


def _columns(data: bytes) -> dict[str, bytes]:
    return {
        f"part{number:02}": data[start : start + PART_BYTES]
        for number, start in enumerate(range(0, len(data), PART_BYTES))
    }


def _parts(row: Row) -> Iterator[bytes]:
    for number in range(PARTS_PER_ENTITY):
        if isinstance(part := row.get(f"part{number:02}"), bytes):
            yield part
