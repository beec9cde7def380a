"""Long values of a row: in a column if they fit, otherwise in a document that the row refers to.

A value `name` is in the column of that name, as text, or in the document named by the column `<name>Document`.
"""

from shared.storage.documents import Documents, holds, length_of
from shared.storage.errors import RecordBroken
from shared.storage.table import Row

# A text column holds 32 K UTF-16 characters, and UTF-8 never needs fewer bytes than UTF-16 characters.
LONGEST_COLUMN_BYTES = 30_000
_DOCUMENT = "Document"


class LargeColumns:
    """Stores long values of rows, and reads them. The `owner` of a document is named after its row's key."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def columns(self, owner: str, name: str, data: bytes, stored: Row | None = None) -> Row:
        """The two columns for `data`, which is UTF-8. A long value is first stored as a document.

        `stored` is the row as it was read; a document that it refers to is kept if its content is the same. Raises
        StorageError.
        """
        if len(data) <= LONGEST_COLUMN_BYTES:
            return {name: data.decode("utf-8"), name + _DOCUMENT: ""}
        reference = (stored or {}).get(name + _DOCUMENT)
        if not isinstance(reference, str) or not holds(reference, data):
            reference = self._documents.put(owner, data)
        return {name: "", name + _DOCUMENT: reference}

    def read(self, owner: str, name: str, row: Row) -> bytes:
        """The value; empty if the row has none. Raises RecordBroken, and other StorageErrors."""
        column, reference = row.get(name) or "", row.get(name + _DOCUMENT) or ""
        if not isinstance(column, str) or not isinstance(reference, str):
            raise RecordBroken("it is not a text")
        return self._documents.get(owner, reference) if reference else column.encode("utf-8", "replace")

    def delete(self, owner: str, row: Row, *names: str) -> None:
        """Delete the documents that the row refers to. Raises StorageError."""
        for reference in references_in(row, *names):
            self._documents.delete(owner, reference)


def references_in(row: Row, *names: str) -> list[str]:
    """The documents that a row refers to for the values of these names."""
    found = (row.get(name + _DOCUMENT) for name in names)
    return [reference for reference in found if isinstance(reference, str) and reference]


def size_of(row: Row, *names: str) -> int:
    """About how many bytes these values have, in columns and in documents."""
    in_columns = sum(len(row[name]) for name in names if isinstance(row.get(name), str))
    return in_columns + sum(length_of(reference) for reference in references_in(row, *names))
