"""The clients under test, wired to the sandbox as the app wires them to Microsoft."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from sandbox.server import Sandbox
from shared.settings import Settings, load_settings
from shared.upstream.clients import Upstream, upstream_from_settings
from shared.upstream.tokens import SharedCredential, TokenSource, credential_from_settings
from shared.upstream.transport import Transport
from tests.clock import FakeClock
from tests.sandbox_settings import sandbox_settings
from tests.upstream.recording_server import RecordingServer, recording
from tests.upstream.transports import GRAPH, FixedCredential, Sleeper

type OpenUpstream = Callable[..., Upstream]


@pytest.fixture
def settings(fresh_sandbox: Sandbox) -> Settings:
    """The app's settings for the sandbox, its defaults otherwise."""
    return load_settings(sandbox_settings(fresh_sandbox))


@pytest.fixture
def open_upstream(settings: Settings, clock: FakeClock) -> Iterator[OpenUpstream]:
    """Opens clients whose settings differ from the usual ones as the test says."""
    opened: list[Upstream] = []

    def open_with(**changes: object) -> Upstream:
        opened.append(upstream_from_settings(replace(settings, **changes), clock))  # type: ignore[arg-type] # by name
        return opened[-1]

    yield open_with
    for upstream in opened:
        upstream.close()


@pytest.fixture
def upstream(open_upstream: OpenUpstream) -> Upstream:
    """The clients with the usual settings."""
    return open_upstream()


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


@pytest.fixture
def credential(settings: Settings) -> Iterator[SharedCredential]:
    shared = credential_from_settings(settings)
    yield shared
    shared.close()


@pytest.fixture
def transport(
    fresh_sandbox: Sandbox, credential: SharedCredential, clock: FakeClock, sleeper: Sleeper
) -> Iterator[Transport]:
    """A transport to the sandbox's Product Ingestion, without jitter."""
    tokens = TokenSource(credential, GRAPH, clock, api="Product Ingestion")
    opened = Transport(
        "Product Ingestion",
        fresh_sandbox.product_ingestion_url,
        tokens,
        clock,
        timeout_seconds=30.0,
        connections=32,
        sleep=sleeper,
        random_fraction=lambda: 0.5,
    )
    opened.ensure_token()
    yield opened
    opened.close()


@pytest.fixture
def job_url(fresh_sandbox: Sandbox) -> str:
    """The status of a job that exists."""
    return f"configure/{fresh_sandbox.state.add_job()}/status?$version=2022-07-01"


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with recording() as running:
        yield running


@pytest.fixture
def wire(server: RecordingServer, clock: FakeClock, sleeper: Sleeper) -> Iterator[Transport]:
    """A transport to the recording server."""
    tokens = TokenSource(SharedCredential(FixedCredential), GRAPH, clock, api="Product Ingestion")
    opened = Transport(
        "Product Ingestion", server.url, tokens, clock, timeout_seconds=2.0, connections=2, sleep=sleeper
    )
    yield opened
    opened.close()
