"""The process under measurement: the app's own parts, on a clock that the test moves.

It reads commands from standard input, one JSON object a line, and answers each with one line: fire a timer, answer a
request, or tell what the process holds. The sandbox and the receivers run elsewhere, so that nothing of theirs is
measured. It ends when its input does.

python -m tests.reliability.soak.app
"""

import gc
import json
import logging
import sys
from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from shared import timers
from shared.app import Timers, build_timers
from shared.http import operations
from shared.http.messages import Request
from shared.process import Process
from tests.clock import FakeClock

_OF_STORAGE = ("health", "set_aside", "stats")
_FIRED = {
    "poll_pending_jobs": timers.poll_pending_jobs,
    "deliver_webhooks": timers.deliver_webhooks,
    "watch_offers": timers.watch_offers,
    "clean_up": timers.clean_up,
}


class SoakedProcess(Process):
    """The parts of the process. A cycle that waits for a job to come due moves the clock instead."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self._test_clock = clock

    def timers(self) -> Timers:
        with self._building:
            if self._timers is None:
                self._timers = build_timers(self.stores(), self.services(), sleep=self._sleep)
            return self._timers

    def _sleep(self, seconds: float) -> None:
        self._test_clock.advance(seconds)


def held_by_this_process() -> dict[str, float]:
    """What the process holds after a collection: memory, objects, open files (connections among them), threads."""
    gc.collect()
    kilobytes = next(
        int(line.split()[1])
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        if line.startswith("VmRSS:")
    )
    targets = [_target(file) for file in Path("/proc/self/fd").iterdir()]
    files = [target for target in targets if not target.endswith("/fd")]  # not the folder that is being read
    return {
        "megabytes": kilobytes / 1024,
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
        "files": len(files),
        "connections": sum(target.startswith("socket:") for target in files),
        "threads": sum(1 for _ in Path("/proc/self/task").iterdir()),
    }


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:
        return "/fd"  # closed since it was listed


def _answer(process: SoakedProcess, command: Mapping[str, Any]) -> object:
    if "fire" in command:
        _FIRED[command["fire"]](process)
        return {}
    if "call" in command:
        name: str = command["call"]
        api = process.storage_api if name.partition(".")[0] in _OF_STORAGE else process.api
        body = command.get("body")
        request = Request(
            url=f"https://monitor.example/api/{name}",
            route=command.get("route", {}),
            query=command.get("query", {}),
            body=b"" if body is None else json.dumps(body).encode(),
        )
        response = operations.answer(lambda: attrgetter(name)(api()), request)
        is_json = "json" in (response.content_type or "")
        return {"status": response.status, "json": json.loads(response.body) if is_json else None}
    return held_by_this_process()


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    clock: FakeClock | None = None
    process: SoakedProcess | None = None
    for line in sys.stdin:
        command = json.loads(line)
        now = datetime.fromisoformat(command["now"])
        if clock is None or process is None:
            clock = FakeClock(now)
            process = SoakedProcess(clock)
        clock.advance(max((now - clock.now()).total_seconds(), 0.0))
        sys.stdout.write(json.dumps(_answer(process, command)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
