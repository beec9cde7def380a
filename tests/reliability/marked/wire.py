"""Sees every HTTP request that this process sends, where the standard library writes it to the connection."""

import http.client
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.reliability.marked.evidence import EvidenceFile

_STORAGE = re.compile(r"/devstoreaccount1/\$?([A-Za-z0-9]*)")
_PARTITION = re.compile(r"PartitionKey='((?:[^']|'')*)'")
_KINDS_OF_REQUEST = {
    "token request": re.compile(r"/oauth2/(?:v2\.0/)?token(?:$|\?)"),
    "identity request": re.compile(r"/msi/token(?:$|\?)"),
    "Entra's configuration": re.compile(r"/\.well-known/openid-configuration"),
}
_OWN_BY_SUFFIX = {"webhooks": "endpoints", "deliveries": "deliveries"}


@dataclass
class _Sent:
    method: str
    target: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    in_headers: bool = False


def watch_requests(evidence: EvidenceFile) -> None:
    """From now on, keep each request that the app sends, and each row that anyone writes to storage."""
    connection: Any = http.client.HTTPConnection
    put_request, put_header, end_headers = connection.putrequest, connection.putheader, connection.endheaders
    send, get_response, close = connection.send, connection.getresponse, connection.close

    def finish(self: Any) -> None:  # noqa: ANN401 - a connection
        sent = self.__dict__.pop("_sent_of_proof", None)
        if sent is not None:
            _keep(evidence, self, sent)

    def seen_put_request(self: Any, method: str, url: str, *rest: Any, **options: Any) -> None:  # noqa: ANN401 - as in http.client
        finish(self)
        self._sent_of_proof = _Sent(method, url)
        put_request(self, method, url, *rest, **options)

    def seen_put_header(self: Any, header: str | bytes, *values: Any) -> None:  # noqa: ANN401 - as in http.client
        if (sent := self.__dict__.get("_sent_of_proof")) is not None:
            sent.headers.append((_latin(header).lower(), " ".join(map(_latin, values))))
        put_header(self, header, *values)

    def seen_end_headers(self: Any, message_body: Any = None, **options: Any) -> None:  # noqa: ANN401 - as in http.client
        sent = self.__dict__.get("_sent_of_proof")
        if sent is not None:
            sent.in_headers = True
            sent.body += _bytes(message_body)
        end_headers(self, message_body, **options)
        if sent is not None:
            sent.in_headers = False

    def seen_send(self: Any, data: Any) -> None:  # noqa: ANN401 - as in http.client
        if (sent := self.__dict__.get("_sent_of_proof")) is not None and not sent.in_headers:
            sent.body += _bytes(data)
        send(self, data)

    def seen_get_response(self: Any) -> Any:  # noqa: ANN401 - as in http.client
        finish(self)
        return get_response(self)

    def seen_close(self: Any) -> None:  # noqa: ANN401 - as in http.client
        finish(self)
        close(self)

    connection.putrequest, connection.putheader, connection.endheaders = (
        seen_put_request,
        seen_put_header,
        seen_end_headers,
    )
    connection.send, connection.getresponse, connection.close = seen_send, seen_get_response, seen_close


def rows_in(target: str, body: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The rows in a request that writes to storage: which table and partition, and the text of each column."""
    table, partition = _place(target)
    for line in body.splitlines():
        if found := _STORAGE.search(line):
            table, partition = _place(line[found.start() :])
        if line.startswith("{"):
            try:
                row = json.loads(line)
            except ValueError:
                row = {"unreadable": line}
            columns = {name: _column(value) for name, value in row.items() if not name.endswith("@odata.type")}
            yield f"{table}/{_kind_of_partition(row.get('PartitionKey') or partition)}", columns


def _keep(evidence: EvidenceFile, connection: Any, sent: _Sent) -> None:  # noqa: ANN401 - an http.client connection
    names = {name for name, _ in sent.headers}
    parts = {"target": sent.target} | {f"header {name}": value for name, value in sent.headers}
    if _STORAGE.search(sent.target) or "x-ms-version" in names:
        evidence.add("storage request", sent.method, parts, port=connection.port)
        for about, columns in rows_in(sent.target, sent.body.decode("utf-8", "surrogateescape")):
            evidence.add("row", about, columns)
        return
    parts["body"] = sent.body.decode("utf-8", "surrogateescape")
    if "webhook-id" in names:
        evidence.add("webhook", sent.method, parts, port=connection.port)
    elif type(connection).__module__.startswith("shared."):
        kinds = (kind for kind, pattern in _KINDS_OF_REQUEST.items() if pattern.search(sent.target))
        evidence.add("upstream request", next(kinds, "API request"), parts, port=connection.port)


def _place(target: str) -> tuple[str, str]:
    found = _STORAGE.search(target)
    name = found[1] if found else ""
    own = next((kind for suffix, kind in _OWN_BY_SUFFIX.items() if name.endswith(suffix)), "jobs")
    partition = _PARTITION.search(unquote(target))
    return own, partition[1] if partition else ""


def _kind_of_partition(partition: object) -> str:
    """The partition without what differs between rows of one kind: ids, dates and numbers."""
    return re.split(r"[-_|:.]?(?=[0-9a-f]{8,}|\d)", str(partition))[0]


def _column(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _latin(text: Any) -> str:  # noqa: ANN401 - http.client takes texts, bytes and numbers
    return text.decode("latin-1") if isinstance(text, bytes) else str(text)


def _bytes(data: Any) -> bytes:  # noqa: ANN401 - http.client takes bytes, files and iterables
    if isinstance(data, str):
        return data.encode("latin-1", "replace")
    return bytes(data) if isinstance(data, bytes | bytearray | memoryview) else b""
