"""Entity group transactions on the wire: many changes in one request, all or none.

Source: Microsoft, "Performing entity group transactions": a `multipart/mixed` body that holds one change set, whose
parts are HTTP requests; the answer has a part for each change, or one part that says which change failed and why. The
SDK's `submit_transaction` builds the same with the standard library's e-mail package, which took four fifths of all
CPU time of a tick (docs/decisions/0007-own-transaction-body.md).
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
# Under the service's 4 MiB: the multipart framing of a hundred changes counts too.
TRANSACTION_MAX_BYTES = 3 * 1024 * 1024
ROW_FRAMING_BYTES = 1024
_STATUS_LINE = re.compile(rb"^HTTP/1\.1 (\d{3})[^\r\n]*\r?$", re.MULTILINE)
_ETAG = re.compile(rb"^etag:[ \t]*([^\r\n]+)", re.MULTILINE | re.IGNORECASE)


class Write(StrEnum):
    """How a change writes its row; the value is the HTTP method that says so."""

    INSERT = "POST"
    MERGE = "PATCH"
    UPSERT = "PUT"
    DELETE = "DELETE"


@dataclass(frozen=True)
class Change:
    """One write of a transaction. With an ETag it holds only for the row as it was read.

    MERGE and DELETE without one hold for any row of that key, but there has to be one.
    """

    write: Write
    row: Row
    etag: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What storage answered: the new ETags in order, or the status and body of the change that failed."""

    etags: list[str]
    failed_status: int | None = None
    failed_body: bytes = b""


def entity_url(table_url: str, partition: str, key: str) -> str:
    """Where a row is: its keys quoted for OData and for a URL. Raises ValueRefused."""
    return f"{table_url}(PartitionKey='{_quoted(partition)}',RowKey='{_quoted(key)}')"


def transaction_body(table_url: str, changes: Sequence[Change]) -> tuple[bytes, str]:
    """The body that carries these changes, and its content type. Raises ValueRefused."""
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
    """The groups in as few batches as fit into a transaction each. A group is never split."""
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
    """About what the row takes on the wire: a character that is not ASCII as six bytes, bytes as base64."""
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
    except UnicodeEncodeError as error:  # a lone surrogate, which JSON can hold and no URL
        raise ValueRefused("no URL can hold the row's key") from error


@dataclass
class _Asked[Item, Result]:
    item: Item
    result: Result | None = None
    error: Exception | None = None
    done: bool = False


class Gathered[Item, Result]:
    """Calls `ask(key, items)` for the items of many threads; it returns one result for each. Thread-safe.

    A result is never older than its caller's request: `ask` begins after it.
    """

    def __init__(self, ask: Callable[[str, Sequence[Item]], Sequence[Result]]) -> None:
        self._ask = ask
        self._waiting: dict[str, list[_Asked[Item, Result]]] = {}
        self._busy: set[str] = set()
        self._changed = Condition()

    def __call__(self, key: str, item: Item) -> Result:
        """The result for this item. Raises what `ask` raises, in every thread whose item was in it."""
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
        return asked.result  # type: ignore[return-value]  # `ask` has returned one

    def _ask_for(self, key: str, together: Sequence[_Asked[Item, Result]]) -> None:
        try:
            results = self._ask(key, [asked.item for asked in together])
            for asked, result in zip(together, results, strict=True):
                asked.result = result
        except Exception as error:  # noqa: BLE001 - raised again in every thread that waits for it
            for asked in together:
                asked.error = error
        finally:
            with self._changed:
                for asked in together:
                    asked.done = True
                self._busy.discard(key)
                self._changed.notify_all()
