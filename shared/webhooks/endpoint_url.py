"""An endpoint's URL: which ones are accepted, how one is shown, and how its secrets are kept out of texts.

A URL is judged as requests would send it. requests strips blanks, lowers the case of the host and quotes the path, so
the text that was given says less than what becomes of it.
"""

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, urlsplit

import requests
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from shared.redaction import redact
from shared.webhooks.addresses import why_refused

URL_MAX_CHARACTERS = 2048
MASK = "***"
# A shorter value ("1.0") also occurs by chance, and hiding it everywhere would garble the text.
_SECRET_MIN_CHARACTERS = 8
# The paths of chat services that are secrets themselves: by host, what the secret part follows.
_SECRET_PATHS = (
    (re.compile(r"hooks\.slack(?:-gov)?\.com"), re.compile(r"^/(?:services|workflows|triggers)/")),
    (re.compile(r".*\.webhook\.office\.com|outlook\.office(?:365)?\.com"), re.compile(r"^/webhook(?:b2)?/")),
    (
        re.compile(r".*\.logic\.azure\.(?:com|us|cn)|.*\.api\.powerplatform\.(?:com|us|cn)"),
        re.compile(r".*/workflows/"),
    ),
)


def prepared_url(url: str) -> str:
    """`url` as requests sends it: host in lower case and ASCII, path quoted. Raises requests.RequestException."""
    return requests.Request("POST", url).prepare().url or ""


@lru_cache(maxsize=256)
def url_faults(url: str, *, allow_private: bool) -> tuple[str, ...]:
    """Every reason in the URL's own text why it cannot be an endpoint; empty if it can."""
    if len(url) > URL_MAX_CHARACTERS:
        return (f"is longer than {URL_MAX_CHARACTERS} characters",)
    # requests strips some blanks and keeps others, and not every parser agrees on which.
    if "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        return ("contains a blank, a control character or a backslash",)
    if MASK in url:
        return (f"contains {MASK}, which hides a secret where URLs are shown: give the whole URL",)
    try:
        prepared = prepared_url(url)
        parts = urlsplit(prepared)
        # Preparing drops port 0.
        port = parse_url(url).port if parts.port is None else parts.port
    except (ValueError, requests.RequestException, HTTPError):
        return ("is not a URL",)
    faults = []
    if len(prepared) > URL_MAX_CHARACTERS:
        faults.append(f"is longer than {URL_MAX_CHARACTERS} characters once it is percent-encoded")
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        faults.append("does not begin with https://")
    if "@" in parts.netloc or "@" in urlsplit(url).netloc:
        faults.append("contains userinfo (a user name or password before the host)")
    if port == 0:
        faults.append("has port 0")
    if parts.fragment:
        faults.append("has a fragment (#), which is never sent")
    return (*faults, *_host_faults(parts.hostname or "", allow_private=allow_private))


def shown_url(url: str) -> str:
    """The URL without its secrets: userinfo, the query, and the path of a chat service become ***."""
    parts = urlsplit(url)
    prefix, secret_path = _split_path(parts)
    path = prefix + (MASK if secret_path else "")
    userinfo, at, host = parts.netloc.rpartition("@")
    netloc = (MASK if userinfo else "") + at + host
    return parts._replace(netloc=netloc, path=path, query=MASK if parts.query else "").geturl()


def without_secrets(text: str, url: str) -> str:
    """`text`, which an endpoint sent back or an error holds, without signed links and the secrets of its own URL."""
    return redact(text, _secrets_of(url))


@lru_cache(maxsize=128)
def _secrets_of(url: str) -> tuple[str, ...]:
    """The secrets of the URL, escaped as they are in it and as they are meant."""
    parts = urlsplit(url)
    _, secret_path = _split_path(parts)
    texts = {part for part in (secret_path, *secret_path.split("/")) if len(part) >= _SECRET_MIN_CHARACTERS}
    in_query = [(name, value) for name, _, value in (pair.partition("=") for pair in parts.query.split("&"))]
    for name, value in (*in_query, *parse_qsl(parts.query, keep_blank_values=True)):
        # A short value is a secret only where its name is beside it; a name without a value is one itself.
        texts.add((value or name) if len(value or name) >= _SECRET_MIN_CHARACTERS else f"{name}={value}")
    return tuple(texts)


def _split_path(parts: SplitResult) -> tuple[str, str]:
    """The path that may be shown, and the secret rest of it."""
    for host, secret_follows in _SECRET_PATHS:
        found = secret_follows.match(parts.path) if host.fullmatch(parts.hostname or "") else None
        if found is not None:
            return parts.path[: found.end()], parts.path[found.end() :]
    return parts.path, ""


def _host_faults(host: str, *, allow_private: bool) -> list[str]:
    if "%" in host:
        return ["has a host with a zone or an escaped character"]
    name = host.rstrip(".")
    if not name:
        return ["has no host"]
    if ":" in name or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2], re.IGNORECASE):
        # An address, or what some resolvers take for one: 2130706433, 0x7f.1, 0177.0.0.1 and 127.1 are all 127.0.0.1.
        try:
            ip_address(name)
        except ValueError:
            return ["has an IP address in a spelling other than the usual one"]
        reason = why_refused(name, allow_private=allow_private)
        return [] if reason is None else [f"the host is where no webhook may go: {reason}"]
    if not allow_private and (name == "localhost" or name.endswith((".localhost", ".localdomain"))):
        return ["the host is this machine itself"]
    return []
