"""python -m sandbox."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[2]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its first line."""
    command = [sys.executable, "-m", "sandbox", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_stops_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    with running("--port", "0", "--directory", str(tmp_path)) as (process, line):
        match = re.fullmatch(r"sandbox ready: (https://localhost:\d+) \(CA: (.+)\)\n", line)
        assert match is not None
        with requests.Session() as session:
            session.trust_env = False
            session.verify = match[2]
            assert session.get(f"{match[1]}/sandbox", timeout=5).status_code == 200
        assert (tmp_path / "client.pem").read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
        process.send_signal(number)
        _, complaints = process.communicate(timeout=5)
        assert (process.returncode, complaints) == (0, "")


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with running("--port", "0", "--directory", str(tmp_path)) as (_, line):
        port = line.split(":")[3].split()[0]
        with running("--port", port, "--directory", str(tmp_path)) as (second, _):
            _, complaints = second.communicate(timeout=5)
            assert complaints.startswith(f"sandbox: cannot start on port {port}: Address already in use")
            assert complaints.count("\n") == 1
            assert second.returncode == 1
