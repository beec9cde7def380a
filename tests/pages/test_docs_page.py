"""The built docs page, read by a real browser."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.server import Sandbox
from shared.events.event import EVENT_TYPES
from shared.http import operations
from shared.http.messages import Request
from shared.http.pages import Page
from tests.app.app import App, JobsTable, environment_of
from tests.pages.building import REPOSITORY
from tests.test_function_app import HTTP_FUNCTIONS

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
KEY = "sesame"


def test_the_page_names_only_files_that_are_built_and_their_names_are_their_hashes(built_pages: Path) -> None:
    page = Page("docs", built_pages)
    html = page.read(Request(url="https://monitor.example/api/docs")).body.decode()
    linked = re.findall(r'(?:src|href)="docs/([^"]+)"', html)
    assert len(linked) == 5
    for name in linked:
        answer = page.read(Request(url=f"https://monitor.example/api/docs/{name}", route={"path": name}))
        digest = re.fullmatch(r".+-([0-9a-f]{20})\.(css|js|txt)", name)
        assert digest is not None
        assert hashlib.sha256(answer.body).hexdigest().startswith(digest[1])


@dataclass
class Called:
    """A call that reached the API."""

    method: str
    path: str
    key: str | None
    body: bytes


@dataclass
class Site:
    """The page, its files and an API that answers every call with a key, on this machine."""

    pages: Path
    calls: list[Called] = field(default_factory=list)
    encodings: set[str | None] = field(default_factory=set)
    address: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        if path == "/api/openapi.json":
            self._send(
                handler, 200, {"Content-Type": "application/json"}, (HERE / "sample_openapi.json").read_bytes()
            )
        elif path == "/api/docs" or path.startswith("/api/docs/"):
            below = path.removeprefix("/api/docs").removeprefix("/")
            request = Request(
                url=f"{self.address}{handler.path}",
                route={"path": below} if below else {},
                headers={name.lower(): value for name, value in handler.headers.items()},
            )
            answer = operations.answer(lambda: Page("docs", self.pages).read, request)
            self.encodings.add(answer.headers.get("Content-Encoding"))
            headers = {"Content-Type": f"{answer.content_type}; charset=utf-8", **answer.all_headers}
            self._send(handler, answer.status, headers, answer.body)
        else:
            key = handler.headers.get("x-functions-key")
            self.calls.append(Called(handler.command, handler.path, key, body))
            status = 401 if key is None else 202 if handler.command == "POST" else 200
            self._send(handler, status, {"Content-Type": "application/json"}, b'{"jobs": []}')

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def site(built_pages: Path) -> Iterator[Site]:
    running = Site(built_pages)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            running.answer(self)

        do_POST = do_GET  # noqa: N815 - the name that the server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        running.address = f"http://127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield running
        server.shutdown()


def read_docs(address: str, key: str, *operations: str) -> dict[str, Any]:
    """What a reader sees who tries these operations.

    Needs Chromium (Debian: apt install chromium) or Chrome, and playwright-core in node_modules (make setup).
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    assert browser is not None, f"none of {', '.join(BROWSERS)} is installed"
    command = ["node", str(HERE / "read_docs.mjs"), browser, address, key, *operations]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=REPOSITORY)
    assert run.returncode == 0, run.stderr
    seen: dict[str, Any] = json.loads(run.stdout)
    return seen


@pytest.mark.slow
def test_a_reader_sees_the_operations_enters_a_key_and_tries_calls(site: Site) -> None:
    seen = read_docs(f"{site.address}/api/docs", KEY, "listJobs", "registerJob")
    # The browser reports here whatever its content security policy stops.
    assert seen["complaints"] == []
    assert [url for url in seen["requests"] if not url.startswith((site.address, "data:"))] == []
    assert seen["title"].startswith("Sample API")
    assert (seen["operations"], seen["webhooks"]) == (["List jobs", "Follow a job"], ["A job succeeded"])
    for name, status in (("listJobs", "200"), ("registerJob", "202")):
        shown_status, shown_body = seen["answers"][name]
        assert (shown_status.split()[0], json.loads(shown_body)) == (status, {"jobs": []})
    assert [(call.method, call.path, call.key) for call in site.calls] == [
        ("GET", "/api/jobs?limit=50", KEY),
        ("POST", "/api/jobs", KEY),
    ]
    assert json.loads(site.calls[1].body) == {"jobId": "a job", "label": None}
    # The key is kept nowhere.
    assert seen["kept"] == {"cookies": ""}
    assert site.encodings == {"br"}


@pytest.mark.slow
@pytest.mark.usefixtures("built_pages")
def test_the_page_of_the_running_app_shows_every_call_and_calls_it(
    azurite: str, fresh_sandbox: Sandbox, jobs_table: str
) -> None:
    JobsTable(azurite, jobs_table).create()
    with App(environment_of(fresh_sandbox, azurite, jobs_table)) as app:
        seen = read_docs(f"{app.host.url}/api/docs", "local", "list_jobs", "get_health_details")
    assert seen["complaints"] == []
    calls = [trigger for trigger in HTTP_FUNCTIONS.values() if "{*" not in trigger[1]]
    assert len(seen["operations"]) == len(calls)
    assert len(seen["webhooks"]) == len(EVENT_TYPES)
    assert json.loads(seen["answers"]["list_jobs"][1]) == {"jobs": [], "nextCursor": None}
    assert seen["answers"]["get_health_details"][0].split()[0] == "200"
