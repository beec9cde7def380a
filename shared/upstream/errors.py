"""What can go wrong upstream: one exception tree, one class for each thing a caller may do about it.

Every message is a plain sentence that is safe to log and to show: no token, no signed link, and of upstream's body
nothing but its own short message.
"""

from typing import Any


class UpstreamError(Exception):
    """A request to upstream did not get the answer it was made for.

    `api` is "Product Ingestion" or "Cloud Partner Portal"; `status` the HTTP status, if there was one; `code` and
    `details` are upstream's own, as they came; `request_id` is what Microsoft's support finds the request by.
    """

    def __init__(
        self,
        message: str,
        *,
        api: str,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
        details: list[Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.api = api
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds
        self.details = details


class UpstreamTimeout(UpstreamError):
    """The whole answer did not come in time."""


class UpstreamUnreachable(UpstreamError):
    """No connection: refused or cut, the name unknown, the certificate not trusted."""


class UpstreamUnreadable(UpstreamError):
    """An answer came that is not what the API promises: HTML, cut, too large, of the wrong shape, a redirect, a
    next link that leads elsewhere or in a circle."""


class UpstreamServerError(UpstreamError):
    """Upstream failed (5xx)."""


class UpstreamThrottled(UpstreamError):
    """Upstream asks for fewer requests (429); `retry_after_seconds` says from when on, if upstream said so."""


class CredentialRefused(UpstreamError):
    """The app's own credential is at fault: no other request would fare better."""


class TokenUnavailable(CredentialRefused):
    """Entra gives no token, or cannot be asked."""


class TokenRejected(CredentialRefused):
    """Upstream does not accept the token (401).

    `after_renewal`: it was a renewed token that never worked, so another renewal would not help. Otherwise the next
    request goes out with a fresh one.
    """

    def __init__(self, message: str, *, after_renewal: bool, **facts: Any) -> None:  # noqa: ANN401 - UpstreamError's own
        super().__init__(message, **facts)
        self.after_renewal = after_renewal


class AccessDenied(UpstreamError):
    """The token is good, but its app has no access (403): no Partner Center role, or another publisher's offer."""


class UpstreamNotFound(UpstreamError):
    """There is no such thing upstream (404)."""


class UpstreamRejectedRequest(UpstreamError):
    """Upstream does not accept the request (400 and other 4xx)."""
