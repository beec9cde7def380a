"""What upstream answered: a successful response, read whole."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from shared.json_codec import InvalidJson, JsonObject, loads
from shared.upstream.errors import UpstreamUnreadable

# RFC 9110, 8.8.3: an entity tag, weak or strong.
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_OPAQUE_TAG = re.compile(r"[\x21\x23-\x7e]+")


@dataclass(frozen=True)
class Answer:
    """A 2xx response of `api`: `body` is what came, byte for byte (decompressed); `headers` are found in any case."""

    api: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    request_id: str | None

    @cached_property
    def json(self) -> Any:  # noqa: ANN401 - a JSON value is of any of its types until someone looks
        """The body, parsed. Raises UpstreamUnreadable (HTML, cut short, empty)."""
        try:
            return loads(self.body)
        except InvalidJson as error:
            raise self.unreadable(f"its body is {_kind_of(self.body)}, not JSON") from error

    @property
    def json_object(self) -> JsonObject:
        """The body as a JSON object. Raises UpstreamUnreadable."""
        if not isinstance(self.json, dict):
            raise self.unreadable("its body is not a JSON object")
        return self.json

    @property
    def json_array(self) -> list[Any]:
        """The body as a JSON array. Raises UpstreamUnreadable."""
        if not isinstance(self.json, list):
            raise self.unreadable("its body is not a JSON array")
        return self.json

    @property
    def etag(self) -> str | None:
        """The entity tag, ready for an `ETag` header: the body's own `eTag` (`_etag` before 2023), else the header.

        Upstream's eTag holds its quotes already ("\\"7d02...\\""); one without gets them.
        """
        tags = [self.headers.get("ETag")]
        if isinstance(self.json, dict):
            tags = [self.json.get("eTag"), self.json.get("_etag"), *tags]
        for tag in tags:
            if isinstance(tag, str) and _ENTITY_TAG.fullmatch(tag):
                return tag
            if isinstance(tag, str) and _OPAQUE_TAG.fullmatch(tag):
                return f'"{tag}"'
        return None

    def unreadable(self, reason: str) -> UpstreamUnreadable:
        """The error that says why this answer is of no use."""
        return UpstreamUnreadable(
            f"{self.api} gave an answer that cannot be used: {reason}.",
            api=self.api,
            status=self.status,
            request_id=self.request_id,
        )


def _kind_of(body: bytes) -> str:
    if not body.strip():
        return "empty"
    return "HTML" if body.lstrip()[:1] == b"<" else "text or cut short"
