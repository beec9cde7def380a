"""Responses of upstream: a successful one as an Answer, every other outcome as an UpstreamError."""

import http.client
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import requests
import urllib3.exceptions

from shared.clock import retry_after_seconds
from shared.json_codec import InvalidJson, elements, loads, members, text_of
from shared.redaction import redact
from shared.upstream.errors import (
    AccessDenied,
    TokenRejected,
    UpstreamError,
    UpstreamNotFound,
    UpstreamRejectedRequest,
    UpstreamServerError,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnreachable,
    UpstreamUnreadable,
)

if TYPE_CHECKING:
    from msgspec import Raw

# RFC 9110, 8.8.3: a weak or strong entity tag, limited to the characters that the Functions host can send.
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')
_OPAQUE_TAG = re.compile(r"[\x21\x23-\x7e]+")
_ENTITY_TAG_MAX_CHARACTERS = 1000
MESSAGE_MAX_CHARACTERS = 300
_ERROR_OF_STATUS: dict[int, type[UpstreamError]] = {
    403: AccessDenied,
    404: UpstreamNotFound,
    408: UpstreamTimeout,
    429: UpstreamThrottled,
}


@dataclass(frozen=True)
class Answer:
    """A 2xx response of `api`. `body` holds its bytes unchanged, except that they are decompressed and without a byte
    order mark. `headers` can be looked up in any case."""

    api: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    request_id: str | None

    def json(self) -> Any:  # noqa: ANN401 - a JSON value is of any of its types until someone looks
        """The whole body, parsed; for small answers. Raises UpstreamUnreadable (HTML, cut short, empty)."""
        return self._read(lambda: loads(self.body))

    def members(self, *names: str) -> "dict[str, Raw]":
        """The body's members with these names, unparsed; see `json_codec.members`. Raises UpstreamUnreadable unless
        the body is a JSON object."""
        return self._read(lambda: members(self.body, *names), "object")

    def elements(self) -> "list[Raw]":
        """The body's elements, unparsed. Raises UpstreamUnreadable unless the body is a JSON array."""
        return self._read(lambda: elements(self.body), "array")

    @property
    def etag(self) -> str | None:
        """The entity tag for an `ETag` header: the body's own `eTag` (`_etag` before 2023), else the `ETag` header.

        Upstream's eTag usually includes its quotes ("\\"7d02...\\""). They are added if it does not.
        """
        tags = [self.headers.get("ETag")]
        if self.body.lstrip()[:1] == b"{":
            found = self.members("eTag", "_etag")
            tags = [text_of(found.get("eTag")), text_of(found.get("_etag")), *tags]
        for tag in tags:
            if tag is None or len(tag) > _ENTITY_TAG_MAX_CHARACTERS:
                continue
            if _ENTITY_TAG.fullmatch(tag):
                return tag
            if _OPAQUE_TAG.fullmatch(tag):
                return f'"{tag}"'
        return None

    def check_about(self, name: str, asked: str, prefix: str = "") -> None:
        """Raise UpstreamUnreadable if the body's member `name` is a text other than `asked`: the answer is to another
        question. Case does not count, nor does `prefix` in front."""
        found = text_of(self.members(name).get(name))
        if found is None:
            return
        if found.strip().casefold().removeprefix(prefix) != asked.casefold().removeprefix(prefix):
            raise self.unreadable(f"its {name} is not the one that was asked for")

    def unreadable(self, reason: str) -> UpstreamUnreadable:
        """The error for this answer, if it cannot be used."""
        return UpstreamUnreadable(
            f"{self.api} sent an answer that cannot be used: {reason}.",
            api=self.api,
            status=self.status,
            request_id=self.request_id,
        )

    def _read[T](self, read: Callable[[], T], shape: str | None = None) -> T:
        try:
            return read()
        except InvalidJson as error:
            what = _kind_of(self.body, shape)
            raise self.unreadable(f"its body is {what}") from error


def _kind_of(body: bytes, shape: str | None) -> str:
    start = body.lstrip()[:1]
    if not start:
        return "empty, not JSON"
    if start == b"<":
        return "HTML, not JSON"
    if shape is not None and start != {"object": b"{", "array": b"["}[shape]:
        return f"not a JSON {shape}"
    return "text or cut short, not JSON"


@dataclass(frozen=True)
class _Said:
    """The parts of a refusal's body that can be read."""

    code: str | None = None
    message: str | None = None
    details: list[Any] | None = None
    request_id: str | None = None


