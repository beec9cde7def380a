"""Percent-decoding as in Kestrel and ASP.NET: bytes that are not valid UTF-8 stay encoded."""

import re

_ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2})+")
_ESCAPES_BUT_SLASH = re.compile("(?:%(?!2[Ff])[0-9A-Fa-f]{2})+")


def decode(text: str) -> str:
    """`text` with every valid escape decoded."""
    return _ESCAPES.sub(_decode_run, text)


def decode_but_slash(text: str) -> str:
    """Like `decode`, except that `%2F` stays encoded, so that it cannot split a path."""
    return _ESCAPES_BUT_SLASH.sub(_decode_run, text)


def _decode_run(found: re.Match[str]) -> str:
    run = found[0]
    encoded = bytes.fromhex(run.replace("%", ""))
    decoded, start = "", 0
    while start < len(encoded):
        try:
            return decoded + encoded[start:].decode()
        except UnicodeDecodeError as error:
            valid, end = start + error.start, start + error.end
            decoded += encoded[start:valid].decode() + run[3 * valid : 3 * end]
            start = end
    return decoded
