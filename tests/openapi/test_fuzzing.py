"""Thousands of requests that the API's description allows, and that it forbids: each answer is as it says.

[Schemathesis](https://schemathesis.readthedocs.io) makes up requests from `openapi.json` and sends them to the app in
Microsoft's runtime: the examples, the limits of every parameter and member, values of wrong types and shapes, random
ones, and calls in a row whose ids come from earlier answers. The app has jobs of every kind, an endpoint, and a row
that is not a job. An answer fails the proof if its status, headers or body are not described, if a forbidden request
is accepted or an allowed one refused, and with any 500.

Its limits: the requests come from the description, so what that does not mention is not tried; hand-written tests
(tests/app/test_bad_requests.py) send what no description would. Most ids that it makes up belong to nothing.
"""

import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.sample_offers import private_offer_of
from sandbox.server import Sandbox
from tests.app.app import App, JobsTable, environment_of
from tests.openapi.recording import JOB, OFFER
from tests.openapi.tools import tools_folder
from tests.reliability import report
from tests.webhooks.receiver import Receiver, receiving

CONFIGURATION = Path(__file__).with_name("fuzzing")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An endpoint."""
    with receiving() as running:
        yield running


@pytest.fixture
def app(azurite: str, fresh_sandbox: Sandbox, receiver: Receiver) -> Iterator[App]:
    """The app in Microsoft's runtime, with jobs of every kind and rows that are not jobs."""
    table = JobsTable(azurite, f"app{uuid.uuid4().hex[:16]}")
    table.create()
    own = {"WEBHOOK_ALLOW_PRIVATE_NETWORKS": "true"}
    with App(environment_of(fresh_sandbox, azurite, table.client.table_name, **own)) as app:
        assert app.post("webhooks", {"url": receiver.url}).status_code == 201
        # Schemathesis uses the ids in the examples.
        offer = private_offer_of("customerPromotion", id=f"private-offer/{OFFER}")
        app.register(fresh_sandbox.state.add_job(job_id=JOB, private_offer=offer))
        for outcome in ("failed", "cancelled"):
            app.register(fresh_sandbox.state.add_job(outcome=outcome))
        app.register(fresh_sandbox.state.add_job(seconds=None))
        table.put("not a job")
        app.tick()
        receiver.wait_for(3)
        yield app


def figures_in(output: str) -> dict[str, int]:
    """What Schemathesis says at its end."""
    wanted = {
        "operations": r"Tested: (\d+)",
        "requests made up and sent": r"(\d+) generated",
        "answers as described": r"generated, (\d+) passed",
        "scenarios of several calls": r"Scenarios: +(\d+)",
    }
    found = {name: re.search(pattern, output) for name, pattern in wanted.items()}
    return {name: int(match[1]) for name, match in found.items() if match is not None}


@pytest.fixture(autouse=True)
def _commit_at_the_start() -> None:
    report.tested_commit()


@pytest.mark.slow
def test_no_answer_differs_from_the_description(app: App, receiver: Receiver, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(
                tools_folder() / "schemathesis",
                "--config-file",
                CONFIGURATION / "schemathesis.toml",
                "--no-color",
                "run",
            ),
            *(f"{app.host.url}/api/openapi.json", "--header", "x-functions-key: local"),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": str(CONFIGURATION / "hooks.py"),
            "RECEIVER_URL": receiver.url,
            "NO_PROXY": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No tests were run" not in done.stdout
    report.record("requests", figures=figures_in(done.stdout))
