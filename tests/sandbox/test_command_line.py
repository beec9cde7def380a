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


@pytest.mark.parametrize("arguments", [("--dialect", "klingon"), ("--page-size", "many"), ("--cpp-etag", "perhaps")])
def test_a_setting_that_does_not_fit_is_refused(arguments: tuple[str, str]) -> None:
    with running("--port", "0", *arguments) as (process, _):
        _, complaints = process.communicate(timeout=5)
        assert process.returncode == 2
        assert "Traceback" not in complaints


def test_it_takes_its_files_and_its_new_folders_along_when_it_stops(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "folder"
    with running("--port", "0", "--directory", str(directory)) as (process, _):
        assert {path.name for path in directory.iterdir()} == {"ca.pem", "client.pem"}
        process.terminate()
        process.communicate(timeout=5)
    assert list(tmp_path.iterdir()) == []


def test_two_sandboxes_do_not_share_a_directory(tmp_path: Path) -> None:
    with running("--port", "0", "--directory", str(tmp_path)) as (_, line):
        with running("--port", "0", "--directory", str(tmp_path)) as (second, _):
            _, complaints = second.communicate(timeout=5)
        assert f"another sandbox uses {tmp_path}" in complaints
        assert second.returncode == 1
        assert settings_of(line)["dialect"] == "plain"


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with running("--port", "0", "--directory", str(tmp_path)) as (_, line):
        port = line.split(":")[3].split()[0]
        with running("--port", port, "--directory", str(tmp_path)) as (second, _):
            _, complaints = second.communicate(timeout=5)
            assert complaints.startswith(f"sandbox: cannot start on port {port}: Address already in use")
            assert complaints.count("\n") == 1
            assert second.returncode == 1
