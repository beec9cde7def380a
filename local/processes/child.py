"""A child process: read its output line by line, and stop it. It also ends when its parent does."""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_LINES_IN_ERROR = 15


class ChildFailedError(RuntimeError):
    """A child ended, or did not print the expected line in time. The message includes its last lines."""


def python_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this project and ends it when its parent ends."""
    return [sys.executable, "-m", "local.processes.lifeline", module, *arguments]


class Child:
    """One process. `Child(...)` starts it; `terminate()` or `kill()` ends it.

    `command` must watch its standard input (see `lifeline`). Output and errors are one stream of lines, kept in
    `lines` and passed to `on_line` on a separate thread. If given, `environment` replaces the whole environment.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path = REPOSITORY,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._on_line = on_line
        self._process = subprocess.Popen(  # noqa: S603 - the commands are this project's own
            list(command),
            cwd=directory,
            env=None if environment is None else dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C in the terminal reaches only the parent, which stops all in order
        )
        self._reader = threading.Thread(target=self._read, name=f"{name} output", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code; negative for a signal; None while running."""
        return self._process.poll()

    def wait_for(self, pattern: str, *, timeout_seconds: float) -> re.Match[str]:
        """The first line, past or future, that matches `pattern`. Raises ChildFailedError if none comes in time."""
        deadline = time.monotonic() + timeout_seconds
        seen = 0
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    if match := re.search(pattern, line):
                        return match
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if not self._reader.is_alive():
                    raise ChildFailedError(self.failure(f"{self.name} ended with status {self._process.wait()}"))
                if left <= 0:
                    raise ChildFailedError(self.failure(f"{self.name} was not ready in {timeout_seconds:g} s"))
                self._changed.wait(min(left, 0.5))

    def wait_until_ended(self, *, timeout_seconds: float) -> int:
        """Wait for it to end by itself and return its exit code. Kills it after `timeout_seconds`."""
        return self._close(timeout_seconds)

    def terminate(self, *, timeout_seconds: float = 15) -> int:
        """Send SIGTERM, then SIGKILL after `timeout_seconds`, and return its exit code."""
        return self._end(signal.SIGTERM, timeout_seconds)

    def interrupt(self, *, timeout_seconds: float = 15) -> int:
        """Like `terminate`, but with SIGINT, the signal of Ctrl-C."""
        return self._end(signal.SIGINT, timeout_seconds)

    def kill(self) -> int:
        """End it at once, like a crash."""
        return self._end(signal.SIGKILL, timeout_seconds=15)

    def _end(self, with_signal: signal.Signals, timeout_seconds: float) -> int:
        self._process.send_signal(with_signal)
        return self._close(timeout_seconds)

    def _close(self, timeout_seconds: float) -> int:
        try:
            code = self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join(timeout=5)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        return code

    def _read(self) -> None:
        output = self._process.stdout
        if output is None:
            return
        for line in output:
            text = line.rstrip("\n")
            with self._changed:
                self.lines.append(text)
                self._changed.notify_all()
            if self._on_line is not None:
                self._on_line(text)
        with self._changed:
            self._changed.notify_all()

    def failure(self, what: str) -> str:
        """`what`, followed by the process's last lines."""
        last_lines = [line for line in self.lines if line.strip()][-_LINES_IN_ERROR:]
        return "\n  ".join([what, *last_lines])
