"""A host as a child process: for tests, the benchmarks and `make run`."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from local.host.marks import DROPPED_FUNCTION, DROPPED_LINE
from local.processes.child import REPOSITORY, Child, ChildFailedError, python_command

START_SECONDS = 30


class HostProcess:
    """A running host, which stops when the `with` block ends. Several hosts may share one storage.

    `environment` overrides this process's own. The host reads the app's `local.settings.json` only with
    `settings_file`, so that tests do not depend on it. `lines` is its log so far.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        app_directory: Path = REPOSITORY,
        port: int = 0,
        timers: bool = False,
        settings_file: bool = False,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        """Start it and wait until it listens. Raises ChildFailedError with its last lines if it does not."""
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self.key = environment.get("FUNCTIONS_KEY") or "local"
        self.master_key = environment.get("FUNCTIONS_MASTER_KEY") or "master"
        options = ["--app", str(app_directory), "--port", str(port)]
        if not timers:
            options.append("--no-timers")
        if not settings_file:
            options.append("--no-settings-file")
        self.child = Child(
            "functions host", python_command("local.host", *options), environment=environment, on_line=on_line
        )
        try:
            listening = self.child.wait_for(r"Listening on \S+:(\d+)$", timeout_seconds=START_SECONDS)
        except ChildFailedError:
            self.child.kill()
            raise
        self.port = int(listening[1])
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def lines(self) -> list[str]:
        """Every log line so far."""
        return list(self.child.lines)

    @property
    def dropped_functions(self) -> list[str]:
        """The log lines about functions that Azure would drop."""
        return [line for line in self.lines if DROPPED_FUNCTION in line]

    def require_every_function(self) -> None:
        """Raise ChildFailedError if Azure would drop any function of the app."""
        if dropped := self.dropped_functions:
            raise ChildFailedError("\n".join(["Azure would not run the whole app.", *dropped]))

    @property
    def dropped_lines(self) -> list[str]:
        """The app's log lines that Azure would drop, because they were written outside a running invocation."""
        return [line for line in self.lines if DROPPED_LINE in line]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.child.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.child.exit_code

    def wait_for_line(self, pattern: str, *, timeout_seconds: float = 30) -> str:
        """The first log line, past or future, that matches `pattern`. ChildFailedError if none comes in time."""
        return self.child.wait_for(pattern, timeout_seconds=timeout_seconds).string

    def terminate(self) -> int:
        """Stop it in order with SIGTERM, and return its exit code.

        Azure is less kind: it waits for at most ten seconds, its Python worker handles no signal, and it does not
        tell the app's own threads.
        """
        return self.child.terminate()

    def interrupt(self) -> int:
        """Stop it like Ctrl-C, and return its exit code."""
        return self.child.interrupt()

    def kill(self) -> int:
        """End it at once with SIGKILL, like a crash."""
        return self.child.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.exit_code is None:
            self.terminate()
