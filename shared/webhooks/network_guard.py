"""Sends to webhook endpoints, and to nowhere an endpoint must not lead.

The address is checked where it counts: the guard looks the name up itself, checks every address found, and connects
to exactly those, so a name that changes between a check and a connection (DNS rebinding) gains nothing. TLS, its
certificate and the Host header are still for the name. A redirect is an answer like any other; and since the adapter
is used bare, without a session, no proxy, netrc entry or cookie can come into it.
"""

import ipaddress
import re
import socket
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import requests
import urllib3

from shared.http_adapter import DeadlineAdapter
from shared.http_deadline import (
    Resolver,
    answer_within,
    connect_to_first,
    resolve_in_time,
    system_resolver,
)
from shared.webhooks.addresses import why_refused

ATTEMPT_TIMEOUT_SECONDS = 15.0
REGISTRATION_LOOK_UP_SECONDS = 3.0
ANSWER_EXCERPT_CHARACTERS = 1000
_ANSWER_BYTES = 4 * ANSWER_EXCERPT_CHARACTERS  # UTF-8 needs at most four bytes for a character
_URL_CHARACTERS = 2048
# Connections kept open: to so many endpoints, and so many to each (as many as a lane has attempts at once).
_POOLED_ENDPOINTS = 64
_POOLED_CONNECTIONS = 16
# Node's server, and others, close a connection after 5 idle seconds; a request that crosses with the closing is lost.
_POOLED_SECONDS = 4.0


class AttemptFailed(Exception):
    """No answer came; the message says why and may be shown to whoever owns the endpoint. Worth a retry."""

    latency_ms = 0


class AddressRefused(AttemptFailed):
    """The endpoint's name leads where nothing may be sent. Worth a retry only because names can change."""


@dataclass(frozen=True)
class Answer:
    """What an endpoint answered: `excerpt` is the body's first 1,000 characters."""

    status: int
    retry_after: str | None
    excerpt: str
    latency_ms: int


class NetworkGuard:
    """Posts to endpoints through pooled connections; one instance serves all threads."""

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
            pools=_POOLED_ENDPOINTS,
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
            response, excerpt = self._post(url, body, headers)
        except AttemptFailed as failure:
            failure.latency_ms = _ms_since(started)
            raise
        return Answer(
            status=response.status_code,
            retry_after=response.headers.get("Retry-After"),
            excerpt=excerpt,
            latency_ms=_ms_since(started),
        )

    def close(self) -> None:
        """Close the pooled connections."""
        self._adapter.close()

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[requests.Response, str]:
        try:
            request = requests.Request("POST", url, data=body, headers=headers).prepare()
            with answer_within(self._timeout_seconds):
                response = self._send(request)
                try:
                    return response, _excerpt(response)
                finally:
                    response.close()
        except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError) as error:
            raise AttemptFailed(f"no whole answer within {self._timeout_seconds:g} s") from error
        except requests.exceptions.SSLError as error:
            raise AttemptFailed(f"TLS failed: {_innermost(error)}") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise AttemptFailed(f"no connection or no readable answer: {_innermost(error)}") from error

    def _send(self, request: requests.PreparedRequest) -> requests.Response:
        """Send on a kept connection or a new one.

        A kept one may have been closed by the endpoint a moment ago: then the request goes out again. Each that fails
        is dropped, so that at last a new one is made, and its failure is the endpoint's.
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
            self._refuse(address)
        connection = connect_to_first(addresses, port)
        try:
            # Nothing between here and there should change the address; if something did, nothing is sent.
            self._refuse(connection.getpeername()[0])
        except BaseException:
            connection.close()
            raise
        return connection

    def _refuse(self, address: str) -> None:
        reason = why_refused(address, allow_private=self._allow_private)
        if reason is not None:
            raise AddressRefused(reason)


def check_endpoint_url(url: str, *, allow_private: bool, resolver: Resolver = system_resolver) -> list[str]:
    """Every reason why `url` cannot be an endpoint; empty if it can.

    A name that cannot be looked up now is no fault: it may be about to exist, and each connection checks it anyway.
    """
    faults = url_faults(url, allow_private=allow_private)
    if faults:
        return list(faults)
    host = urlsplit(_prepared(url)).hostname or ""
    try:
        with answer_within(REGISTRATION_LOOK_UP_SECONDS):
            addresses = resolve_in_time(resolver, host)
    except OSError:
        return []
    refused = (why_refused(address, allow_private=allow_private) for address in addresses)
    return [f"the host leads to where no webhook may go: {reason}" for reason in refused if reason is not None]


@lru_cache(maxsize=256)
def url_faults(url: str, *, allow_private: bool) -> tuple[str, ...]:
    """What the URL's own text forbids. What is read is what would be sent to, after requests has prepared it."""
    if len(url) > _URL_CHARACTERS:
        return (f"is longer than {_URL_CHARACTERS} characters",)
    if re.search(r"[\x00-\x20\x7f\\]", url):
        return ("contains a space, a control character or a backslash",)
    try:
        given, prepared = urlsplit(url), urlsplit(_prepared(url))
        port = given.port
    except (ValueError, requests.RequestException):
        return ("is not a URL",)
    faults = []
    if prepared.scheme != "https" and not (allow_private and prepared.scheme == "http"):
        faults.append("does not begin with https://")
    if "@" in given.netloc:
        faults.append("contains userinfo (a user name or password before the host)")
    if port == 0:
        faults.append("has port 0")
    if given.fragment:
        faults.append("has a fragment (#), which is never sent")
    return (*faults, *_host_faults(prepared.hostname or "", allow_private=allow_private))


def _host_faults(host: str, *, allow_private: bool) -> list[str]:
    if "%" in host:
        return ["has a host with a zone or an escaped character"]
    name = host.rstrip(".")
    if not name:
        return ["has no host"]
    if ":" in name or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2], re.IGNORECASE):
        # An address, or what some resolvers take for one: 2130706433, 0x7f.1, 0177.0.0.1 and 127.1 are all 127.0.0.1.
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return ["has an IP address in a spelling other than the usual one"]
        reason = why_refused(name, allow_private=allow_private)
        return [] if reason is None else [f"the host is where no webhook may go: {reason}"]
    if not allow_private and (name == "localhost" or name.endswith((".localhost", ".localdomain"))):
        return ["the host is this machine itself"]
    return []


def _prepared(url: str) -> str:
    """`url` as requests would send it: host in lower case and ASCII, path quoted. Raises RequestException."""
    return requests.Request("POST", url).prepare().url or ""


def _excerpt(response: requests.Response) -> str:
    """The first characters of the body. A connection whose body is longer is closed rather than read to its end."""
    start = b""
    while len(start) < _ANSWER_BYTES:
        piece = response.raw.read(_ANSWER_BYTES - len(start), decode_content=False)
        if not piece:
            break
        start += piece
    return start.decode(errors="replace")[:ANSWER_EXCERPT_CHARACTERS]


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _innermost(error: BaseException) -> str:
    """The cause at the bottom of the chain, in the words of the socket or TLS library."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__
