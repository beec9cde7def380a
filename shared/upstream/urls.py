"""URLs below an API's base: ids quoted into paths, and upstream's own links checked before a token follows them."""

from collections.abc import Mapping
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit

_PORTS = {"https": 443, "http": 80}


class ForeignLink(ValueError):
    """A link leads elsewhere than below the base URL. The message does not repeat it."""


def relative_url(*segments: str, query: Mapping[str, str]) -> str:
    """Path and query below a base URL, every segment quoted. Raises ValueError for one that cannot be a segment.

    `$` stays as it is in names such as `$version`, which is how Microsoft documents them.
    """
    if any(not segment.strip(".") for segment in segments):
        raise ValueError("a path segment is empty or only dots, which would change the path")
    return "/".join(quote(segment, safe="") for segment in segments) + "?" + urlencode(query, safe="$")


def relative_to(base_url: str, link: str) -> str:
    """Path and query of the absolute `link` below `base_url`, otherwise verbatim. Raises ForeignLink."""
    base = urlsplit(base_url)
    try:
        target = urlsplit(link.strip())
        same_origin = _origin(target) == _origin(base)
    except ValueError as error:
        raise ForeignLink("the link is not a URL") from error
    base_path = base.path.rstrip("/") + "/"
    if not same_origin or target.username is not None or not target.path.startswith(base_path):
        raise ForeignLink("the link leads to another host or path than the API's own")
    return checked_relative(target.path.removeprefix(base_path) + (f"?{target.query}" if target.query else ""))


def checked_relative(relative: str) -> str:
    """`relative` itself, if it stays below the base URL that it is put behind. Raises ForeignLink."""
    path = unquote(relative.partition("?")[0])
    segments = path.split("/")
    plain = relative.isascii() and relative.isprintable() and not set(relative) & set(" \\#")
    if not plain or any(not segment.strip(".") for segment in segments) or "\\" in path:
        raise ForeignLink("the link's path is not plain")
    return relative


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    """Raises ValueError for a port that is not one."""
    return url.scheme, url.hostname, url.port or _PORTS.get(url.scheme)
