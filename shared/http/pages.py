"""`/openapi.json` and `/docs`: the API's description as `make openapi` wrote it, and the page that shows it."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

import shared
from shared.http.messages import JSON_TYPE, Request, Response, accepted, matches
from shared.http.operations import operation
from shared.http.problems import ProblemError
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


BUILT_PAGES = Path(shared.__path__[0]) / "pages" / "built"
# A page runs only its own scripts and styles, talks to this app only, and cannot be framed.
_CONTENT_SECURITY_POLICY = (
    *("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"),
    "img-src 'self' data:",  # the viewer's style sheet has its icons as data: URLs
    *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
)
PAGE_HEADERS = {"Content-Security-Policy": "; ".join(_CONTENT_SECURITY_POLICY), "Referrer-Policy": "no-referrer"}
# Another content has another name.
KEPT_FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}
NOT_BUILT = (
    b"<!doctype html><title>Not built</title><p>This page has not been built: run <code>make setup</code>.</p>\n"
)
# The encodings that every file is stored in, the smaller first, and the suffix of each.
STORED_ENCODINGS = {"br": ".br", "gzip": ".gz"}


class BuiltFile(TypedDict):
    """A file in the manifest: its content type, and the name it is stored under, without its encoding's suffix."""

    file: str
    type: str


@dataclass(frozen=True)
class Page:
    """A page and the files that it loads. Everyone may read them: they hold no data.

    Each request reads the manifest, which is small. Names are looked up there; no path is made of what was asked for.
    """

    name: str
    folder: Path = BUILT_PAGES

    def read(self, request: Request) -> Response:
        """GET /<page>, and the files below it."""
        below = request.route.get("path", "")
        if not below and urlsplit(request.url).path.endswith("/"):
            # From there the page's links would lead one level too deep.
            return Response(HTTPStatus.PERMANENT_REDIRECT, headers={"Location": f"../{self.name}"})
        files = self._files()
        if not below:
            return self._page(files, request.headers)
        built = files.get(f"{self.name}/{below}")
        if built is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "page-file-unknown", "No such file belongs to the page.")
        return self._answer(built, request.headers, KEPT_FOR_GOOD)

    def _page(self, files: Mapping[str, BuiltFile], headers: Mapping[str, str]) -> Response:
        built = files.get(self.name)
        if built is None:
            return Response(HTTPStatus.OK, NOT_BUILT, "text/html", PAGE_HEADERS)
        return self._answer(built, headers, PAGE_HEADERS)

    def _files(self) -> Mapping[str, BuiltFile]:
        """Every built file by its path below the API's prefix; none in a checkout that was never built."""
        try:
            manifest = json.loads((self.folder / "manifest.json").read_bytes())
        except FileNotFoundError:
            return {}
        files: dict[str, BuiltFile] = manifest["files"]
        return files

    def _answer(self, built: BuiltFile, headers: Mapping[str, str], more: Mapping[str, str]) -> Response:
        encoding = next(accepted(headers.get("accept-encoding", ""), STORED_ENCODINGS), None)
        stored = built["file"] + STORED_ENCODINGS[encoding or "gzip"]
        # Each encoding is a representation of its own. The file's name has the content's hash.
        etag = f'"{stored if encoding else built["file"]}"'
        answered = {"ETag": etag, "Vary": "Accept-Encoding", **more}
        if matches(headers.get("if-none-match"), etag):
            # A cache takes over the headers of a 304: without a type of its own it would be text/plain.
            return Response(HTTPStatus.NOT_MODIFIED, content_type=built["type"], headers=answered)
        content = (self.folder / stored).read_bytes()
        if encoding is None:
            return Response(HTTPStatus.OK, gzip.decompress(content), built["type"], answered)
        return Response(HTTPStatus.OK, content, built["type"], {**answered, "Content-Encoding": encoding})
