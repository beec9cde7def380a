"""Azurite behind a front that fails on demand, as Table Storage does when it is throttled or moved."""

import http.client
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_NOT_FORWARDED = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Fault:
    """One refused request: of this method and with this text in its URL or body, answered with this status.

    `inside` puts it into a transaction's answer, whose own status is always 202.
    `took_effect`: storage did as it was asked, and only its answer is lost.
    """

    status: int = 503
    method: str = "POST"
    text: str = ""
    inside: bool = False
    retry_after: str | None = None
    took_effect: bool = False

    def hits(self, method: str, path: str, body: bytes) -> bool:
        return method == self.method and (self.text in path or self.text.encode() in body)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        body = b'{"odata.error":{"code":"ServerBusy","message":{"lang":"en-US","value":"0:busy"}}}'
        headers = {"Content-Type": "application/json"} | (
            {"Retry-After": self.retry_after} if self.retry_after else {}
        )
        if not self.inside:
            return self.status, headers, body
        part = f"HTTP/1.1 {self.status} Busy\r\nContent-Type: application/json\r\n\r\n".encode() + body
        framed = (
            b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: application/http\r\n\r\n"
        )
        return (
            202,
            headers | {"Content-Type": "multipart/mixed; boundary=b"},
            framed + part + b"\r\n--c--\r\n--b--\r\n",
        )


@dataclass
class FaultyStorage:
    """`connection_string` leads to the front; each of `faults` hits one request, in order."""

    connection_string: str
    faults: deque[Fault] = field(default_factory=deque)
    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self, method: str, path: str, body: bytes) -> Fault | None:
        with self.lock:
            self.requests.append(f"{method} {path}")
            if self.faults and self.faults[0].hits(method, path, body):
                return self.faults.popleft()
        return None


@contextmanager
def faulty_storage(connection_string: str) -> Iterator[FaultyStorage]:
    """A front before the storage of this connection string."""
    endpoint = re.search(r"TableEndpoint=([^;]+)", connection_string)
    assert endpoint is not None
    behind = urlsplit(endpoint[1])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = front.next_fault(self.command, self.path, body)
            if fault is not None and fault.took_effect:
                self._forwarded(body)
            status, headers, content = fault.answer() if fault is not None else self._forwarded(body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _forwarded(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection(behind.hostname or "", behind.port, timeout=30)
            try:
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                kept = {name: value for name, value in answer.getheaders() if name.lower() not in _NOT_FORWARDED}
                return answer.status, kept, answer.read()
            finally:
                connection.close()

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _handle  # noqa: N815 - as http.server names them

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in http.server
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        front_url = f"http://127.0.0.1:{server.server_port}{behind.path}"
        front = FaultyStorage(connection_string.replace(endpoint[1], front_url))
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield front
        finally:
            server.shutdown()
