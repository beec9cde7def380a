"""A measured process, seen from its parent: it gets ready, waits for the start signal, measures, reports."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from bench.results import BenchError
from local.processes.child import REPOSITORY

# The variables that a process inherits. It gets settings of the app only explicitly.
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "NO_PROXY", "no_proxy")


class MeasuredProcess:
    """Runs a module of `bench.measured` with a JSON object as its argument, until the `with` block ends.

    The module prints `ready`, starts to measure when it reads a line from its standard input
    (`measured/handshake.py`), and prints its result as JSON.
    """

    def __init__(
        self, module: str, argument: Mapping[str, object], environment: Mapping[str, str] | None = None
    ) -> None:
        self._module = module
        self._is_ready = False
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(  # noqa: S603 - this project's own command
            [sys.executable, "-m", f"bench.measured.{module}", json.dumps(argument)],
            cwd=REPOSITORY,
            env={name: os.environ[name] for name in _INHERITED if name in os.environ} | dict(environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
        )
        self._wait_until_ready()

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self) -> None:
        """Start the measurement, or the next one if the module measures several times."""
        if not self._is_ready:
            self._wait_until_ready()
        self._is_ready = False
        if self._process.stdin is not None:
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def result(self) -> dict[str, Any]:
        """Wait for the result. Raises BenchError if the process failed."""
        line = self._line()
        if not line.startswith("{"):
            raise self._failure()
        result: dict[str, Any] = json.loads(line)
        return result

    def measure(self) -> dict[str, Any]:
        """Start the measurement and wait for its result."""
        self.begin()
        return self.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _wait_until_ready(self) -> None:
        if self._line() != "ready":
            raise self._failure()
        self._is_ready = True

    def _line(self) -> str:
        return "" if self._process.stdout is None else self._process.stdout.readline().strip()

    def _failure(self) -> BenchError:
        self._process.kill()
        self._process.wait()
        self._errors.seek(0)
        return BenchError(f"{self._module} failed:\n{self._errors.read()}")
