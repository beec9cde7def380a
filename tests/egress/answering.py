"""Servers that answer each request as a test says, and a client that asks them."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import requests
import trustme

from shared.egress.deadline import answer_within

type Answering = Callable[["Conversation"], None]


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on a free port that lets `answer` deal with each connection in a thread of its own."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def accept() -> None:
            with suppress(OSError):  # the listener is closed at the end of the test
                while True:
                    connection, _ = listener.accept()
                    stack.callback(connection.close)
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()  # so that the last connection is closed as well


def authority_context(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


class Conversation:
    """One connection as the server sees it."""

    def __init__(self, connection: socket.socket, done: threading.Semaphore) -> None:
        self._connection = connection
        self._done = done
        self._received = b""
        self._requests = 0

    def request(self) -> str:
        """Wait for the next request's headers; returns its path. Raises EOFError when the client is gone."""
        if self._requests:
            self._done.release()
        while b"\r\n\r\n" not in self._received:
            more = self._connection.recv(65536)
            if not more:
                raise EOFError
            self._received += more
        self._requests += 1
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        return head.split(b" ")[1].decode()

    def skip(self, size_bytes: int) -> None:
        size_bytes -= len(self._received)
        self._received = b""
        while size_bytes > 0:
            size_bytes -= len(self._connection.recv(min(size_bytes, 1 << 20)))

    def send(self, *pieces: bytes) -> None:
        """Send each piece in a packet of its own."""
        for piece in pieces:
            self._connection.sendall(piece)


class Connections:
    """Lets `answering` deal with each connection, over TLS where there is a context."""

    def __init__(self, answering: Answering, context: ssl.SSLContext | None = None) -> None:
        self.opened = 0
        self._done = threading.Semaphore(0)
        self._answering = answering
        self._context = context

    def __call__(self, connection: socket.socket) -> None:
        self.opened += 1
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError, EOFError), ExitStack() as stack:
            if self._context is not None:
                connection = stack.enter_context(self._context.wrap_socket(connection, server_side=True))
            self._answering(Conversation(connection, self._done))

    def wait_until_answered(self) -> None:
        """Until all that answers one more request has been sent."""
        self._done.acquire(timeout=1)


def answer(text: str, head: str = "HTTP/1.1 200 OK\r\nContent-Length: {length}") -> bytes:
    return (head.format(length=len(text)) + "\r\n\r\n" + text).encode()


def in_turn(*wrapped: Callable[[bytes], tuple[bytes, ...]]) -> Answering:
    """Answers each request with its own path: the first in the first of these ways, the last way for all others."""

    def answering(conversation: Conversation) -> None:
        for wrap in wrapped:
            conversation.send(*wrap(answer(conversation.request())))
        while True:
            conversation.send(*wrapped[-1](answer(conversation.request())))

    return answering


def ways(*pieces: bytes | None) -> Answering:
    """Every answer in the midst of these pieces, of which None is the answer itself."""
    return in_turn(lambda right: tuple(right if piece is None else piece for piece in pieces))


def framed(head: str, body: str = "{text}") -> Answering:
    """Answers framed in a way of their own."""

    def answering(conversation: Conversation) -> None:
        while True:
            text = conversation.request()
            conversation.send(
                answer(body.format(text=text, length=f"{len(text):x}"), head.replace("{n}", str(len(text))))
            )

    return answering


def asked(session: requests.Session, url: str, body: bytes | None = None) -> str | None:
    """The text of the answer; None if there was no readable one."""
    with answer_within(5):
        try:
            return session.request("GET" if body is None else "POST", url, data=body, timeout=5).text
        except requests.RequestException:
            return None
