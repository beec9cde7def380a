"""Pages, served as `pages/build.mjs` has built them: compressed, and with every file but the page itself named by the
hash of its content."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

import shared
from shared.http.messages import Request, Response
from shared.http.negotiation import accepted, matches
from shared.http.problems import ProblemError

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
