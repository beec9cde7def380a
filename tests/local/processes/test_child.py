"""Child processes: their lines, their end, and their end with their starter."""

import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from local.processes.child import REPOSITORY, Child, ChildFailedError

PYTHON = [sys.executable, "-u", "-c"]
WAITS = "import sys; print('ready on port 1234'); sys.stdin.read()"


def test_waiting_for_a_line_returns_the_match() -> None:
    child = Child("sample", [*PYTHON, WAITS])
    try:
        assert child.wait_for(r"port (\d+)", timeout_seconds=10)[1] == "1234"
    finally:
        child.kill()


def test_a_child_that_ends_early_is_an_error_with_its_last_lines() -> None:
    child = Child("sample", [*PYTHON, "print('no such file'); raise SystemExit(3)"])
    with pytest.raises(ChildFailedError, match="sample ended with status 3\n  no such file"):
        child.wait_for("ready", timeout_seconds=10)
    child.kill()


def test_a_child_that_does_not_become_ready_in_time_is_an_error() -> None:
    child = Child("sample", [*PYTHON, WAITS])
    with pytest.raises(ChildFailedError, match="sample was not ready"):
        child.wait_for("never said", timeout_seconds=0.2)
    child.kill()


def test_a_child_that_ignores_the_request_to_stop_is_killed() -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"
    child = Child("stubborn", [*PYTHON, stubborn])
    child.wait_for("up", timeout_seconds=10)
    assert child.terminate(timeout_seconds=0.2) == -9


def test_each_line_is_passed_on_in_order() -> None:
    heard: list[str] = []
    child = Child("sample", [*PYTHON, "print('one'); print('two')"], on_line=heard.append)
    child.wait_for("two", timeout_seconds=10)
    child.terminate()
    assert heard == ["one", "two"]


def test_a_python_child_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(
        "import socket, time\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "print(server.getsockname()[1], flush=True)\n"
        "connection = server.accept()\n"
        "time.sleep(60)\n"
    )
    _assert_it_ends_with_its_starter("python_command('sleeper')", tmp_path)


def test_a_node_child_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "sleeper.js"
    script.write_text(
        "const server = require('net').createServer(() => {});\n"
        "server.listen(0, '127.0.0.1', () => console.log(server.address().port));\n"
    )
    lifeline = REPOSITORY / "local" / "processes" / "lifeline.cjs"
    _assert_it_ends_with_its_starter(f"['node', '--require', {str(lifeline)!r}, {str(script)!r}]", tmp_path)


def _assert_it_ends_with_its_starter(command: str, directory: Path) -> None:
    """Start a starter that starts `command`, connect to that one, kill the starter, and see the connection end."""
    starter = (
        "import os, time\n"
        "from local.processes.child import Child, python_command\n"
        f"os.environ['PYTHONPATH'] = {str(directory)!r}\n"
        f"Child('sleeper', {command}, on_line=lambda line: print(line, flush=True))\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([*PYTHON, starter], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            process.kill()
            with suppress(ConnectionResetError):  # which is an end too
                assert connection.recv(1) == b""
