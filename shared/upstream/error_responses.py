"""Turns an answer of upstream that is not 2xx into the error that it stands for."""

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests
import urllib3.exceptions

from shared.clock import retry_after_seconds
from shared.json_codec import InvalidJson, loads
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

MESSAGE_MAX_CHARACTERS = 300
_ERROR_OF_STATUS: dict[int, type[UpstreamError]] = {
    403: AccessDenied,
    404: UpstreamNotFound,
    408: UpstreamTimeout,
    429: UpstreamThrottled,
}


@dataclass(frozen=True)
class _Said:
    """What the body of a refusal says, as far as it can be read."""

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
    """The error for a response of `status` (not 2xx). Bodies may be of any kind, or cut, or empty.

    `request_id` is what the response headers say, `sent_id` the id that the request went out with.
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
        what = "a redirect, which is not followed" if 300 <= status < 400 else "no final status"
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
        # `{}` for no details has been seen; one object alone counts as a list of it.
        details=details if isinstance(details, list) else [details] if details else None,
        request_id=_short(inner.get("request-id"), 100) if isinstance(inner, dict) else None,
    )


def _short(value: object, characters_max: int = MESSAGE_MAX_CHARACTERS) -> str | None:
    """One line of upstream's text without signed links, cut where it gets too long for a log line."""
    if not isinstance(value, str):
        return None
    text = redact(" ".join(value.split()))
    return text if len(text) <= characters_max else text[: characters_max - 3] + "..."


def causes_of(error: BaseException) -> list[BaseException]:
    """The error and every one behind it: those it was raised from, and those it merely carries.

    requests and urllib3 carry them as arguments, azure-core as `inner_exception`.
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


type _Kinds = tuple[type[BaseException], ...]

_UNREACHABLE = "could not be reached, or cut the connection"
# What the errors behind an error mean; the first line that fits any of them says most.
_MEANINGS: tuple[tuple[_Kinds, type[UpstreamError], str], ...] = (
    (
        (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError),
        UpstreamTimeout,
        "did not answer in time",
    ),
    ((socket.gaierror,), UpstreamUnreachable, "could not be reached: its host name could not be looked up"),
    ((ssl.SSLCertVerificationError,), UpstreamUnreachable, "could not be reached: its certificate is not trusted"),
    # A BadStatusLine by descent, but really a connection that was cut before any answer.
    ((http.client.RemoteDisconnected,), UpstreamUnreachable, _UNREACHABLE),
    (
        (http.client.HTTPException, urllib3.exceptions.IncompleteRead, urllib3.exceptions.InvalidHeader),
        UpstreamUnreadable,
        "gave an answer that was cut short or is not HTTP",
    ),
    (
        (urllib3.exceptions.DecodeError,),
        UpstreamUnreadable,
        "gave an answer whose compression cannot be undone",
    ),
)


def exchange_failure(error: Exception, *, api: str, request_id: str) -> UpstreamError:
    """The error for what requests, urllib3 or the socket below raised instead of giving an answer.

    Its message is in words of our own: theirs repeat addresses and whatever upstream sent.
    """
    # A NewConnectionError is a timeout by descent alone; if a connection really took too long, that is its cause.
    causes = [cause for cause in causes_of(error) if not isinstance(cause, urllib3.exceptions.NewConnectionError)]
    for kinds, kind, reason in _MEANINGS:
        if any(isinstance(cause, kinds) for cause in causes):
            return kind(f"{api} {reason}.", api=api, request_id=request_id)
    if not any(isinstance(cause, OSError | urllib3.exceptions.HTTPError) for cause in causes):
        return UpstreamUnreadable(f"{api} gave an answer that could not be read.", api=api, request_id=request_id)
    return UpstreamUnreachable(f"{api} {_UNREACHABLE}.", api=api, request_id=request_id)
