"""One deadline for a whole HTTP exchange: name look-up, connecting, TLS, sending, and every byte of the answer.

The timeout of requests counts from byte to byte, so a server that sends one byte now and then holds a caller for as
long as it likes. Here the caller says `with answer_within(15):` around the request and the reading of its answer, and
each socket operation gets only the time that is left. The deadline belongs to the calling thread's context; pooled
connections carry none of their own.
"""

import socket
import ssl
import time
from collections.abc import Buffer, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import certifi
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

# Looks up a host name: its addresses as text, the preferred first. Raises OSError if there are none.
type Resolver = Callable[[str], Sequence[str]]
# Connects to a host name and port within the deadline. Raises OSError.
type Dial = Callable[[str, int], socket.socket]

_deadline: ContextVar[float | None] = ContextVar("http_deadline", default=None)


@contextmanager
def answer_within(seconds: float) -> Iterator[None]:
    """Bound everything that adapters of this module do inside the block; past it they raise TimeoutError."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining_seconds() -> float | None:
    """The time left until the deadline, or None where none is set. Raises TimeoutError once it has passed."""
    deadline = _deadline.get()
    if deadline is None:
        return None
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("the answer did not come in time")
    return remaining


def system_resolver(host: str) -> list[str]:
    """The addresses of `host` as the system knows them. Raises OSError (socket.gaierror) if there are none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def resolve_in_time(resolver: Resolver, host: str) -> Sequence[str]:
    """Look `host` up within the deadline. A look-up cannot be interrupted: a late one ends in its own thread."""
    answer: Future[Sequence[str]] = Future()

    def look_up() -> None:
        try:
            answer.set_result(resolver(host))
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits for it
            answer.set_exception(error)

    remaining = remaining_seconds()
    Thread(target=look_up, name="resolve", daemon=True).start()
    return answer.result(timeout=remaining)


def connect_to_first(addresses: Sequence[str], port: int) -> socket.socket:
    """Connect to the first address that answers; each gets its share of the time left. Raises OSError."""
    fault = OSError("the name has no address")
    for position, address in enumerate(addresses):
        remaining = remaining_seconds()
        connection = DeadlineSocket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
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


class DeadlineSocket(socket.socket):
    """A socket whose every operation gets the time that is left."""

    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        self._rearm()
        return super().recv_into(buffer, nbytes, flags)

    def sendall(self, data: Buffer, flags: int = 0) -> None:
        self._rearm()
        super().sendall(data, flags)

    def _rearm(self) -> None:
        remaining = remaining_seconds()
        if remaining is not None:
            self.settimeout(remaining)


class DeadlineTLSSocket(ssl.SSLSocket):
    """The same for TLS. (A handshake is one operation: OpenSSL's many reads share one timeout.)"""

    def do_handshake(self, block: bool = False) -> None:
        self._rearm()
        super().do_handshake(block)

    def recv_into(self, buffer: Buffer, nbytes: int | None = None, flags: int = 0) -> int:
        self._rearm()
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: Buffer, flags: int = 0) -> int:
        self._rearm()  # sendall sends piece by piece through here
        return super().send(data, flags)

    def _rearm(self) -> None:
        remaining = remaining_seconds()
        if remaining is not None:
            self.settimeout(remaining)


class DeadlineAdapter(HTTPAdapter):
    """A transport adapter for requests that keeps to the deadline, pools connections, and may be shared by threads.

    `dial` connects; `ca_bundle` is a file or folder of certificate authorities (default: the usual trust store).
    Certificates are always checked, whatever a request says, against one context that is loaded once. A connection
    that has been idle for `idle_seconds` is not used again: Azure's load balancers forget one after four minutes
    without telling, and the next request on it would hang.
    """

    def __init__(
        self,
        *,
        dial: Dial = dial_by_name,
        ca_bundle: str | None = None,
        pools: int = 10,
        connections_per_pool: int = 10,
        idle_seconds: float = 100.0,
    ) -> None:
        self._dial = dial
        self._idle_seconds = idle_seconds
        self._tls_context = _tls_context(ca_bundle)
        super().__init__(pool_connections=pools, pool_maxsize=connections_per_pool, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:  # noqa: ANN401 - as in requests
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": self._plain_pool, "https": self._tls_pool}

    def build_connection_pool_key_attributes(
        self,
        request: PreparedRequest,
        verify: Any,  # noqa: ANN401, ARG002 - certificates are always checked
        cert: Any = None,  # noqa: ANN401 - as in requests
    ) -> Any:  # noqa: ANN401 - requests names the two dictionaries' types, and does not publish them
        host, _ = super().build_connection_pool_key_attributes(request, True, cert)
        return host, {"ssl_context": self._tls_context} if host["scheme"] == "https" else {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ANN401 - as in requests
        """Nothing to set on the pool: its context demands certificates and holds the authorities already."""

    def _plain_pool(self, host: str, port: int, **options: Any) -> HTTPConnectionPool:  # noqa: ANN401 - as in urllib3
        pool = HTTPConnectionPool(host, port, **options)
        pool.ConnectionCls = self._maker(_DialedConnection)
        return pool

    def _tls_pool(self, host: str, port: int, **options: Any) -> HTTPSConnectionPool:  # noqa: ANN401 - as in urllib3
        pool = HTTPSConnectionPool(host, port, **options)
        pool.ConnectionCls = self._maker(_DialedTLSConnection)
        return pool

    def _maker(self, connection: type["_DialedConnection"]) -> Any:  # noqa: ANN401 - urllib3 says a class, and only calls it
        return partial(connection, dial=self._dial, idle_seconds=self._idle_seconds)


class _DialedConnection(HTTPConnection):
    """A connection that `dial` makes, and that counts as lost once it has been idle for too long."""

    def __init__(self, *args: Any, dial: Dial, idle_seconds: float, **options: Any) -> None:  # noqa: ANN401 - as in urllib3
        super().__init__(*args, **options)
        self._dial = dial
        self._idle_seconds = idle_seconds
        self._last_used = 0.0

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.monotonic() - self._last_used < self._idle_seconds

    def getresponse(self) -> Any:  # noqa: ANN401 - urllib3's own kind of answer, which http.client's is not
        response = super().getresponse()
        self._last_used = time.monotonic()
        return response

    def _new_conn(self) -> socket.socket:
        try:
            return self._dial(self._dns_host, self.port)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "could not connect in time") from error
        except OSError as error:
            raise NewConnectionError(self, f"could not connect: {error}") from error


class _DialedTLSConnection(_DialedConnection, HTTPSConnection):
    """The same for https: TLS is for the host name, whatever address was dialed."""


def _tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    authorities = ca_bundle or certifi.where()
    if Path(authorities).is_dir():
        context = ssl.create_default_context(capath=authorities)
    else:
        context = ssl.create_default_context(cafile=authorities)
    context.sslsocket_class = DeadlineTLSSocket
    return context