def refusal(
    api: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    request_id: str | None,
    sent_id: str,
    now: datetime,
    token_was_renewed: bool,
) -> UpstreamError:
    """The error for a response with a `status` other than 2xx. The body may be of any kind, cut or empty.

    `request_id` comes from the response headers. `sent_id` is the id that was sent with the request.
    """
    said = _read(body)
    facts: dict[str, Any] = {
        "api": api,
        "status": status,
        "code": said.code,
        "details": said.details,
        "request_id": request_id or said.request_id or sent_id,
        "retry_after_seconds": retry_after_seconds(headers.get("Retry-After"), now),
    }
    if status < 400:
        what = "a redirect, which is not followed" if 300 <= status < 400 else "not a final status"
        return UpstreamUnreadable(f"{api} answered {status}: {what}.", **facts)
    sentence = f"{api} answered {status}" + (f" ({said.code})" if said.code else "")
    sentence += f": {said.message}" if said.message else "."
    if status == 401:
        return TokenRejected(sentence, after_renewal=token_was_renewed, **facts)
    if status >= 500:
        return UpstreamServerError(sentence, **facts)
    return _ERROR_OF_STATUS.get(status, UpstreamRejectedRequest)(sentence, **facts)


def _read(body: bytes) -> _Said:
    """Read the envelopes seen so far: `{"error": {...}}` of both APIs and of Graph, the throttle's
    `{"statusCode", "message"}`, and the bare JSON string of CPP's migrated backend."""
    try:
        value = loads(body)
    except InvalidJson:
        return _Said()
    if isinstance(value, str):
        return _Said(message=_short(value))
    if not isinstance(value, dict):
        return _Said()
    error = value.get("error", value)
    if not isinstance(error, dict):
        return _Said(message=_short(error))
    details, inner = error.get("details"), error.get("innerError")
    return _Said(
        code=_short(error.get("code"), 100),
        message=_short(error.get("message")),
        # `{}` for no details has been seen; a single object counts as a list of one.
        details=details if isinstance(details, list) else [details] if details else None,
        request_id=_short(inner.get("request-id"), 100) if isinstance(inner, dict) else None,
    )


def _short(value: object, characters_max: int = MESSAGE_MAX_CHARACTERS) -> str | None:
    """Upstream's text in one line, without signed links, and short enough for a log line."""
    if not isinstance(value, str):
        return None
    text = redact(" ".join(value.split()))
    return text if len(text) <= characters_max else text[: characters_max - 3] + "..."


def causes_of(error: BaseException) -> list[BaseException]:
    """The error and all errors behind it: those it was raised from, and those it carries.

    requests and urllib3 carry errors as arguments, azure-core as `inner_exception`.
    """
    found: list[BaseException] = []
    pending: list[object] = [error]
    while pending:
        cause = pending.pop()
        if isinstance(cause, BaseException) and cause not in found:
            found.append(cause)
            carried = [*cause.args, getattr(cause, "inner_exception", None)]
            pending += [*carried, cause.__cause__, cause.__context__]
    return found


def is_defect(error: BaseException) -> bool:
    """Whether a library failed by itself, and not because of the network or the other side."""
    return any(isinstance(cause, TypeError | AttributeError) for cause in causes_of(error))


type _Kinds = tuple[type[BaseException], ...]

_UNREACHABLE = "could not be reached, or cut the connection"
# What the errors behind an error mean. The first entry that matches any of them is the most specific.
_MEANINGS: tuple[tuple[_Kinds, type[UpstreamError], str], ...] = (
    (
        (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError),
        UpstreamTimeout,
        "did not answer in time",
    ),
    ((socket.gaierror,), UpstreamUnreachable, "could not be reached: its host name could not be looked up"),
    ((ssl.SSLCertVerificationError,), UpstreamUnreachable, "could not be reached: its certificate is not trusted"),
    # A subclass of BadStatusLine, but it means that the connection was cut before any answer.
    ((http.client.RemoteDisconnected,), UpstreamUnreachable, _UNREACHABLE),
    (
        (http.client.HTTPException, urllib3.exceptions.IncompleteRead, urllib3.exceptions.InvalidHeader),
        UpstreamUnreadable,
        "sent an answer that was cut short or is not HTTP",
    ),
    (
        (urllib3.exceptions.DecodeError,),
        UpstreamUnreadable,
        "sent an answer that cannot be decompressed",
    ),
)


def exchange_failure(error: Exception, *, api: str, request_id: str) -> UpstreamError:
    """The error for an exception of requests, urllib3 or the socket.

    Its message does not repeat theirs, which may hold addresses and whatever upstream sent.
    """
    # A NewConnectionError is a timeout only by inheritance. If connecting really took too long, a timeout caused it.
    causes = [cause for cause in causes_of(error) if not isinstance(cause, urllib3.exceptions.NewConnectionError)]
    for kinds, kind, reason in _MEANINGS:
        if any(isinstance(cause, kinds) for cause in causes):
            return kind(f"{api} {reason}.", api=api, request_id=request_id)
    if not any(isinstance(cause, OSError | urllib3.exceptions.HTTPError) for cause in causes):
        return UpstreamUnreadable(f"{api} sent an answer that could not be read.", api=api, request_id=request_id)
    return UpstreamUnreachable(f"{api} {_UNREACHABLE}.", api=api, request_id=request_id)
