"""A webhook receiver that sometimes fails, and notes whether the sender of a request was still there at its end."""

import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from standardwebhooks import WebhookVerificationError

from tests.webhooks.receiver import Received

type Answer = Literal["pending", "delivered", "refused", "reset", "sender gone"]
# Closing a socket with this option sends a reset.
_RESET = struct.pack("ii", 1, 0)


@dataclass
class Delivery:
    """One request. `at` is of `time.monotonic`. `signed`: the Standard Webhooks library accepted it when it came."""

    request: Received
    at: float
    answer: Answer = "pending"
    signed: bool = True


@dataclass
class FailingReceiver:
    """`failures_of` says how often an event's deliveries to a path fail, `latency` how many seconds one takes."""

    failures_of: Callable[[str], int]
    latency: Callable[[], float]
    port: int = 0
    #: The secret of each path.
    secrets: dict[str, str] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    #: How many requests ended before their body was whole. No receiver can do anything with those.
    broken_off: int = 0
    _failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def take(self, request: Received) -> tuple[Delivery, Answer]:
        """Note a request; also how it is to be answered."""
        delivery = Delivery(request, time.monotonic(), signed=self._is_signed(request))
        failing = (request.path, request.webhook_id)
        with self._lock:
            self.deliveries.append(delivery)
            if self._failed[failing] >= self.failures_of(request.webhook_id):
                return delivery, "delivered"
            self._failed[failing] += 1
            return delivery, "reset" if sum(self._failed.values()) % 2 else "refused"

    def note_broken_off(self) -> None:
        with self._lock:
            self.broken_off += 1

    def _is_signed(self, request: Received) -> bool:
        try:
            request.verify(self.secrets[request.path.removeprefix("/")])
        except (KeyError, WebhookVerificationError):
            return False
        return True


@contextmanager
def receiving(receiver: FailingReceiver) -> Iterator[FailingReceiver]:
    """Run the receiver on threads of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                receiver.note_broken_off()
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            delivery, answer = receiver.take(Received(self.path, headers, body))
            time.sleep(receiver.latency())
            if _is_gone(self.connection):
                delivery.answer = "sender gone"
                self.close_connection = True
                return
            delivery.answer = answer
            if answer == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self.connection.close()
                self.close_connection = True
                return
            self.send_response(200 if answer == "delivered" else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 100

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # senders that are killed are what this is about

    with Server(("127.0.0.1", receiver.port), Handler) as server:
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()


def _is_gone(connection: socket.socket) -> bool:
    """Whether the other side has closed the connection; it sends nothing while it waits for an answer."""
    readable, _, _ = select.select([connection], [], [], 0)
    if not readable:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True
