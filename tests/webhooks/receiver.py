"""A webhook receiver for tests: real HTTP on a free port, answering as the test says."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - a JSON value
        return json.loads(self.body)

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    def verify(self, secret: str) -> None:
        """Raises WebhookVerificationError unless the Standard Webhooks library accepts the request."""
        Webhook(secret).verify(self.body, dict(self.headers))


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


type Behaviour = Callable[[Received], Reply]


class Receiver:
    """The requests so far, and the behaviour that answers them, which a test may replace at any time."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.behaviour: Behaviour = lambda _: Reply()
        self.port = 0
        self._arrived = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def take(self, request: Received) -> Reply:
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
        return self.behaviour(request)

    def wait_for(self, count: int, seconds: float = 5) -> list[Received]:
        """The requests, once there are `count` of them; fails the test if they do not come."""
        with self._arrived:
            came = self._arrived.wait_for(lambda: len(self.requests) >= count, timeout=seconds)
            assert came, f"{len(self.requests)} of {count} requests came"
            return list(self.requests)


@contextmanager
def receiving(tls: SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = receiver.take(Received(self.path, headers, body))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # clients that hang up are part of the tests

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


def answer_after(signal: threading.Event, *, seconds: float = 10) -> Behaviour:
    """Holds every request until the signal is set, or for so many seconds."""

    def hold(_: Received) -> Reply:
        signal.wait(seconds)
        return Reply()

    return hold


class HeldReceiver:
    """Makes a receiver hold its first request until told to answer."""

    def __init__(self, receiver: Receiver, reply: Reply) -> None:
        self.arrived, self.answer = threading.Event(), threading.Event()
        receiver.behaviour = self._hold
        self._reply = reply

    def _hold(self, _: object) -> Reply:
        self.arrived.set()
        assert self.answer.wait(5)
        return self._reply
