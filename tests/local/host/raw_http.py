"""Requests byte by byte, which a client library would correct or refuse to send."""

import socket
from dataclasses import dataclass
from http.client import HTTPResponse

from local.host.process import HostProcess


@dataclass(frozen=True)
class Answer:
    """An answer. `headers` are in order, with names in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The one value of a header; None if it is not there."""
        values = [value for known, value in self.headers if known == name.lower()]
        assert len(values) < 2, values
        return values[0] if values else None


def send(
    host: HostProcess,
    request_line: str,
    *lines: str,
    body: bytes = b"",
    host_header: str | None = "localhost",
) -> Answer:
    """Send `request_line` (method and target), the header lines and the body as they are."""
    names = [] if host_header is None else [f"Host: {host_header}"]
    head = "\r\n".join([f"{request_line} HTTP/1.1", *names, "Connection: close", *lines, "", ""])
    with socket.create_connection(("127.0.0.1", host.port), timeout=10) as connection:
        connection.sendall(head.encode("latin-1") + body)
        response = HTTPResponse(connection, method=request_line.partition(" ")[0])
        response.begin()
        headers = [(name.lower(), value) for name, value in response.getheaders()]
        return Answer(response.status, headers, response.read())
