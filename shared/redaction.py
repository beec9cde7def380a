"""Keeps links that carry a signature out of logs, error messages and webhooks.

A signed link is a key to what it points at: whoever reads it can fetch the document until it expires. Partner
Center hands them out as shared access signature (SAS) links of documents and logos, and as acceptance links of
private offers.
"""

import re
from typing import Any

SIGNED_LINK_REMOVED = "[signed link removed]"

# Compared without case. `acceptanceLinks` need no signature to be worth hiding: they lead to accepting the offer.
_KEYS_OF_SIGNED_LINKS = frozenset({"sasurl", "termsandconditionsdocsasurl", "acceptancelinks"})
_LINK = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
# A query parameter `sig`; percent-encoded where the link is itself a parameter of another link.
_SIGNATURE = re.compile(r"(?<![a-z0-9])sig(?:=|%3d)[^\s\"'<>&]*|(?:%3f|%26)sig%3d[^\s\"'<>&]*", re.IGNORECASE)


def redact_signed_links(text: str) -> str:
    """`text` with every URL that has `sig=` in its query taken out, and any signature left without its URL."""
    if "sig" not in text.casefold():
        return text
    without_links = _LINK.sub(lambda link: SIGNED_LINK_REMOVED if _SIGNATURE.search(link[0]) else link[0], text)
    return _SIGNATURE.sub(SIGNED_LINK_REMOVED, without_links)


def without_signed_links(value: Any) -> Any:  # noqa: ANN401 - any JSON value, and the same kind comes back
    """A copy of a JSON value without its signed links; the value given is left as it is.

    What stands under a key of signed links keeps its kind: a text becomes SIGNED_LINK_REMOVED, an array or object
    becomes empty. Iterative, since JSON may nest deeper than Python calls.
    """
    result: list[Any] = [value]
    pending: list[tuple[Any, Any]] = [(result, 0)]  # a container of the copy, and the place in it still to be copied
    while pending:
        container, place = pending.pop()
        original = container[place]
        if isinstance(original, str):
            container[place] = redact_signed_links(original)
        elif isinstance(original, list):
            container[place] = copied_list = list(original)
            pending.extend((copied_list, position) for position in range(len(copied_list)))
        elif isinstance(original, dict):
            container[place] = copied_dict = {
                key: _emptied(inner) if key.casefold() in _KEYS_OF_SIGNED_LINKS else inner
                for key, inner in original.items()
            }
            pending.extend((copied_dict, key) for key in copied_dict)
    return result[0]


def _emptied(value: Any) -> Any:  # noqa: ANN401 - see above
    if isinstance(value, str):
        return SIGNED_LINK_REMOVED
    return type(value)() if isinstance(value, list | dict) else None
