"""Keeps an endpoint's own secrets out of what is shown: parts of its URL, and the values of its own headers.

An endpoint may send them back, in an error page for example, and the start of each answer is shown.
"""

import base64
import re
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, urlsplit

from shared.egress.urls import MASK
from shared.redaction import SECRET_REMOVED, redact

type Headers = tuple[tuple[str, str], ...]

# A shorter value ("1.0") also occurs by chance: removing it everywhere would garble the text.
_SECRET_MIN_CHARACTERS = 8
# Chat services whose paths are secrets: the host, and what comes before the secret part.
_SECRET_PATHS = (
    (re.compile(r"hooks\.slack(?:-gov)?\.com"), re.compile(r"^/(?:services|workflows|triggers)/")),
    (re.compile(r".*\.webhook\.office\.com|outlook\.office(?:365)?\.com"), re.compile(r"^/webhook(?:b2)?/")),
    (
        re.compile(r".*\.logic\.azure\.(?:com|us|cn)|.*\.api\.powerplatform\.(?:com|us|cn)"),
        re.compile(r".*/workflows/"),
    ),
)
# Shorter ones are removed only where they stand alone: as a part of other words they occur by chance.
_FOUND_ANYWHERE_MIN_CHARACTERS = 4
# An escaped character can take six: \u0041, or %2541 and a little more.
_ESCAPED_CHARACTERS = 6


def shown_url(url: str) -> str:
    """The URL without its secrets: userinfo, the query, and the path of a chat service become ***."""
    parts = urlsplit(url)
    prefix, secret_path = _split_path(parts)
    path = prefix + (MASK if secret_path else "")
    userinfo, at, host = parts.netloc.rpartition("@")
    netloc = (MASK if userinfo else "") + at + host
    return parts._replace(netloc=netloc, path=path, query=MASK if parts.query else "").geturl()


def without_secrets(text: str, url: str, headers: Headers = (), *, is_cut: bool = False) -> str:
    """The text of an answer or error without signed links and without the endpoint's own secrets.

    If the text `is_cut` at its end, its last part is dropped: half a secret could not be recognised there.
    """
    secrets = _secrets_of(url, headers)
    shown = redact(text, secrets)
    for secret in secrets:
        if len(secret) < _FOUND_ANYWHERE_MIN_CHARACTERS:
            shown = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", SECRET_REMOVED, shown)
    if is_cut:
        suspect = _ESCAPED_CHARACTERS * max(map(len, secrets), default=0)
        shown = shown[: max(0, len(shown) - suspect)]
    return shown


@lru_cache(maxsize=128)
def _secrets_of(url: str, headers: Headers) -> tuple[str, ...]:
    return tuple(_secrets_of_url(url).union(*(_secrets_of_value(value) for _, value in headers)))


def _secrets_of_url(url: str) -> set[str]:
    """The secrets of the URL, both escaped as in the URL and unescaped."""
    parts = urlsplit(url)
    _, secret_path = _split_path(parts)
    texts = {part for part in (secret_path, *secret_path.split("/")) if len(part) >= _SECRET_MIN_CHARACTERS}
    in_query = [(name, value) for name, _, value in (pair.partition("=") for pair in parts.query.split("&"))]
    for name, value in (*in_query, *parse_qsl(parts.query, keep_blank_values=True)):
        # A short value is removed only together with its name. A name without a value is itself a secret.
        texts.add((value or name) if len(value or name) >= _SECRET_MIN_CHARACTERS else f"{name}={value}")
    return texts


def _secrets_of_value(value: str) -> set[str]:
    """A header's value, its longer parts, and the user name and password of basic authentication."""
    texts = {value}
    for part in re.split(r"[\s;,&]+", value):
        texts |= {text for text in (part, part.partition("=")[2]) if len(text) >= _SECRET_MIN_CHARACTERS}
    scheme, _, credentials = value.partition(" ")
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(credentials, validate=True).decode()
        except ValueError:  # binascii.Error and UnicodeError are ValueErrors
            return texts
        texts |= {text for text in (decoded, decoded.partition(":")[2]) if text}
    return texts


def _split_path(parts: SplitResult) -> tuple[str, str]:
    """The part of the path that may be shown, and the secret rest."""
    for host, secret_follows in _SECRET_PATHS:
        found = secret_follows.match(parts.path) if host.fullmatch(parts.hostname or "") else None
        if found is not None:
            return parts.path[: found.end()], parts.path[found.end() :]
    return parts.path, ""
