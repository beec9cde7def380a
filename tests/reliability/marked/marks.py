"""Secrets with a mark in them, and every form in which a text may hold a secret.

A mark is letters and digits only, so that percent-encoding, JSON and HTML leave it as it is. It names its kind of
secret. This module needs only the standard library: every process that the tests start imports it.
"""

import base64
import html
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

CORE = "Zx7MarkQ9y"
# Two letters for each kind of secret that can carry a mark.
KINDS = {
    "client secret": "cs",
    "access token": "at",
    "federated assertion": "fa",
    "identity header": "ih",
    "storage key": "sk",
    "function key": "fk",
    "master key": "mk",
    "webhook secret": "ws",
    "own header": "oh",
    "endpoint URL": "eu",
}
# These cannot carry one: their values are noted where they are made, or are constants of the sandbox.
NOTED = ("client assertion", "certificate key", "signed link")
# What the sandbox's signed links, and those that tests invent, have in them.
CONSTANTS = {
    "c2FuZGJveC1zaWduYXR1cmU": "signed link",
    "sig=sandbox-": "signed link",
    "SECRETSIG": "signed link",
    "TOPSECRET": "signed link",
}
_SERIAL_CHARACTERS = 8
_LETTERS = {letters: kind for kind, letters in KINDS.items()}
_MARK = re.compile(rf"{CORE}([a-z]{{2}})([0-9a-f]{{{_SERIAL_CHARACTERS}}})z", re.IGNORECASE)
# What .NET escapes in JSON, and what the most careful encoders do.
_UNICODE_ESCAPES = (re.compile(r"[\"&'+<>`]"), re.compile(r"[^A-Za-z0-9 ._~-]"))
_BASE64_CHARACTERS = 40  # enough around a mark's core to hold the whole mark


@dataclass(frozen=True)
class Mark:
    """A mark as it was read. `port` is the one to which an endpoint's secret belongs."""

    kind: str
    port: int


UNREADABLE = Mark("a mark that was cut", 0)


def fixed_mark(kind: str) -> str:
    """The mark of a secret that is the same in every process, such as the client secret."""
    return f"{CORE}{KINDS[kind]}{'0' * _SERIAL_CHARACTERS}z"


def new_mark(kind: str, *, port: int = 0) -> str:
    """A mark that no other secret has."""
    return f"{CORE}{KINDS[kind]}{port:04x}{secrets.token_hex(2)}z"


def mark_in(text: str) -> Mark | None:
    """The first mark in a text."""
    found = _MARK.search(text)
    kind = _LETTERS.get(found[1].lower()) if found else None
    return Mark(kind, int(found[2][:4], 16)) if found and kind else None


def webhook_secret_bytes(size: int) -> bytes:
    """Random bytes whose base64, the text of a webhook secret, begins with a mark."""
    text = new_mark("webhook secret") + base64.b64encode(secrets.token_bytes(32)).decode().translate({43: 65, 47: 66})
    return base64.b64decode(text[: size // 3 * 4]) + secrets.token_bytes(size % 3)


def marked_token(token: str) -> str:
    """A JSON Web Token with the mark in each of its three parts, also in those that are base64."""
    header, claims, signature = token.split(".")
    mark = new_mark("access token")
    return ".".join((_with_member(header, mark), _with_member(claims, mark), mark + signature[len(mark) :]))


def account_key() -> str:
    """A storage account's key, which is base64."""
    return (fixed_mark("storage key") * 5)[:86] + "=="


def forms(value: str) -> tuple[set[bytes], set[bytes]]:
    """The bytes to look for: first in a text in lower case, then in the text as it is (base64 in any alignment)."""
    escaped = json.dumps(value)[1:-1]
    plain = {value, quote(value, safe=""), quote(value), quote_plus(value), escaped, html.escape(value)}
    plain |= {escapes.sub(lambda found: f"\\u{ord(found[0]):04x}", value) for escapes in _UNICODE_ESCAPES}
    plain |= {escaped.replace("/", "\\/"), json.dumps(escaped)[1:-1], quote(quote(value, safe=""), safe="")}
    lowered = {text.lower().encode("utf-8", "replace") for text in plain}
    lowered.add(value.encode("utf-8", "replace").hex().encode())
    return lowered, set(_base64_forms(value.encode("utf-8", "replace")))


def mark_in_base64(text: bytes, at: int) -> Mark | None:
    """The mark whose base64 begins near `at`."""
    run = text[max(0, at - _BASE64_CHARACTERS) : at + 2 * _BASE64_CHARACTERS].replace(b"-", b"+").replace(b"_", b"/")
    for piece in re.findall(rb"[A-Za-z0-9+/]+", run):
        for start in range(4):
            whole = piece[start : start + (len(piece) - start) // 4 * 4]
            if found := mark_in(base64.b64decode(whole).decode("latin-1")):
                return found
    return None


def mark_in_hex(text: bytes, at: int) -> Mark | None:
    """The mark whose hexadecimal digits begin at `at`."""
    digits = re.match(rb"(?:[0-9a-f]{2})+", text[at : at + 2 * _BASE64_CHARACTERS])
    return mark_in(bytes.fromhex(digits[0].decode()).decode("latin-1")) if digits else None


def _base64_forms(value: bytes) -> Iterator[bytes]:
    """The base64 of the value behind 0, 1 or 2 other bytes, without the characters that depend on its neighbours."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + value)
        whole = coded[-(-before * 8 // 6) : (before + len(value)) * 8 // 6]
        yield whole
        yield whole.translate(bytes.maketrans(b"+/", b"-_"))


def _with_member(part: str, mark: str) -> str:
    members = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return base64.urlsafe_b64encode(json.dumps({**members, "mark": mark}).encode()).decode().rstrip("=")
