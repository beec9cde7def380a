"""`/openapi.json`: the API's description, as `make openapi` wrote it (folder openapi/)."""

import gzip
import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path

from shared.http.messages import JSON_TYPE, Request, Response
from shared.http.negotiation import accepted, matches
from shared.http.operations import operation
from shared.json_codec import JsonObject

DOCUMENT = Path(__file__).with_name("openapi.json")


class OpenApiHandlers:
    """The handler of `/openapi.json`. It needs no settings."""

    @operation(answers={200: JsonObject, 304: None}, anonymous=True)
    def read(self, request: Request) -> Response:
        """Read this description of the API, an OpenAPI document."""
        compressed = next(accepted(request.headers.get("accept-encoding", ""), ["gzip"]), None) is not None
        content, etag = _content(compressed=compressed)
        headers = {"ETag": etag, "Vary": "Accept-Encoding"}
        if matches(request.headers.get("if-none-match"), etag):
            return Response(HTTPStatus.NOT_MODIFIED, content_type=JSON_TYPE, headers=headers)
        if compressed:
            headers["Content-Encoding"] = "gzip"
        return Response(HTTPStatus.OK, content, JSON_TYPE, headers)


@cache
def _content(*, compressed: bool) -> tuple[bytes, str]:
    """The document and its ETag. Each encoding has an ETag of its own."""
    content = DOCUMENT.read_bytes()
    if compressed:
        content = gzip.compress(content, mtime=0)
    return content, f'"{hashlib.sha256(content).hexdigest()[:20]}"'
