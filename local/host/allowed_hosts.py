"""Which host names and web pages may call this host.

Any page in a browser on the developer's machine can send requests, and a page can point its own name at 127.0.0.1
(DNS rebinding). Everyone knows the function key, so the `Host` and `Origin` headers decide.
"""

import re
from collections.abc import Iterable

from aiohttp import web

from local.host.errors import HostError

_ALWAYS_ALLOWED = ("localhost", "127.0.0.1", "[::1]")
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]", re.IGNORECASE)


class AllowedHosts:
    """The names under which this host may be called, on any port."""

    def __init__(self, more_names: Iterable[str] = ()) -> None:
        names = "|".join(re.escape(name) for name in (*_ALWAYS_ALLOWED, *more_names))
        self._host = re.compile(rf"(?:{names})(?::[0-9]{{1,5}})?", re.IGNORECASE)
        self._origin = re.compile(rf"https?://(?:{names})(?::[0-9]{{1,5}})?", re.IGNORECASE)

    def refusal(self, request: web.Request) -> web.Response | None:
        """The answer that refuses a request; None if the request is allowed."""
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1:
            return web.Response(status=400, text="A request must have exactly one Host header.\n")
        if not self._host.fullmatch(hosts[0]):
            return _forbidden("Host")
        if not all(self._origin.fullmatch(origin) for origin in request.headers.getall("Origin", [])):
            return _forbidden("Origin")
        return None


def parse_names(text: str) -> list[str]:
    """The host names in `FUNCTIONS_ALLOWED_HOSTS`, separated by commas. Raises HostError if one is invalid."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if not _NAME.fullmatch(name):
            raise HostError(
                f"FUNCTIONS_ALLOWED_HOSTS should be host names without scheme and port, separated by commas;"
                f" {name!r} is not one."
            )
    return names


def _forbidden(header: str) -> web.Response:
    return web.Response(
        status=403,
        text=f"This development host only answers requests for this machine, and the {header} header names another."
        " To allow it, add its name to FUNCTIONS_ALLOWED_HOSTS.\n",
    )
