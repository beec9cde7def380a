"""What upstream answered: a successful response, read whole."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.json_codec import InvalidJson, elements, loads, members, text_of
from shared.upstream.errors import UpstreamUnreadable

if TYPE_CHECKING:
    from msgspec import Raw


# RFC 9110, 8.8.3: an entity tag, weak or strong; of its characters only those that the Functions host lets out.
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')
_OPAQUE_TAG = re.compile(r"[\x21\x23-\x7e]+")
_ENTITY_TAG_MAX_CHARACTERS = 1000


@dataclass(frozen=True)
class Answer:
    """A 2xx response of `api`: `body` is what came, byte for byte (decompressed, without a byte order mark);
    `headers` are found in any case."""

    api: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    request_id: str | None

    def json(self) -> Any:  # noqa: ANN401 - a JSON value is of any of its types until someone looks
        """The body, parsed whole: for small answers. Raises UpstreamUnreadable (HTML, cut short, empty)."""
        return self._read(lambda: loads(self.body))

    def members(self, *names: str) -> "dict[str, Raw]":
        """The body's members of these names, unparsed; see `json_codec.members`. Raises UpstreamUnreadable unless
        the body is a JSON object."""
        return self._read(lambda: members(self.body, *names), "object")

    def elements(self) -> "list[Raw]":
        """The body's elements, unparsed. Raises UpstreamUnreadable unless the body is a JSON array."""
        return self._read(lambda: elements(self.body), "array")

    @property
    def etag(self) -> str | None:
        """The entity tag, ready for an `ETag` header: the body's own `eTag` (`_etag` before 2023), else the header.

        Upstream's eTag holds its quotes already ("\\"7d02...\\""); one without gets them.
        """
        tags = [self.headers.get("ETag")]
        if self.body.lstrip()[:1] == b"{":
            found = self.members("eTag", "_etag")
            tags = [text_of(found.get("eTag")), text_of(found.get("_etag")), *tags]
        for tag in tags:
            if tag is None or len(tag) > _ENTITY_TAG_MAX_CHARACTERS:
                continue
            if _ENTITY_TAG.fullmatch(tag):
                return tag
            if _OPAQUE_TAG.fullmatch(tag):
                return f'"{tag}"'
        return None

    def check_about(self, name: str, asked: str, prefix: str = "") -> None:
        """Make sure that the body's member `name`, if it is a text, is what was `asked` for, in any case and with or
        without `prefix`. Raises UpstreamUnreadable: it is another's answer."""
        told = text_of(self.members(name).get(name))
        if told is not None and told.strip().casefold().removeprefix(prefix) != asked.casefold().removeprefix(prefix):
            raise self.unreadable(f"its {name} is not the one that was asked for")

    def unreadable(self, reason: str) -> UpstreamUnreadable:
        """The error that says why this answer is of no use."""
        return UpstreamUnreadable(
            f"{self.api} gave an answer that cannot be used: {reason}.",
            api=self.api,
            status=self.status,
            request_id=self.request_id,
        )

    def _read[T](self, read: Callable[[], T], shape: str | None = None) -> T:
        try:
            return read()
        except InvalidJson as error:
            what = _kind_of(self.body, shape)
            raise self.unreadable(f"its body is {what}") from error


def _kind_of(body: bytes, shape: str | None) -> str:
    start = body.lstrip()[:1]
    if not start:
        return "empty, not JSON"
    if start == b"<":
        return "HTML, not JSON"
    if shape is not None and start != {"object": b"{", "array": b"["}[shape]:
        return f"not a JSON {shape}"
    return "text or cut short, not JSON"
