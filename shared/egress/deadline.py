"""One deadline for a whole HTTP exchange: name look-up, connecting, TLS, sending, and every byte of the answer.

The timeout of requests starts again with every byte, so a server that sends a byte now and then can hold a caller for
ever. Here the caller puts `with answer_within(15):` around the request and the reading of its answer, and each socket
operation gets only the time that is left. The deadline belongs to the calling thread's context; pooled connections
have none of their own. `adapter.py` makes requests use these sockets.
"""

import errno
import io
import socket
import ssl
import time
from collections.abc import Buffer, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Thread

from urllib3.util import wait_for_read

# Looks up a host name: its addresses as text, the preferred first. Raises OSError if there are none.
type Resolver = Callable[[str], Sequence[str]]
# Connects to a host name and port within the deadline. Raises OSError.
type Dial = Callable[[str, int], socket.socket]

_deadline: ContextVar[float | None] = ContextVar("answer_deadline", default=None)


@contextmanager
def answer_within(seconds: float) -> Iterator[None]:
    """Limit everything that this module's sockets do inside the block; after `seconds` they raise TimeoutError."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining_seconds() -> float | None:
    """The time left until the deadline, or None without a deadline. Raises TimeoutError once it has passed."""
    deadline = _deadline.get()
    if deadline is None:
        return None
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("the answer did not come in time")
    return remaining


def system_resolver(host: str) -> list[str]:
    """The addresses of `host` according to the system. Raises OSError (socket.gaierror) if it has none."""
    try:
        found = socket.getaddrinfo(host, None)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def resolve_in_time(resolver: Resolver, host: str) -> Sequence[str]:
    """Look `host` up within the deadline. A look-up cannot be interrupted, so a late one ends in its own thread.

    Raises OSError.
    """
    answer: Future[Sequence[str]] = Future()

    def look_up() -> None:
        try:
            answer.set_result(resolver(host))
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits for it
            answer.set_exception(error)

    remaining = remaining_seconds()
    Thread(target=look_up, daemon=True).start()
    return answer.result(timeout=remaining)


def connect_to_first(addresses: Sequence[str], port: int) -> socket.socket:
    """Connect to the first address that answers; each gets its share of the time left. Raises OSError."""
    fault = OSError("the name has no address")
    for position, address in enumerate(addresses):
        remaining = remaining_seconds()
        connection = DeadlineSocket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(None if remaining is None else remaining / (len(addresses) - position))
            connection.connect((address, port))
        except OSError as error:
            connection.close()
            fault = error
        else:
            return connection
    raise fault


def dial_by_name(host: str, port: int) -> socket.socket:
    """The ordinary way to connect: any address the system finds for the name."""
    return connect_to_first(resolve_in_time(system_resolver, host), port)


class AnswerSocket(socket.socket):
    """What plain and TLS sockets have in common: every operation gets the time that is left, and the socket knows
    whether bytes have come that belong to no answer."""

    #: More came than the last answer. Those bytes would be taken for another request's answer.
    has_surplus = False
    _peeked = b""
    _answer_ended = False

    def has_unread(self) -> bool:
        """Whether bytes have come that were not read yet. Does not wait, and loses none."""
        if not self._peeked and (self.undelivered() or wait_for_read(self, timeout=0)):
            before = self.gettimeout()
            self.settimeout(0)
            # Over TLS it may be a session ticket, which is not part of an answer and leaves nothing to receive.
            with suppress(OSError):
                self._peeked = self.recv(1)
            self.settimeout(before)
        return bool(self._peeked)

    def undelivered(self) -> int:
        """How many bytes have arrived and wait inside the socket."""
        return 0

    def makefile(self, *_mode: object, **_options: object) -> io.BufferedReader:  # type: ignore[override]
        """The reader that http.client reads one answer from."""
        return _AnswerReader(self, super().makefile("rb", buffering=0))

    def answer_ends(self, reader: io.BufferedReader) -> None:
        """An answer was read from `reader`: anything left in its buffer is surplus."""
        self._answer_ended = True
        try:
            self.has_surplus = self.has_surplus or bool(reader.peek())
        except OSError:
            self.has_surplus = True  # reading stopped in the middle of the answer
        finally:
            self._answer_ended = False

    def _rearm(self) -> None:
        remaining = remaining_seconds()
        if remaining is not None:
            self.settimeout(remaining)

    def _before_reading(self, buffer: Buffer) -> int:
        """Put the byte that `has_unread` took into `buffer` and return 1; 0 if the network must be read."""
        if self._answer_ended:
            raise BlockingIOError(errno.EAGAIN, "the answer has ended")
        if self._peeked:
            memoryview(buffer)[:1] = self._peeked
            self._peeked = b""
            return 1
        self._rearm()
        return 0


class DeadlineSocket(AnswerSocket):
    """A plain socket."""

    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        return self._before_reading(buffer) or super().recv_into(buffer, nbytes, flags)

    def sendall(self, data: Buffer, flags: int = 0) -> None:
        self._rearm()
        super().sendall(data, flags)


class DeadlineTLSSocket(AnswerSocket, ssl.SSLSocket):
    """A TLS socket. (A handshake is one operation: all of OpenSSL's reads in it share one timeout.)"""

    def do_handshake(self, block: bool = False) -> None:
        self._rearm()
        super().do_handshake(block)

    def recv_into(self, buffer: Buffer, nbytes: int | None = None, flags: int = 0) -> int:
        return self._before_reading(buffer) or super().recv_into(buffer, nbytes, flags)

    def send(self, data: Buffer, flags: int = 0) -> int:
        self._rearm()  # sendall calls this for each piece
        return super().send(data, flags)

    def undelivered(self) -> int:
        return self.pending()


class _AnswerReader(io.BufferedReader):
    """Reads one answer, and tells the connection when it ends."""

    def __init__(self, connection: AnswerSocket, raw: socket.SocketIO) -> None:
        super().__init__(raw)
        self._connection = connection

    def close(self) -> None:
        if not self.closed:
            self._connection.answer_ends(self)
        super().close()
