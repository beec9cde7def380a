"""The benchmarks run, and the command line prints their rows."""

import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from bench.__main__ import GROUPS
from bench.groups import idle
from bench.process import MeasuredProcess
from bench.results import BenchError, Scale, markdown_table
from bench.surroundings import SandboxControl, Surroundings
from local.processes.child import REPOSITORY, Child, python_command
from sandbox.server import Sandbox

HEAD = "| group | what | measured | ideal or baseline | ratio | target | met |"


def run_bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


@pytest.fixture
def surroundings(azurite: str, fresh_sandbox: Sandbox) -> Iterator[Surroundings]:
    """Azurite and the sandbox of the test run, and the benchmarks' own receiver."""
    endpoint = dict(part.split("=", 1) for part in azurite.split(";") if part)["TableEndpoint"]
    port = urlsplit(endpoint).port
    assert port is not None
    sandbox = SandboxControl(fresh_sandbox.url, str(fresh_sandbox.ca_bundle))
    receiver = Child("bench.receiver", python_command("bench.receiver"))
    try:
        url = receiver.wait_for(r"receiver ready: (\S+)", timeout_seconds=30)[1]
        yield Surroundings(azurite, port, sandbox, receiver_url=url)
    finally:
        receiver.kill()


def test_a_quick_group_gives_rows_and_judges_no_target(surroundings: Surroundings) -> None:
    head, _, *rows = markdown_table(list(idle.measure(surroundings, Scale.quick()))).splitlines()

    assert head == HEAD
    assert len(rows) == 6
    assert all(row.startswith("| idle | ") and row.endswith("|  |") for row in rows)


@pytest.mark.slow
def test_every_quick_group_prints_rows_and_judges_no_target() -> None:
    bench = run_bench("--quick", "--markdown")

    assert bench.returncode == 0, bench.stderr
    head, _, *rows = bench.stdout.splitlines()
    assert head == HEAD
    assert {row.split(" | ")[0].removeprefix("| ") for row in rows} == set(GROUPS)
    assert all(row.endswith("|  |") for row in rows)


def test_an_unknown_group_is_refused_with_the_known_ones() -> None:
    bench = run_bench("--only", "tock")

    assert bench.returncode == 2
    assert "'tick'" in bench.stderr


def test_a_measured_process_that_fails_says_why() -> None:
    with (
        pytest.raises(BenchError, match="KeyError: 'module'"),
        MeasuredProcess("cold_start", {"tick": False}) as start,
    ):
        start.measure()
