"""Turns a failed exchange, where no whole answer came, into the error that it stands for."""

import http.client
import socket
import ssl

import requests
import urllib3.exceptions

from shared.upstream.causes import causes_of
from shared.upstream.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable, UpstreamUnreadable

_TIMEOUTS = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
_GARBLED = (http.client.BadStatusLine, http.client.LineTooLong, http.client.IncompleteRead)


def exchange_failure(error: Exception, *, api: str, request_id: str) -> UpstreamError:
    """The error for what requests, urllib3 or the socket below raised instead of giving an answer.

    Its message is in words of our own: theirs repeat addresses and whatever upstream sent.
    """
    causes = causes_of(error)

    def any_is(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    kind: type[UpstreamError] = UpstreamUnreachable
    reason = "could not be reached, or cut the connection"
    if any_is(*_TIMEOUTS):
        kind, reason = UpstreamTimeout, "did not answer in time"
    elif any_is(urllib3.exceptions.NameResolutionError, socket.gaierror):
        reason = "could not be reached: its host name is not known"
    elif any_is(ssl.SSLCertVerificationError):
        reason = "could not be reached: its TLS certificate is not trusted"
    elif any_is(http.client.RemoteDisconnected):
        pass  # a BadStatusLine by descent, but really a cut connection
    elif any_is(*_GARBLED, urllib3.exceptions.IncompleteRead):
        kind, reason = UpstreamUnreadable, "gave an answer that was cut short or is not HTTP"
    elif any_is(urllib3.exceptions.DecodeError):
        kind, reason = UpstreamUnreadable, "gave an answer whose compression cannot be undone"
    elif not any_is(requests.RequestException, urllib3.exceptions.HTTPError):
        reason = "was not asked: the trust store that REQUESTS_CA_BUNDLE names cannot be read"
    return kind(f"{api} {reason}.", api=api, request_id=request_id)
