"""Page cursors: where a listing continues, as an opaque text that the caller sends back.

A cursor is a JSON array in URL-safe base64: a digest of the filters it belongs to, then the place. Anyone can forge
one, so `read_cursor` checks every value, and a listing checks what the values mean.
"""

import base64
import hashlib
from collections.abc import Sequence

from shared.json_codec import dumps, loads

# Room for a key of 512 characters that JSON escapes, or for a long link. Azure refuses much longer URLs.
LONGEST_CURSOR_CHARACTERS = 8192
# Table Storage's own limit is 1 KiB in UTF-16.
LONGEST_KEY_CHARACTERS = 512
_HIGHEST_NUMBER = 2**31 - 1
_DIGEST_CHARACTERS = 8


class InvalidCursor(ValueError):
    """The listing did not hand out this cursor. The message is a sentence about `cursor` and never repeats it."""

    def __init__(self, message: str = "cursor should be the nextCursor of an earlier answer") -> None:
        super().__init__(message)


def make_cursor(place: Sequence[str | int], *, filters: Sequence[str | None]) -> str:
    """A cursor for this place in the listing that has these filters: its name first, then their values in order."""
    content = dumps([_digest(filters), *place])
    return base64.urlsafe_b64encode(content.encode("ascii")).decode("ascii").rstrip("=")


def read_cursor(
    cursor: str, *, filters: Sequence[str | None], longest_text: int = LONGEST_KEY_CHARACTERS
) -> list[str | int]:
    """The place that `make_cursor` was given. Raises InvalidCursor.

    A text has at most `longest_text` characters, none of them a control character or a lone surrogate. A number is
    from 0 to 2**31 - 1. How many there are, and in which order, is for the caller to check.
    """
    if len(cursor) > LONGEST_CURSOR_CHARACTERS:
        raise InvalidCursor
    try:
        content = loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except ValueError as error:  # binascii.Error and InvalidJson are ValueErrors
        raise InvalidCursor from error
    if not isinstance(content, list) or not all(_is_valid(value, longest_text) for value in content):
        raise InvalidCursor
    match content:
        case [str(digest), *place] if len(digest) == _DIGEST_CHARACTERS:
            if digest != _digest(filters):
                raise InvalidCursor("cursor belongs to a listing with other filters")
            return place
        case _:
            raise InvalidCursor


def _digest(filters: Sequence[str | None]) -> str:
    return hashlib.sha256(dumps(filters).encode("ascii")).hexdigest()[:_DIGEST_CHARACTERS]


def _is_valid(value: object, longest_text: int) -> bool:
    if isinstance(value, str):
        return len(value) <= longest_text and not any(
            character < " " or "\ud800" <= character <= "\udfff" for character in value
        )
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _HIGHEST_NUMBER
