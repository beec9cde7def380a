"""GET requests to one of Microsoft's APIs: authorised, bounded in time and size, each failure an UpstreamError."""

import codecs
import random
import time
import uuid
from collections.abc import Callable, Mapping
from threading import Lock
from urllib.parse import quote, urlencode

from requests import PreparedRequest, Response, Session
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from shared.clock import Clock
from shared.egress.adapter import open_session
from shared.egress.deadline import answer_within
from shared.upstream.answers import Answer, exchange_failure, refusal
from shared.upstream.errors import (
    TokenRejected,
    UpstreamError,
    UpstreamServerError,
    UpstreamTimeout,
    UpstreamUnreachable,
    UpstreamUnreadable,
)
from shared.upstream.tokens import BearerToken, TokenSource

ANSWER_MAX_BYTES = 16 * 1024 * 1024
# A longer answer counts as large. The caller may limit how many large ones are in memory at once.
LARGE_ANSWER_BYTES = 128 * 1024
CHUNK_BYTES = 64 * 1024
RETRIES_MAX = 2
FIRST_PAUSE_SECONDS = 0.5
USER_AGENT = "partner-center-offer-monitor"
# The headers in which Microsoft's services return the id of a request for their support, the most useful first.
_REQUEST_ID_HEADERS = ("request-id", "MS-RequestId", "X-Ms-Correlation-Request-Id", "x-ms-request-id")
# These show that the token was accepted. A failing or throttling front door may not have checked it.
_TOKEN_ACCEPTED = frozenset({200, 201, 202, 204, 400, 403, 404, 409, 412, 422, 423})


