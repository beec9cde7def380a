"""`python -m sandbox`: its options, its start and its end."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from sandbox.__main__ import main
from sandbox.server import Sandbox

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
        _, complaints = process.communicate(timeout=30)
        assert (process.returncode, complaints) == (0, "")


def settings_of(line: str) -> dict[str, object]:
    """The settings of the sandbox that printed this line."""
    match = re.fullmatch(r"sandbox ready: (\S+) \(CA: (.+)\)\n", line)
    assert match is not None
    with requests.Session() as session:
        session.trust_env = False
        settings: dict[str, object] = session.get(f"{match[1]}/sandbox/settings", verify=match[2], timeout=5).json()
    return settings


def test_settings_come_from_the_command_line_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_DIALECT", "pascal")
    monkeypatch.setenv("SANDBOX_REQUIRE_VERSION", "true")
    monkeypatch.setenv("SANDBOX_PORT", "0")
    with running("--directory", str(tmp_path), "--dialect", "core", "--page-size", "9") as (_, line):
        settings = settings_of(line)
    assert (settings["dialect"], settings["pageSize"], settings["requireVersion"]) == ("core", 9, True)


def test_it_removes_its_files_and_its_new_folders_when_it_stops(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "folder"
    with running("--port", "0", "--directory", str(directory)) as (process, _):
        assert {path.name for path in directory.iterdir()} == {"ca.pem", "client.pem"}
        process.terminate()
        process.communicate(timeout=30)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Start a sandbox that must not run, and return its exit status and its complaint."""

    def start(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["sandbox", *arguments])
        try:
            status = main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        return status, capsys.readouterr().err

    return start


@pytest.mark.parametrize("arguments", [("--dialect", "klingon"), ("--page-size", "many"), ("--cpp-etag", "perhaps")])
def test_an_unknown_value_of_a_setting_is_refused(
    start: Callable[..., tuple[int, str]], arguments: tuple[str, str]
) -> None:
    status, complaint = start("--port", "0", *arguments)
    assert status == 2
    assert arguments[0].removeprefix("--") in complaint


def test_two_sandboxes_do_not_share_a_directory(
    start: Callable[..., tuple[int, str]], fresh_sandbox: Sandbox
) -> None:
    directory = Path(fresh_sandbox.ca_bundle).parent
    status, complaint = start("--port", "0", "--directory", str(directory))
    assert status == 1
    assert f"another sandbox uses {directory}" in complaint
    assert Path(fresh_sandbox.ca_bundle).exists()
    assert requests.get(f"{fresh_sandbox.url}/sandbox", timeout=5).status_code == 200


def test_a_port_in_use_is_reported_in_one_line(
    start: Callable[..., tuple[int, str]], fresh_sandbox: Sandbox, tmp_path: Path
) -> None:
    port = fresh_sandbox.port
    status, complaint = start("--port", str(port), "--directory", str(tmp_path))
    assert status == 1
    assert complaint.startswith(f"sandbox: cannot start on port {port}: Address already in use")
    assert complaint.count("\n") == 1
