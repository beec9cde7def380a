"""The sample app in a running host."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.host.process import HostProcess

SAMPLE_APP = Path(__file__).parent / "sample_app"
SAMPLE_ENVIRONMENT = {
    "SAMPLE_SCHEDULE": "0 0 0 1 1 *",
    "PYTHON_THREADPOOL_THREAD_COUNT": "8",
    "FUNCTIONS_ALLOWED_HOSTS": "tunnel.example, [fd00::1]",
}


@pytest.fixture(scope="package")
def host() -> Iterator[HostProcess]:
    """A host whose timers do not fire, shared by the tests that only send it requests."""
    with HostProcess(SAMPLE_ENVIRONMENT, app_directory=SAMPLE_APP) as process:
        yield process
