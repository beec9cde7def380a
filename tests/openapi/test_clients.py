"""Clients that are generated from the description call the running app, and understand its answers and problems."""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openapi.document import REPOSITORY
from sandbox.server import Sandbox
from shared.http.pages import DOCUMENT
from tests.app.app import App, JobsTable, environment_of
from tests.openapi.tools import tools_folder

HERE = Path(__file__).with_name("clients")
UNKNOWN = [404, "urn:problem:offer-monitor:job-unknown", "No such job is registered here."]


@pytest.fixture
def app(azurite: str, fresh_sandbox: Sandbox) -> Iterator[App]:
    """The app in Microsoft's runtime."""
    table = JobsTable(azurite, f"app{uuid.uuid4().hex[:16]}")
    table.create()
    with App(environment_of(fresh_sandbox, azurite, table.client.table_name)) as app:
        yield app


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    """Run a command that has to succeed, and return what it prints."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "NO_PROXY": "127.0.0.1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_generated_python_client_works(app: App, fresh_sandbox: Sandbox, tmp_path: Path) -> None:
    tools = tools_folder()
    generated = run(
        *(tools / "openapi-python-client", "generate", "--meta", "none"),
        *("--path", DOCUMENT, "--output-path", tmp_path / "offer_monitor"),
        folder=tmp_path,
        PATH=f"{tools}:{os.environ['PATH']}",
    )
    assert "warning" not in generated.lower(), generated
    job_id = fresh_sandbox.state.add_job(seconds=None)
    said = run(
        *(tools / "python", HERE / "use_client.py", app.host.url, job_id), folder=tmp_path, PYTHONPATH=str(tmp_path)
    )
    assert json.loads(said) == {**expected(job_id), "zone": "UTC"}


@pytest.mark.slow
def test_a_generated_typescript_client_works(app: App, fresh_sandbox: Sandbox, tmp_path: Path) -> None:
    modules = REPOSITORY / "node_modules"
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    shutil.copy(HERE / "use_client.ts", tmp_path)
    run("node", modules / "openapi-typescript/bin/cli.js", DOCUMENT, "-o", tmp_path / "api.d.ts", folder=tmp_path)
    options = ("--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck")
    run("node", modules / "typescript/bin/tsc", *options, "use_client.ts", folder=tmp_path)
    job_id = fresh_sandbox.state.add_job(seconds=None)
    said = run("node", tmp_path / "use_client.js", app.host.url, job_id, folder=tmp_path)
    assert json.loads(said) == expected(job_id)


def expected(job_id: str) -> dict[str, Any]:
    """What a client prints that has registered this job."""
    return {
        "isPending": True,
        "offer": "The job has not ended yet.",
        "listed": [job_id],
        "unknown": UNKNOWN,
    }
