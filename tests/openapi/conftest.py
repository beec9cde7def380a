"""The API's description, and an app whose clock the sandbox shares."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from openapi.document import build_document, read_examples
from openapi.functions import find_calls
from sandbox.server import Sandbox
from sandbox.state import SandboxSettings
from shared.settings import load_settings
from tests.clock import FakeClock
from tests.declared_functions import declared_functions
from tests.instance import Instance, TestProcess, process_with
from tests.sandbox_settings import sandbox_settings
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The description, made anew."""
    return build_document(find_calls(declared_functions()), read_examples())


@pytest.fixture
def plain_sandbox(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox of the test's own, at the test's time."""
    with Sandbox.start(port=0, settings=SandboxSettings()) as running:
        running.state.clock = clock.now
        running.state.reset()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.ca_bundle))
        yield running


@pytest.fixture
def process(
    azurite: str, jobs_table: str, plain_sandbox: Sandbox, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestProcess]:
    own = {"JOBS_TABLE": jobs_table, "WEBHOOK_ALLOW_PRIVATE_NETWORKS": "true"}
    with process_with(sandbox_settings(plain_sandbox, azurite, **own), clock, monkeypatch) as process:
        yield process


@pytest.fixture
def instance(azurite: str, plain_sandbox: Sandbox, clock: FakeClock) -> Iterator[Instance]:
    """Another app, with another table, whose events are kept."""
    own = {"JOBS_TABLE": f"test{uuid.uuid4().hex[:16]}", "JOB_LOST_AFTER_NOT_FOUND": "2"}
    instance = Instance(load_settings(sandbox_settings(plain_sandbox, azurite, **own)), clock)
    yield instance
    instance.services.upstream.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An endpoint."""
    with receiving() as running:
        yield running
