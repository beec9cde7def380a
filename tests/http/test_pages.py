"""Pages: served as they were built, compressed, kept by browsers, and never by a path that a caller made up."""

import gzip
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from shared.http import operations
from shared.http.messages import Request, Response
from shared.http.pages import Page

HTML = b'<!doctype html><script src="docs/a-0123.js"></script>'
SCRIPT = b"let a = 1;" * 100
# Nothing here unpacks Brotli: what is stored is sent as it is.
SCRIPT_IN_BROTLI = b"a in brotli"


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """A built page with one script, beside another one."""
    stored = (
        *(("docs-4567.html", HTML, b"html"), ("dashboard-89.html", b"<!doctype html>", b"html")),
        *(("a-0123.js", SCRIPT, SCRIPT_IN_BROTLI), ("b.js", SCRIPT, SCRIPT_IN_BROTLI)),
    )
    for name, content, brotli in stored:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
        (tmp_path / f"{name}.br").write_bytes(brotli)
    files = {
        "docs": {"file": "docs-4567.html", "type": "text/html"},
        "docs/a-0123.js": {"file": "a-0123.js", "type": "text/javascript"},
        "dashboard": {"file": "dashboard-89.html", "type": "text/html"},
        "dashboard/b.js": {"file": "b.js", "type": "text/javascript"},
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"files": files}), encoding="utf-8")
    return Page("docs", tmp_path)


def get(page: Page, below: str | None = None, *, url: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """GET /api/docs, or what is `below` it. An empty catch-all leaves its parameter out, as on Azure."""
    request = Request(
        url=url or f"https://monitor.example/api/docs{'' if below is None else f'/{below}'}",
        route={} if below is None else {"path": below},
        headers=headers or {},
    )
    return operations.answer(lambda: page.read, request)


def test_the_page_may_run_its_own_scripts_and_styles_only_and_talk_to_this_app_only(page: Page) -> None:
    answer = get(page)
    assert (answer.status, answer.body, answer.content_type) == (200, HTML, "text/html")
    policy = dict(directive.split(" ", 1) for directive in answer.all_headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.all_headers["Referrer-Policy"] == "no-referrer"
    assert answer.all_headers["X-Content-Type-Options"] == "nosniff"


def test_both_pages_are_served_alike(page: Page) -> None:
    dashboard = Page("dashboard", page.folder)
    html = get(dashboard)
    assert (html.status, html.body, html.content_type) == (200, b"<!doctype html>", "text/html")
    names = ("Content-Security-Policy", "Referrer-Policy", "Cache-Control")
    assert {name: html.all_headers[name] for name in names} == {name: get(page).all_headers[name] for name in names}
    assert get(dashboard, "b.js").body == SCRIPT
    assert get(dashboard, "a-0123.js").status == 404


def test_the_page_is_asked_for_again_each_time_and_its_files_are_kept_for_good(page: Page) -> None:
    assert get(page).all_headers["Cache-Control"] == "private, no-cache"
    script = get(page, "a-0123.js")
    assert (script.status, script.body, script.content_type) == (200, SCRIPT, "text/javascript")
    assert script.all_headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert script.all_headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        *((None, None), ("", None), ("identity", None), ("zstd, deflate", None), ("*;q=0", None)),
        *(("gzip", "gzip"), ("GZIP;q=0.5, deflate", "gzip"), ("br;q=0, *", "gzip"), ("br;q=much, gzip", "gzip")),
        *(("gzip, deflate, br, zstd", "br"), ("br;q=0.1, gzip", "br"), ("*", "br"), ("br ; q=1.0", "br")),
    ],
)
def test_a_file_is_sent_in_the_smallest_encoding_that_the_client_takes(
    page: Page, accepted: str | None, encoding: str | None
) -> None:
    answer = get(page, "a-0123.js", headers={} if accepted is None else {"accept-encoding": accepted})
    assert answer.all_headers.get("Content-Encoding") == encoding
    assert answer.all_headers["Vary"] == "Accept-Encoding"
    if encoding == "br":
        assert answer.body == SCRIPT_IN_BROTLI
    else:
        assert (gzip.decompress(answer.body) if encoding else answer.body) == SCRIPT


@pytest.mark.parametrize("below", [None, "a-0123.js"])
def test_what_the_client_has_already_is_not_sent_again(page: Page, below: str | None) -> None:
    seen = set()
    for accepted in ("br", "gzip", "identity"):
        whole = get(page, below, headers={"accept-encoding": accepted}).all_headers
        seen.add(whole["ETag"])
        again = get(page, below, headers={"accept-encoding": accepted, "if-none-match": whole["ETag"]})
        assert (again.status, again.body) == (304, b"")
        names = ("ETag", "Vary", "Cache-Control", "Content-Security-Policy")
        assert {name: again.all_headers.get(name) for name in names} == {name: whole.get(name) for name in names}
        assert get(page, below, headers={"accept-encoding": accepted, "if-none-match": '"x"'}).status == 200
    assert len(seen) == 3


@pytest.mark.parametrize(
    "below",
    [
        *("a-0123.js/", "a-0123.js.gz", "A-0123.js", "docs-4567.html", "manifest.json", "b.js", "/"),
        *("../function_app.py", "..", "%2e%2e/secret", "..\\secret", "docs", "\x00", "x" * 5000),
    ],
)
def test_only_the_files_that_the_build_names_for_this_page_are_served(page: Page, below: str) -> None:
    answer = get(page, below, url="https://monitor.example/api/docs/x")
    assert answer.status == 404
    assert answer.content_type == "application/problem+json; charset=utf-8"


def test_with_a_slash_at_the_end_it_leads_to_where_the_links_of_the_page_work(page: Page) -> None:
    answer = get(page, url="https://monitor.example/api/docs/?code=sesame")
    assert (answer.status, answer.all_headers["Location"]) == (308, "../docs")


def test_a_checkout_that_was_never_built_says_so_in_one_line(tmp_path: Path) -> None:
    page = Page("docs", tmp_path / "nothing")
    answer = get(page)
    assert (answer.status, answer.content_type) == (200, "text/html")
    assert re.sub(rb"<title>.*</title>|<[^>]+>", b"", answer.body) == (
        b"This page has not been built: run make setup.\n"
    )
    assert get(page, "a-0123.js").status == 404
