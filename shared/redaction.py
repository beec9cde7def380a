"""Keeps secrets out of logs, error messages and webhooks: above all signed links, but also keys and tokens.

Anyone who has a signed link can fetch its document until it expires. Partner Center issues shared access signature
(SAS) links for documents and logos, and acceptance links for private offers. They may be escaped in any way:
percent-encoded in another link, in JSON inside a text, as HTML. So a text is searched in layers: as it is, and then
with one more round of escapes undone each time. A secret that is found in a layer is cut out of the original text.
"""

import re
from array import array
from collections.abc import Collection, Iterator, Sequence
from html.entities import html5
from typing import Any
from urllib.parse import unquote

SIGNED_LINK_REMOVED = "[signed link removed]"
SECRET_REMOVED = "[secret removed]"  # noqa: S105 - the opposite

# No real text is escaped more often.
_LAYERS_MAX = 5
# A shorter value occurs by chance, and removing it everywhere would garble the text.
_SECRET_MIN_CHARACTERS = 4

_NAMES = "|".join(
    (
        "sig",
        "accountkey",
        "sharedaccesskey",
        "sharedaccesssignature",
        "client[_-]?secret",
        "(?:client[_-]?)?assertion",
        "(?:access|refresh)[_-]?token",
        "x-functions-key",
    )
)
# `name=value`, `name: value`, `"name":"value"`. A function key only in a query, since "code" is common elsewhere.
_NAMED_SECRET = re.compile(
    rf"""(?:(?<![a-z0-9])(?:{_NAMES})["']?\s{{0,3}}[=:]\s{{0,3}}|[?&]code=)"""
    r"""(?!["']?\[(?:secret|signed link) removed\])"""
    r"""(?:"(?P<double>[^"]+)|'(?P<single>[^']+)|(?P<bare>[^\s"'<>&;,]+))""",
    re.IGNORECASE,
)
# An access token, with or without the word in front (RFC 6750, RFC 7519).
_TOKEN = re.compile(
    r"(?<![a-z0-9])bearer\s{1,3}(?P<bearer>[a-z0-9._~+/=-]{12,})"
    r"|(?<![a-z0-9_.-])(?P<jwt>eyJ[a-z0-9_-]{8,}+\.[a-z0-9_.-]+)",
    re.IGNORECASE,
)
_LINK = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_ESCAPE = re.compile(
    r"(?P<percent>%[0-7][0-9a-f]|%[c-f][0-9a-f](?:%[89ab][0-9a-f]){1,3})"
    r"|(?<!\\)\\++(?:u(?P<unicode>[0-9a-f]{4})|(?P<blank>[nrt])|(?P<character>[\"'/]))"
    r"|&(?:\#x0*+(?P<hex>[0-9a-f]{1,4})|\#0*+(?P<decimal>[0-9]{1,5})|(?P<name>[a-z]{2,8}));",
    re.IGNORECASE,
)
_HTML_NAMES = {name.removesuffix(";"): text for name, text in html5.items() if len(text) == 1}
# Compared without case, hyphens and underscores. An acceptance link needs no signature to be worth hiding.
_SECRET_MEMBER = re.compile(
    r"sig|.*(?:sas(?:url|uri|token)|acceptancelinks?|accountkey|sharedaccess(?:key|signature)|clientsecret|assertion"
    r"|(?:access|refresh)token|functionskey)"
)

# A layer without any of these, in lower case, holds no secret that its form gives away.
_HINTS = ("sig", "code=", "account", "shared", "secret", "assertion", "token", "functions-key", "bearer", "eyj")

type _Span = tuple[int, int, str]


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """`text` without signed links, keys, tokens and the given `secrets`, in any escaping and case.

    A link with a signature or key is removed as a whole. Of a named secret (`sig=...`, `"client_secret": "..."`) only
    the value is removed. The time is proportional to the length of the text, whatever it holds.
    """
    plain_secrets = {_layers(secret)[-1][0] for secret in secrets} | set(secrets)
    long_enough = [secret for secret in plain_secrets if len(secret) >= _SECRET_MIN_CHARACTERS]
    spans: list[_Span] = []
    for layer, origins in _layers(text):
        spans += [(origins[start], origins[end], mark) for start, end, mark in _secrets_in(layer, long_enough)]
    return _without(text, spans)


