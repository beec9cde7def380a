"""Ticks of `poll_pending_jobs` as the timer runs them: their time, memory, requests and modules."""

import logging
import resource
import sys
import time
from pathlib import Path

from bench.measured.handshake import argument, report, wait_for_start
from bench.measured.wire import Wire


class _CycleLines(logging.Handler):
    """Formats every line, as the runtime does, and keeps the `poll_cycle` line."""

    def __init__(self) -> None:
        super().__init__()
        self.last = "{}"

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        event, _, facts = line.partition(" ")
        if event == "poll_cycle":
            self.last = facts


def main() -> None:
    """`storagePort`; `warmUps`: ticks before the measured ones, the first of which has a job to poll; `ticks`.

    Each measured tick waits for a start signal.
    """
    given = argument()
    wire, lines = Wire(), _CycleLines()
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[lines])
    began = time.perf_counter()
    from shared import timers
    from shared.process import Process

    process = Process()
    process.timers()
    imported_seconds = time.perf_counter() - began
    for _ in range(given["warmUps"]):
        timers.poll_pending_jobs(process)
    for _ in range(given["ticks"]):
        wait_for_start()
        wire.forget()
        began, cpu_began = time.perf_counter(), time.process_time()
        timers.poll_pending_jobs(process)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
        report(
            {
                "seconds": seconds,
                "cpuSeconds": cpu_seconds,
                "importSeconds": imported_seconds,
                "cycle": lines.last,
                "storageRequests": wire.counts(given["storagePort"]),
                "peakMegabytes": _peak_megabytes(),
                "modules": sorted(sys.modules),
            }
        )


def _peak_megabytes() -> float:
    """The peak memory of this process. Linux's ru_maxrss starts with the parent's memory; VmHWM does not."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    bytes_per_unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * bytes_per_unit / 1024 / 1024


if __name__ == "__main__":
    main()
