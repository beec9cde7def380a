"""Bytes too long for one table entity, kept whole.

A column holds 64 KiB and an entity 1 MiB; a private offer may exceed both. Long bytes are cut into entities of
their own. A document never changes, and every writing of one makes a document of its own: a reference belongs to the
one row that names it, so a row and its documents can be removed whatever other rows hold. Write the document first
and the row that refers to it second: a crash between them leaves a document that nobody reads, for `clean_up` to
find, and no broken reference.
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
# A page of an answer is in memory twice, as JSON and as rows: four entities are about 4 MiB of JSON.
ENTITIES_READ_AT_ONCE = 4
_OWNER_PREFIX = "document~"
# Earlier versions named a document by its hash alone.
_NAME = re.compile(r"[0-9a-f]{64}(\.[0-9a-f]{32})?")


@dataclass(frozen=True)
class StoredEntity:
    """One entity of a document, without its bytes; `written_at` by storage's clock."""

    row_key: str
    written_at: datetime | None
    etag: str

    @property
    def document(self) -> str:
        """The name of its document, with which a reference begins."""
        return self.row_key.partition("~")[0]


class Documents:
    """Documents of one table, grouped by owner (a job id) so that they can be deleted together."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, owner: str, data: bytes) -> str:
        """Store `data`, one entity at a time; returns the reference to read it by."""
        name = f"{hashlib.sha256(data).hexdigest()}.{uuid.uuid4().hex}"
        for number, start in enumerate(range(0, len(data), ENTITY_BYTES)):
            self._partition(owner).upsert(f"{name}~{number:06}", _columns(data[start : start + ENTITY_BYTES]))
        return f"{name}~{len(data)}"

    def get(self, owner: str, reference: str) -> bytes:
        """The bytes put under this reference. Raises RecordBroken if a part is missing or altered."""
        digest = _name(reference).partition(".")[0]
        if not digest:
            raise RecordBroken(f"a reference to a document of {owner} is not one")
        data, found = BytesIO(), hashlib.sha256()
        for row in self._rows(owner, reference):
            for part in _parts(row):
                data.write(part)
                found.update(part)
        if found.hexdigest() != digest:
            raise RecordBroken(f"document {digest[:12]} of {owner} is not whole")
        return data.getvalue()

    def delete(self, owner: str, reference: str) -> None:
        """Delete this document; what is gone already is no error, and neither is a reference that is none."""
        if not _name(reference):
            return
        for row in list(self._rows(owner, reference, columns=["RowKey"])):
            self._partition(owner).delete(row["RowKey"])

    def by_owner(self, after_owner: str = "") -> Iterator[tuple[str, list[StoredEntity]]]:
        """Every owner that follows `after_owner`, in order, with the entities of its documents."""
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
        """Delete entities as they were read; returns how many. One that has changed since stays."""
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
    """How many bytes a document has, as its reference tells; 0 if it does not."""
    length = reference.rpartition("~")[2]
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 12 else 0


def holds(reference: str, data: bytes) -> bool:
    """Whether the document of this reference holds these bytes."""
    return length_of(reference) == len(data) and reference.startswith(f"{hashlib.sha256(data).hexdigest()}.")


def _name(reference: str) -> str:
    """The document's name: its hash and what tells it from others with the same; empty if the reference is none."""
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
