"""Turns a failed exchange, where no whole answer came, into the error that it stands for."""

import http.client
import socket
import ssl

import requests
import urllib3.exceptions

from shared.upstream.causes import causes_of
from shared.upstream.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable, UpstreamUnreadable

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
