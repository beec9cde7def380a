"""Errors of upstream: one exception tree, with a class for each way a caller may react.

Every message is a plain sentence that is safe to log and to show. It holds no token and no signed link, and from
upstream's body only its own short message.
"""

from typing import Any


class UpstreamError(Exception):
    """A request to upstream failed.

    `api` is "Product Ingestion" or "Cloud Partner Portal"; `status` the HTTP status, if there was one. `code` and
    `details` are upstream's own, unchanged. Microsoft's support can find the request by `request_id`.
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
    """The whole answer did not arrive in time."""


class UpstreamUnreachable(UpstreamError):
    """The connection was refused or cut, the host name is unknown, or the certificate is not trusted."""


class UpstreamUnreadable(UpstreamError):
    """The answer is not what the API promises: HTML, cut, too large, of the wrong shape, a redirect, or a page whose
    next link leads elsewhere or in a circle."""


class UpstreamServerError(UpstreamError):
    """Upstream failed (5xx)."""


class UpstreamThrottled(UpstreamError):
    """Upstream asks for fewer requests (429); `retry_after_seconds` is the wait it asks for, if any."""


class CredentialRefused(UpstreamError):
    """The app's own credential is at fault, so every other request would fail too."""


class TokenUnavailable(CredentialRefused):
    """Entra issued no token, or could not be reached."""


class TokenRejected(CredentialRefused):
    """Upstream does not accept the token (401).

    `after_renewal`: the token had been renewed already, so renewing it again would not help. Otherwise the next
    request carries a new one.
    """

    def __init__(self, message: str, *, after_renewal: bool, **facts: Any) -> None:  # noqa: ANN401 - UpstreamError's own
        super().__init__(message, **facts)
        self.after_renewal = after_renewal


class AccessDenied(UpstreamError):
    """The token is valid, but the app has no access (403): no Partner Center role, or another publisher's offer."""


class UpstreamNotFound(UpstreamError):
    """Upstream does not know the resource (404)."""


class UpstreamRejectedRequest(UpstreamError):
    """Upstream rejects the request (400 and other 4xx)."""
