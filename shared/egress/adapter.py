"""A transport adapter for requests that keeps to the deadline of `deadline.py` and never mixes up two answers.

A connection whose answer did not end cleanly is not used again. Bytes that came before the request was sent, bytes
left over after the answer, and an answer whose length two readers could understand differently would all be taken for
the answer to the next request. An interim answer (1xx) is skipped.

Besides documented extension points (requests' HTTPAdapter, urllib3's `pool_classes_by_scheme`, `ConnectionCls` and
`is_connected`, http.client's `response_class`) this relies on `HTTPConnection._new_conn` and `_dns_host` of urllib3,
where a connection is made, and on `HTTPResponse._read_status` of http.client. `tests/egress/test_adapter_*.py` fail
if a new version of either no longer calls them.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Buffer, Iterator
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import certifi
from requests import PreparedRequest, Response, Session
from requests.adapters import DEFAULT_POOLSIZE, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from shared.egress.deadline import AnswerSocket, DeadlineTLSSocket, Dial, dial_by_name

# A body is sent in pieces of this size; before each it is checked whether the answer is there already.
_PIECE_BYTES = 64 * 1024


class DeadlineAdapter(HTTPAdapter):
    """A transport adapter for requests that keeps to the deadline and pools connections. Thread-safe.

    `dial` connects; `ca_bundle` is a file or folder of certificate authorities (default: the usual trust store).
    Certificates are always checked, whatever a request says, against one context that is loaded once. A connection
    that has been idle for `idle_seconds` is not used again: Azure's load balancers silently drop idle connections
    after four minutes, and the next request on one would hang.
    """

    def __init__(
        self,
        *,
        dial: Dial = dial_by_name,
        ca_bundle: str | None = None,
        pools: int = DEFAULT_POOLSIZE,
        connections_per_pool: int = DEFAULT_POOLSIZE,
        idle_seconds: float = 100.0,
    ) -> None:
        self._dial = dial
        self._idle_seconds = idle_seconds
        self._tls_context = _tls_context(ca_bundle)
        super().__init__(pool_connections=pools, pool_maxsize=connections_per_pool, max_retries=0)
        self.poolmanager.pool_classes_by_scheme = {"http": self._plain_pool, "https": self._tls_pool}

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:  # noqa: ANN401 - as in requests
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        manager.pool_classes_by_scheme = {"http": self._plain_pool, "https": self._tls_pool}
        return manager

    def build_connection_pool_key_attributes(
        self,
        request: PreparedRequest,
        verify: Any,  # noqa: ANN401 - as in requests
        cert: Any = None,  # noqa: ANN401 - as in requests
    ) -> Any:  # noqa: ANN401 - requests does not publish the types of the two dictionaries
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._tls_context}  # certificates are always checked; urllib3 drops it for http

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ANN401 - as in requests
        """Does nothing: the pool's context already demands certificates and knows the authorities."""

    def _plain_pool(self, host: str, port: int, **options: Any) -> HTTPConnectionPool:  # noqa: ANN401 - as in urllib3
        pool = HTTPConnectionPool(host, port, **options)
        pool.ConnectionCls = self._maker(_DialedConnection)
        return pool

    def _tls_pool(self, host: str, port: int, **options: Any) -> HTTPSConnectionPool:  # noqa: ANN401 - as in urllib3
        pool = HTTPSConnectionPool(host, port, **options)
        pool.ConnectionCls = self._maker(_DialedTLSConnection)
        return pool

    def _maker(self, connection: type["_DialedConnection"]) -> Any:  # noqa: ANN401 - urllib3 asks for a class, only calls it
        return partial(connection, dial=self._dial, idle_seconds=self._idle_seconds)