class Transport:
    """Sends requests to the API named `api` at `base_url`, and its token nowhere else. Thread-safe.

    `timeout_seconds` bounds one whole answer, from the name look-up to the last byte; for `get` it bounds all tries
    together. `connections` should be the number of threads that send requests at once.
    """

    def __init__(
        self,
        api: str,
        base_url: str,
        tokens: TokenSource,
        clock: Clock,
        *,
        timeout_seconds: float,
        connections: int,
        sleep: Callable[[float], None] = time.sleep,
        random_fraction: Callable[[], float] = random.random,
    ) -> None:
        self.api = api
        self.base_url = base_url.rstrip("/")
        self._tokens = tokens
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._connections = connections
        self._sleep = sleep
        self._random_fraction = random_fraction
        self._opening = Lock()
        self._session: Session | None = None

    def ensure_token(self) -> None:
        """Get a token unless there is one, so that no work is begun in vain. Raises TokenUnavailable."""
        self._tokens.token()

    def get_once(
        self,
        relative_url: str,
        *,
        timeout_seconds: float | None = None,
        before_large: Callable[[], None] | None = None,
    ) -> Answer:
        """Send exactly one request, whatever its outcome. Raises UpstreamError.

        `relative_url` is the quoted path and query below the base URL. `timeout_seconds` can only shorten the usual
        timeout. `before_large` is called before the body exceeds LARGE_ANSWER_BYTES in memory. It may wait for room,
        which counts towards the timeout, or raise to abandon the answer. Once it has returned it is not called again.
        """
        gate = _Gate(before_large)
        return self._ask(relative_url, self._seconds(timeout_seconds), gate, correlation_id=str(uuid.uuid4()))

    def get(
        self,
        relative_url: str,
        *,
        timeout_seconds: float | None = None,
        before_large: Callable[[], None] | None = None,
    ) -> Answer:
        """Send a request, and retry it: after a pause if upstream fails, with a new token if it rejects the first.

        The arguments are those of `get_once`; the timeout covers all tries. Raises the UpstreamError of the last try.
        """
        deadline = time.monotonic() + self._seconds(timeout_seconds)
        correlation_id = str(uuid.uuid4())
        gate = _Gate(before_large)
        failures, renewed = 0, False
        while True:
            try:
                return self._ask(relative_url, deadline - time.monotonic(), gate, correlation_id=correlation_id)
            except TokenRejected as error:
                if renewed or error.after_renewal:
                    raise
                renewed = True
            except (UpstreamServerError, UpstreamTimeout, UpstreamUnreachable) as error:
                failures += 1
                pause = self._pause_seconds(failures, error.retry_after_seconds)
                if failures > RETRIES_MAX or time.monotonic() + pause >= deadline:
                    raise
                self._sleep(pause)

    def close(self) -> None:
        """Close idle connections. Another request opens new ones."""
        with self._opening:
            if self._session is not None:
                self._session.close()
                self._session = None

    def _seconds(self, timeout_seconds: float | None) -> float:
        return self._timeout_seconds if timeout_seconds is None else min(timeout_seconds, self._timeout_seconds)

    def _pause_seconds(self, failures: int, retry_after_seconds: float | None) -> float:
        backoff = FIRST_PAUSE_SECONDS * (1 << (failures - 1))
        jittered = backoff * (0.5 + self._random_fraction())
        return max(jittered, retry_after_seconds or 0.0)

    def _ask(self, relative_url: str, seconds: float, gate: "_Gate", *, correlation_id: str) -> Answer:
        deadline = time.monotonic() + seconds
        token = self._tokens.token()
        # Getting a token may have taken all of the time. Then nothing is sent.
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise UpstreamTimeout(f"{self.api} was not called: getting a token took too long.", api=self.api)
        sent_id = str(uuid.uuid4())
        headers = {
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
            "client-request-id": sent_id,
            "MS-RequestId": sent_id,
            "MS-CorrelationId": correlation_id,
        }
        try:
            with (
                answer_within(seconds),
                self._opened_session().get(
                    f"{self.base_url}/{relative_url}",
                    headers=headers,
                    auth=_BearerAuth(token),
                    stream=True,
                    # `answer_within` decides; this is for connections to a proxy, which do not know of it.
                    timeout=max(seconds, 0.001),
                ) as response,
            ):
                body = self._read_body(response, gate)
        except Exception as error:
            # Parsing hostile bytes can raise anything. An error of `before_large` goes to the caller unchanged.
            if isinstance(error, UpstreamError) or error is gate.refusal:
                raise
            raise exchange_failure(error, api=self.api, request_id=sent_id) from error
        if _is_success(response):
            self._tokens.accepted(token)
            request_id = _request_id(response.headers) or sent_id
            return Answer(self.api, response.status_code, response.headers, body, request_id)
        raise self._refusal(response, body, token, sent_id)

    def _read_body(self, response: Response, gate: "_Gate") -> bytes:
        """The whole body, decompressed. The body of a refusal may be cut, since its status says enough."""
        body = bytearray()
        succeeded = _is_success(response)
        longest = ANSWER_MAX_BYTES if succeeded else LARGE_ANSWER_BYTES
        try:
            for chunk in response.raw.stream(CHUNK_BYTES, decode_content=True):
                if succeeded and len(body) + len(chunk) > LARGE_ANSWER_BYTES:
                    gate.pass_once()
                body += chunk
                if len(body) > longest:
                    break
        except (HTTPError, OSError):
            if succeeded:
                raise
        if succeeded and len(body) > longest:
            raise UpstreamUnreadable(
                f"{self.api} sent an answer of more than {ANSWER_MAX_BYTES} bytes.",
                api=self.api,
                status=response.status_code,
                request_id=_request_id(response.headers),
            )
        if body.startswith(codecs.BOM_UTF8):
            del body[: len(codecs.BOM_UTF8)]
        return bytes(body)

    def _refusal(self, response: Response, body: bytes, token: BearerToken, sent_id: str) -> UpstreamError:
        token_was_renewed = False
        if response.status_code == 401:
            token_was_renewed = self._tokens.rejected(token)
        elif response.status_code in _TOKEN_ACCEPTED:
            self._tokens.accepted(token)
        return refusal(
            self.api,
            response.status_code,
            response.headers,
            body.replace(token.value.encode("ascii"), b"[token removed]"),
            request_id=_request_id(response.headers),
            sent_id=sent_id,
            now=self._clock.now(),
            token_was_renewed=token_was_renewed,
        )

    def _opened_session(self) -> Session:
        """The session. The first request opens it, since loading a trust store takes longer than an idle tick."""
        with self._opening:
            if self._session is None:
                try:
                    self._session = open_session(self.base_url, connections=self._connections)
                except OSError as error:
                    reason = "the trust store that REQUESTS_CA_BUNDLE names cannot be read"
                    raise UpstreamUnreachable(f"{self.api} was not called: {reason}.", api=self.api) from error
            return self._session


def relative_url(*segments: str, query: Mapping[str, str]) -> str:
    """A path with every segment quoted, and a query. Raises ValueError for a text that cannot be a segment.

    `$` is not quoted in names such as `$version`, as in Microsoft's documentation.
    """
    if any(not segment.strip(".") for segment in segments):
        raise ValueError("a path segment is empty or consists of dots, which would change the path")
    return "/".join(quote(segment, safe="") for segment in segments) + "?" + urlencode(query, safe="$")


class _Gate:
    """Calls `before_large` until it has returned once, across all tries of a request."""

    def __init__(self, before_large: Callable[[], None] | None) -> None:
        self._before_large = before_large
        self.refusal: Exception | None = None

    def pass_once(self) -> None:
        if self._before_large is None:
            return
        try:
            self._before_large()
        except Exception as error:
            self.refusal = error
            raise
        self._before_large = None


class _BearerAuth(AuthBase):
    """Sets the token. An auth object, so that a netrc entry for the host does not replace it."""

    def __init__(self, token: BearerToken) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.value}"
        return request


def _request_id(headers: Mapping[str, str]) -> str | None:
    found = (headers.get(name, "").strip() for name in _REQUEST_ID_HEADERS)
    return next((text[:100] for text in found if text), None)


def _is_success(response: Response) -> bool:
    return 200 <= response.status_code < 300