def without_signed_links(value: Any) -> Any:  # noqa: ANN401 - any JSON value, and the same kind comes back
    """A copy of a JSON value without secrets.

    A member whose name says that it is a secret keeps its type: a text becomes SIGNED_LINK_REMOVED, an array or
    object becomes empty. Every other text is redacted. `value` nests no deeper than `json_codec.loads` allows.
    """
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [without_signed_links(element) for element in value]
    if isinstance(value, dict):
        return {
            redact(name): _emptied(member) if _is_secret_member(name) else without_signed_links(member)
            for name, member in value.items()
        }
    return value


def _secrets_in(text: str, secrets: Sequence[str]) -> Iterator[_Span]:
    """Where each secret in this layer begins and ends, and what replaces it."""
    folded = _folded(text)
    if any(hint in folded for hint in _HINTS):
        yield from _secrets_by_form(text)
    for secret in map(_folded, secrets):
        start = folded.find(secret)
        while start >= 0:
            yield start, start + len(secret), SECRET_REMOVED
            start = folded.find(secret, start + len(secret))


def _secrets_by_form(text: str) -> Iterator[_Span]:
    for link in _LINK.finditer(text):
        if _NAMED_SECRET.search(link[0]):
            yield link.start(), link.end(), SIGNED_LINK_REMOVED
    for pattern in (_NAMED_SECRET, _TOKEN):
        for found in pattern.finditer(text):
            group = found.lastgroup or 0
            yield found.start(group), found.end(group), SECRET_REMOVED


def _layers(text: str) -> list[tuple[str, Sequence[int]]]:
    """The text as it is, and with its escapes undone once, twice and so on. With each layer come the positions in the
    original text of its characters and of its end."""
    origins: Sequence[int] = range(len(text) + 1)
    layers = [(text, origins)]
    while len(layers) < _LAYERS_MAX:
        pieces: list[str] = []
        kept = array("L")
        at = 0
        for escape in _ESCAPE.finditer(text):
            character = _meaning(escape)
            if character is not None:
                pieces += (text[at : escape.start()], character)
                kept.extend(origins[at : escape.start() + 1])
                at = escape.end()
        if not pieces:
            break
        text = "".join((*pieces, text[at:]))
        kept.extend(origins[at:])
        origins = kept
        layers.append((text, origins))
    return layers


def _folded(text: str) -> str:
    """The text in lower case, with every character at the same position."""
    return text.replace("\u0130", "i").lower()  # the only character that becomes two


def _meaning(escape: re.Match[str]) -> str | None:
    """The escaped character; None if the escape is invalid."""
    match escape.lastgroup, escape[escape.lastgroup or 0]:
        case "percent", encoded:
            decoded = unquote(encoded)
            return decoded if len(decoded) == 1 else None
        case (("unicode" | "hex"), digits):
            return chr(int(digits, 16))
        case "decimal", digits:
            return chr(int(digits))
        case "name", name:
            return _HTML_NAMES.get(name)
        case "blank", _:
            return " "
        case _, character:
            return character


def _without(text: str, spans: list[_Span]) -> str:
    """The text without the spans. Overlapping ones are cut out together, with the mark of the first and longest."""
    kept: list[str] = []
    at = 0
    for start, end, mark in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= at:
            kept += (text[at:start], mark)
        at = max(at, end)
    return "".join((*kept, text[at:]))


def _is_secret_member(name: str) -> bool:
    return bool(_SECRET_MEMBER.fullmatch(name.casefold().replace("_", "").replace("-", "")))


def _emptied(value: Any) -> Any:  # noqa: ANN401 - see without_signed_links
    if isinstance(value, str):
        return SIGNED_LINK_REMOVED
    return type(value)() if isinstance(value, list | dict) else None