class _FinalResponse(http.client.HTTPResponse):
    """Skips every kind of interim answer (RFC 9110, 15.2); http.client itself skips only 100."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc] # private
        if status == http.HTTPStatus.SWITCHING_PROTOCOLS:
            raise http.client.BadStatusLine("101, although no upgrade was requested")
        return version, http.HTTPStatus.CONTINUE if status < 200 else status, reason


class _DialedConnection(HTTPConnection):
    """A connection that `dial` makes. It counts as lost once it was idle for too long or is no longer clean."""

    response_class = _FinalResponse
    _last_used: float = 0
    _is_clean: bool = True
    _has_answered: bool = False
    _is_sending: bool = False

    def __init__(self, *args: Any, dial: Dial, idle_seconds: float, **options: Any) -> None:  # noqa: ANN401 - as in urllib3
        super().__init__(*args, **options)
        self._dial = dial
        self._idle_seconds = idle_seconds

    @property
    def is_connected(self) -> bool:
        return (
            self._is_clean
            and isinstance(self.sock, AnswerSocket)
            and not self.sock.has_surplus
            and not self.sock.undelivered()
            and time.monotonic() - self._last_used < self._idle_seconds
            and super().is_connected
        )

    def send(self, data: Buffer) -> None:  # type: ignore[override] # urllib3 sends nothing else
        """Send in pieces, and watch for an answer that comes before all of them are sent."""
        try:
            for piece in _pieces(data):
                self._watch_for_early_answer()
                super().send(piece)
        except OSError:
            self._is_clean = False  # urllib3 may still read an answer
            raise

    def _watch_for_early_answer(self) -> None:
        if isinstance(self.sock, AnswerSocket) and self.sock.has_unread():
            if self._has_answered and not self._is_sending:
                raise ConnectionError("an answer came without a request")
            # It may be the answer to this request; anything after it is not an answer to the next.
            self._is_clean = False
        self._is_sending = True

    def getresponse(self) -> Any:  # noqa: ANN401 - urllib3's own type of answer, unlike http.client's
        response = super().getresponse()
        self._last_used = time.monotonic()
        self._has_answered = True
        self._is_sending = False
        self._is_clean = self._is_clean and _is_plainly_framed(response)
        return response

    def _new_conn(self) -> socket.socket:
        self._is_clean, self._has_answered = True, False
        try:
            return self._dial(self._dns_host, self.port)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "could not connect in time") from error
        except OSError as error:
            raise NewConnectionError(self, f"could not connect: {error}") from error


def _pieces(data: Buffer) -> Iterator[memoryview]:
    whole = memoryview(data)
    return (whole[start : start + _PIECE_BYTES] for start in range(0, len(whole), _PIECE_BYTES))


def _is_plainly_framed(response: Any) -> bool:  # noqa: ANN401 - urllib3's
    """Whether every reader would agree where the answer ends (RFC 9112, 6.1 and 6.3)."""
    codings = [coding.lower() for coding in response.headers.getlist("Transfer-Encoding")]
    lengths = response.headers.getlist("Content-Length")
    if codings:
        return codings == ["chunked"] and not lengths and response.version == 11
    return len(lengths) <= 1 and all(length.isascii() and length.isdigit() for length in lengths)


class _DialedTLSConnection(_DialedConnection, HTTPSConnection):
    """The same for https. TLS checks the host name, whatever address was dialed."""


def _tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    authorities = ca_bundle or certifi.where()
    if Path(authorities).is_dir():
        context = ssl.create_default_context(capath=authorities)
    else:
        context = ssl.create_default_context(cafile=authorities)
    context.sslsocket_class = DeadlineTLSSocket
    return context


def open_session(base_url: str, *, connections: int) -> Session:
    """A session that keeps to `deadline.answer_within` and keeps up to `connections` connections to `base_url` open.

    Raises OSError if the trust store that REQUESTS_CA_BUNDLE names cannot be read.
    """
    session = _UnchangingSession()
    # The environment is read once, here: requests would search it for a proxy with every request.
    environment = session.merge_environment_settings(base_url, {}, None, None, None)
    trust_store = environment["verify"]  # as REQUESTS_CA_BUNDLE names it; True means the usual one
    adapter = DeadlineAdapter(
        ca_bundle=trust_store if isinstance(trust_store, str) else None, connections_per_pool=connections
    )
    session.proxies.update(environment["proxies"])
    session.trust_env = False
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


class _UnchangingSession(Session):
    def get_redirect_target(self, resp: Response) -> None:  # noqa: ARG002 - as in requests
        """Never a redirect. (With `allow_redirects=False` requests would still read its whole body.)"""
        return
