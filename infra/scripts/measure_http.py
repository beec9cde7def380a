"""Measures how many concurrent HTTP requests the smallest instance can answer: 512 MB and a quarter of a core.

Callers request a private offer whose upstream answer takes two seconds; there are as many callers as threads. The
host runs in a control group (cgroup v1) with a quarter of a core and 512 MB. docs/deployment.md has the results.

    PYTHONPATH=. .venv/bin/python infra/scripts/measure_http.py      (as root, on Linux with cgroup v1)

This measures the Python worker in the local host. On Azure the Functions host, a .NET process, also needs memory and
CPU, so Azure's figures are worse.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from bench.surroundings import Surroundings, running_surroundings
from local.host.process import HostProcess

UPSTREAM_SECONDS = 2.0
SECONDS = 20.0
MEMORY_BYTES = 512 * 1024 * 1024
QUARTER_OF_A_CORE_MICROSECONDS = 25_000
PERIOD_MICROSECONDS = 100_000
CGROUPS = Path("/sys/fs/cgroup")


@contextmanager
def instance(pid: int) -> Iterator[Path]:
    """Run a process and its threads in a control group. Yields the memory group's folder."""
    cpu, memory = (CGROUPS / kind / f"offer-monitor-{pid}" for kind in ("cpu", "memory"))
    for group in (cpu, memory):
        group.mkdir()
    try:
        (cpu / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS), encoding="ascii")
        (cpu / "cpu.cfs_quota_us").write_text(str(QUARTER_OF_A_CORE_MICROSECONDS), encoding="ascii")
        (memory / "memory.limit_in_bytes").write_text(str(MEMORY_BYTES), encoding="ascii")
        for group in (cpu, memory):
            (group / "cgroup.procs").write_text(str(pid), encoding="ascii")
        yield memory
    finally:
        for group in (cpu, memory):
            for process in (group / "cgroup.procs").read_text(encoding="ascii").split():
                (group.parent / "cgroup.procs").write_text(process, encoding="ascii")
            group.rmdir()


def ask(url: str, key: str, until: float, seconds: list[float], failures: list[int]) -> None:
    session = requests.Session()
    session.trust_env = False
    while time.monotonic() < until:
        began = time.monotonic()
        answer = session.get(url, headers={"x-functions-key": key}, timeout=120)
        seconds.append(time.monotonic() - began)
        if answer.status_code != 200:
            failures.append(answer.status_code)


def resident_megabytes(pid: int) -> int:
    """The peak memory of the process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def measure(surroundings: Surroundings, concurrency: int) -> str:
    """One row: the concurrency, requests per second, median and 95th percentile in seconds, megabytes, failures."""
    surroundings.sandbox.reset(0)
    offer = surroundings.sandbox.add_private_offer()
    with surroundings.jobs_table() as jobs_table:
        settings = surroundings.environment(jobs_table) | {"PYTHON_THREADPOOL_THREAD_COUNT": str(concurrency)}
        with HostProcess(settings) as host, instance(host.pid):
            url = f"{host.url}/api/private-offers/{offer}"
            ask(url, host.key, time.monotonic() + 0.1, [], [])  # gets the app its token
            surroundings.sandbox.set_latency(UPSTREAM_SECONDS)
            seconds: list[float] = []
            failures: list[int] = []
            began = time.monotonic()
            arguments = (url, host.key, began + SECONDS, seconds, failures)
            callers = [threading.Thread(target=ask, args=arguments) for _ in range(concurrency)]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join()
            elapsed = time.monotonic() - began
            megabytes = resident_megabytes(host.pid)
    seconds.sort()
    median, worst = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.95)]
    rate = len(seconds) / elapsed
    return f"| {concurrency} | {rate:.1f} | {median:.2f} | {worst:.2f} | {megabytes} | {len(failures)} |"


if __name__ == "__main__":
    if os.geteuid() != 0 or not (CGROUPS / "cpu").is_dir():
        sys.exit("measure_http: needs root and cgroup v1")
    sys.stdout.write("| at once | requests/s | median s | 95th percentile s | MB | failed |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- | --- |\n")
    with running_surroundings() as surroundings:
        for concurrency in (1, 4, 8, 16, 32, 64):
            sys.stdout.write(f"{measure(surroundings, concurrency)}\n")
            sys.stdout.flush()
