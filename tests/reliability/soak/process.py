"""The test's end of the process under measurement."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.processes.child import REPOSITORY
from tests.clock import FakeClock

LINES_SHOWN = 30


@dataclass(frozen=True)
class Answer:
    """What a call of the API answered; `json` is None without a body of JSON."""

    status: int
    json: Any


@dataclass(frozen=True)
class Held:
    """What the process held at one moment. Python counts its objects that can refer to others, and all its blocks.

    Connections are open files, too.
    """

    megabytes: float
    objects: int
    blocks: int
    files: int
    connections: int
    threads: int


class SoakedApp:
    """One process of the app for a whole soak. It ends with the `with` block."""

    def __init__(self, environment: Mapping[str, str], clock: FakeClock, log: Path) -> None:
        """Start it. Its time is that of `clock`; its log goes to the file `log`."""
        self._clock = clock
        self._log = log
        self._written = log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.soak.app"],
            cwd=REPOSITORY,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._written,
            encoding="utf-8",
        )
        self.fired: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()

    def fire(self, function: str) -> None:
        """Run a timer's function to its end."""
        self._ask(fire=function)
        self.fired[function] += 1

    def call(
        self,
        handler: str,
        *,
        route: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: object = None,
        also: Collection[int] = (),
    ) -> Answer:
        """Answer a request with a handler of the API, such as `jobs.register`: with 2xx, or a status in `also`."""
        answer = self._ask(call=handler, route=route or {}, query=query or {}, body=body)
        self.answers[answer["status"]] += 1
        assert answer["status"] < 300 or answer["status"] in also, (handler, route, answer)
        return Answer(answer["status"], answer["json"])

    def held(self) -> Held:
        """What the process holds."""
        return Held(**self._ask())

    def _ask(self, **command: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"now": self._clock.now().isoformat(), **command}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the app ended; its last lines:\n{self.last_lines()}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def last_lines(self) -> str:
        """The end of its log."""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES_SHOWN:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._written.close()
