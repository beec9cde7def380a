"""The clients under test, wired to the sandbox as the app wires them to Microsoft."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from sandbox.server import Sandbox
from shared.settings import Settings, load_settings
from shared.upstream.clients import Upstream, upstream_from_settings
from tests.clock import FakeClock
from tests.sandbox_settings import sandbox_settings

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
