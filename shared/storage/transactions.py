"""Entity group transactions on the wire: many changes in one request, all or none.

Source: Microsoft, "Performing entity group transactions". The `multipart/mixed` body holds one change set whose parts
are HTTP requests. The answer has a part for each change, or a single part that says which change failed and why. The
SDK's `submit_transaction` builds the same body with the standard library's e-mail package, which took four fifths of
a tick's CPU time (docs/decisions/0007-own-transaction-body.md).
"""

import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Condition
from urllib.parse import quote

from shared.storage.rows import Row, ValueRefused, encoded

TRANSACTION_MAX_ROWS = 100
# Below the service's 4 MiB, which include the multipart framing.
TRANSACTION_MAX_BYTES = 3 * 1024 * 1024
ROW_FRAMING_BYTES = 1024
_STATUS_LINE = re.compile(rb"^HTTP/1\.1 (\d{3})[^\r\n]*\r?$", re.MULTILINE)
_ETAG = re.compile(rb"^etag:[ \t]*([^\r\n]+)", re.MULTILINE | re.IGNORECASE)


class Write(StrEnum):
    """How a change writes its row; the value is its HTTP method."""

    INSERT = "POST"
    MERGE = "PATCH"
    UPSERT = "PUT"
    DELETE = "DELETE"


@dataclass(frozen=True)
class Change:
    """One write of a transaction. With an ETag it applies only to the row as it was read.

    MERGE and DELETE without an ETag apply to any row with that key, but the row has to exist.
    """

    write: Write
    row: Row
    etag: str | None = None


@dataclass(frozen=True)
class Outcome:
    """Storage's answer: the new ETags in order, or the status and body of the change that failed."""

    etags: list[str]
    failed_status: int | None = None
    failed_body: bytes = b""


def entity_url(table_url: str, partition: str, key: str) -> str:
    """The URL of a row, its keys quoted for OData and for a URL. Raises ValueRefused."""
    return f"{table_url}(PartitionKey='{_quoted(partition)}',RowKey='{_quoted(key)}')"


def transaction_body(table_url: str, changes: Sequence[Change]) -> tuple[bytes, str]:
    """The body of a transaction with these changes, and its content type. Raises ValueRefused."""
    batch, change_set = f"batch_{uuid.uuid4()}", f"changeset_{uuid.uuid4()}"
    pieces = [f"--{batch}\r\nContent-Type: multipart/mixed; boundary={change_set}\r\n\r\n".encode("ascii")]
    for change in changes:
        pieces.append(
            f"--{change_set}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n".encode(
                "ascii"
            )
        )
        pieces.append(_request(table_url, change))
    pieces.append(f"--{change_set}--\r\n--{batch}--\r\n".encode("ascii"))
    return b"".join(pieces), f"multipart/mixed; boundary={batch}"


def transaction_outcome(answer: bytes) -> Outcome:
    """Read the answer to a transaction."""
    starts = list(_STATUS_LINE.finditer(answer))
    etags: list[str] = []
    for position, start in enumerate(starts):
        end = starts[position + 1].start() if position + 1 < len(starts) else len(answer)
        status, part = int(start[1]), answer[start.end() : end]
        head, _, body = part.replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")
        if not 200 <= status < 300:
            return Outcome([], status, body.partition(b"\n--")[0])
        etag = _ETAG.search(head)
        etags.append("" if etag is None else etag[1].strip().decode("latin-1"))
    return Outcome(etags)


def batches(
    groups: Sequence[Sequence[Change]], *, rows_at_most: int = TRANSACTION_MAX_ROWS
) -> Iterator[list[Sequence[Change]]]:
    """The groups in order, in as few batches as possible that each fit into a transaction. No group is split."""
    batch: list[Sequence[Change]] = []
    rows = size_bytes = 0
    for group in groups:
        group_bytes = sum(_size_bytes(change.row) for change in group)
        if batch and (rows + len(group) > rows_at_most or size_bytes + group_bytes > TRANSACTION_MAX_BYTES):
            yield batch
            batch, rows, size_bytes = [], 0, 0
        batch.append(group)
        rows += len(group)
        size_bytes += group_bytes
    if batch:
        yield batch


def _size_bytes(row: Row) -> int:
    """Roughly the row's size on the wire, where a character beyond ASCII takes six bytes and bytes are base64."""
    size = ROW_FRAMING_BYTES
    for value in row.values():
        if isinstance(value, str):
            size += len(value) if value.isascii() else 6 * len(value)
        elif isinstance(value, bytes):
            size += len(value) * 4 // 3
    return size


def _request(table_url: str, change: Change) -> bytes:
    if change.write is Write.INSERT:
        url = table_url
    else:
        url = entity_url(table_url, change.row["PartitionKey"], change.row["RowKey"])
    lines = [f"{change.write.value} {url} HTTP/1.1", "Accept: application/json;odata=minimalmetadata"]
    if change.write is Write.INSERT:
        lines.append("Prefer: return-no-content")
    etag = change.etag or ("*" if change.write in {Write.MERGE, Write.DELETE} else None)
    if etag is not None:
        lines.append(f"If-Match: {etag}")
    body = b"" if change.write is Write.DELETE else encoded(change.row)
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body + b"\r\n"


def _quoted(key: str) -> str:
    try:
        return quote(key.replace("'", "''"), safe="")
    except UnicodeEncodeError as error:  # a lone surrogate, which JSON can hold but a URL cannot
        raise ValueRefused("a URL cannot hold the row's key") from error


@dataclass
class _Asked[Item, Result]:
    item: Item
    result: Result | None = None
    error: Exception | None = None
    done: bool = False


class Gathered[Item, Result]:
    """Gathers the items that threads ask for at the same time into one call `ask(key, items)`, which returns a result
    for each. Thread-safe.

    A thread gets a result of a call that began after it asked, so that the result is never outdated.
    """

    def __init__(self, ask: Callable[[str, Sequence[Item]], Sequence[Result]]) -> None:
        self._ask = ask
        self._waiting: dict[str, list[_Asked[Item, Result]]] = {}
        self._busy: set[str] = set()
        self._changed = Condition()

    def __call__(self, key: str, item: Item) -> Result:
        """The result for this item. An error of `ask` is raised in every thread whose item was in that call."""
        asked = _Asked[Item, Result](item)
        with self._changed:
            self._waiting.setdefault(key, []).append(asked)
            self._changed.wait_for(lambda: asked.done or key not in self._busy)
            together = [] if asked.done else self._waiting.pop(key)
            if together:
                self._busy.add(key)
        if together:
            self._ask_for(key, together)
        if asked.error is not None:
            raise asked.error
        return asked.result  # type: ignore[return-value]  # `ask` has returned it

    def _ask_for(self, key: str, together: Sequence[_Asked[Item, Result]]) -> None:
        try:
            results = self._ask(key, [asked.item for asked in together])
            for asked, result in zip(together, results, strict=True):
                asked.result = result
        except Exception as error:  # noqa: BLE001 - raised in every waiting thread
            for asked in together:
                asked.error = error
        finally:
            with self._changed:
                for asked in together:
                    asked.done = True
                self._busy.discard(key)
                self._changed.notify_all()
