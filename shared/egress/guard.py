"""Sends to webhook endpoints, and never to an address that is not allowed.

The guard looks the name up itself, checks every address found, and connects to exactly those, so a name that changes
between a check and a connection (DNS rebinding) gains nothing. TLS, its certificate and the Host header still use the
name. A redirect is an answer like any other. The adapter is used without a session, so no proxy, netrc entry or
cookie plays a part.
"""

import logging
import socket
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
import urllib3

from shared.egress.adapter import DeadlineAdapter
from shared.egress.deadline import (
    Resolver,
    answer_within,
    connect_to_first,
    resolve_in_time,
    system_resolver,
)
from shared.egress.urls import prepared_url, url_faults, why_refused
from shared.log import log_event

ATTEMPT_TIMEOUT_SECONDS = 15.0
REGISTRATION_LOOK_UP_SECONDS = 3.0
# More than is kept of an answer, so that secrets in it are removed whole before the text is cut.
ANSWER_READ_BYTES = 16 * 1024
ERROR_MAX_CHARACTERS = ANSWER_READ_BYTES
# How many hosts have connections kept open, and how many each.
_POOLED_HOSTS = 64
_POOLED_CONNECTIONS = 8
# Node's server, and others, close a connection after 5 idle seconds; a request sent at that moment is lost.
_POOLED_SECONDS = 4.0
_log = logging.getLogger("offer_monitor.webhooks")


class AttemptFailed(Exception):
    """No answer came; the message says why. It may repeat words of the endpoint's, secrets among them.

    Worth a retry. `is_cut` says whether the message was too long to be kept whole.
    """

    latency_ms = 0

    def __init__(self, message: str) -> None:
        super().__init__(message[:ERROR_MAX_CHARACTERS])
        self.is_cut = len(message) > ERROR_MAX_CHARACTERS


class AddressRefused(AttemptFailed):
    """The endpoint's name leads to an address that is not allowed. Worth a retry only because names can change."""


@dataclass(frozen=True)
class Answer:
    """An endpoint's answer; `beginning` is the start of the body as it came, `is_cut` if there was more of it."""

    status: int
    retry_after: str | None
    beginning: str
    is_cut: bool
    latency_ms: int


class NetworkGuard:
    """Posts to endpoints through pooled connections. Thread-safe."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        ca_bundle: str | None = None,
        resolver: Resolver = system_resolver,
        timeout_seconds: float = ATTEMPT_TIMEOUT_SECONDS,
    ) -> None:
        self._allow_private = allow_private
        self._resolver = resolver
        self._timeout_seconds = timeout_seconds
        self._this_thread = threading.local()
        self._adapter = DeadlineAdapter(
            dial=self._dial,
            ca_bundle=ca_bundle,
            pools=_POOLED_HOSTS,
            connections_per_pool=_POOLED_CONNECTIONS,
            idle_seconds=_POOLED_SECONDS,
        )

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Post once and read the answer, all within the timeout. Raises AttemptFailed."""
        faults = url_faults(url, allow_private=self._allow_private)
        if faults:
            raise AddressRefused(faults[0])
        started = time.monotonic()
        try:
            response, start = self._post(url, body, headers)
        except AttemptFailed as failure:
            failure.latency_ms = _ms_since(started)
            raise
        return Answer(
            status=response.status_code,
            retry_after=response.headers.get("Retry-After"),
            beginning=start.decode(errors="replace"),
            is_cut=len(start) >= ANSWER_READ_BYTES,
            latency_ms=_ms_since(started),
        )

    def close(self) -> None:
        """Close the pooled connections."""
        self._adapter.close()

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[requests.Response, bytes]:
        try:
            request = requests.Request("POST", url, data=body, headers=headers).prepare()
            with answer_within(self._timeout_seconds):
                response = self._send(request)
                try:
                    return response, _beginning(response)
                finally:
                    response.close()
        except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError) as error:
            raise AttemptFailed(f"no whole answer within {self._timeout_seconds:g} s") from error
        except requests.exceptions.SSLError as error:
            raise AttemptFailed(f"TLS failed: {_innermost(error)}") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise AttemptFailed(f"no connection or no readable answer: {_innermost(error)}") from error

    def _send(self, request: requests.PreparedRequest) -> requests.Response:
        """Send on an open connection or a new one.

        The endpoint may just have closed an open one; then the request is sent again. Each connection that fails is
        dropped, so in the end a new one is made, and its failure counts.
        """
        while True:
            self._this_thread.dialed = False
            try:
                return self._adapter.send(request, stream=True, timeout=self._timeout_seconds)
            except requests.ConnectionError:
                if self._this_thread.dialed:
                    raise

    def _dial(self, host: str, port: int) -> socket.socket:
        self._this_thread.dialed = True
        addresses = resolve_in_time(self._resolver, host)
        for address in addresses:
            self._refuse(host, address)
        connection = connect_to_first(addresses, port)
        try:
            # Nothing should change the address between here and there; if something did, nothing is sent.
            self._refuse(host, connection.getpeername()[0])
        except BaseException:
            connection.close()
            raise
        return connection

    def _refuse(self, host: str, address: str) -> None:
        reason = _why_refused(host, address, allow_private=self._allow_private)
        if reason is not None:
            raise AddressRefused(f"the host leads to {reason}")


def check_endpoint_url(url: str, *, allow_private: bool, resolver: Resolver = system_resolver) -> list[str]:
    """Every reason why `url` cannot be an endpoint; empty if it can.

    A name without an address is not a fault: it may soon have one, and each connection checks it.
    """
    faults = url_faults(url, allow_private=allow_private)
    if faults:
        return list(faults)
    host = urlsplit(prepared_url(url)).hostname or ""
    try:
        with answer_within(REGISTRATION_LOOK_UP_SECONDS):
            addresses = resolve_in_time(resolver, host)
    except OSError:
        return []
    refused = dict.fromkeys(_why_refused(host, address, allow_private=allow_private) for address in addresses)
    return [f"the host leads to {reason}, where webhooks may not go" for reason in refused if reason is not None]


def _why_refused(host: str, address: str, *, allow_private: bool) -> str | None:
    """See `why_refused`. Only the log says which address it was."""
    reason = why_refused(address, allow_private=allow_private)
    if reason is not None:
        log_event(_log, "webhook_address_refused", level=logging.WARNING, host=host, address=address, reason=reason)
    return reason


def _beginning(response: requests.Response) -> bytes:
    """The start of the body, not unpacked. If it is longer, the connection is closed instead of read to the end."""
    start = b""
    while len(start) < ANSWER_READ_BYTES and (
        piece := response.raw.read(ANSWER_READ_BYTES - len(start), decode_content=False)
    ):
        start += piece
    return start


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _innermost(error: BaseException) -> str:
    """The message of the error at the bottom of the chain, which comes from the socket or TLS library."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__
