"""The benchmarks run. What they measure depends on the machine, so no test judges it."""

import subprocess
import sys

import pytest

from bench.process import MeasuredProcess
from bench.results import BenchError
from local.processes.child import REPOSITORY


def run_bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def test_a_quick_group_prints_its_rows_and_judges_no_target() -> None:
    bench = run_bench("--quick", "--markdown", "--only", "idle")

    assert bench.returncode == 0, bench.stderr
    head, _, *rows = bench.stdout.splitlines()
    assert head == "| group | what | measured | ideal or baseline | ratio | target | met |"
    assert len(rows) == 6
    assert all(row.startswith("| idle | ") and row.endswith("|  |") for row in rows)


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
