"""Limits a process to a share of one core, like the smallest Azure Functions instance, which has a quarter.

The process is paused whenever it has used more than its share, and continued when it may use more. The kernel's own
quota does the same, but needs rights to set. Linux only, because it reads /proc.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUARTER = 0.25
# As in the kernel's quota with a period of 100 ms, an idle process saves up at most one period's share.
PERIOD_SECONDS = 0.1
_LOOK_EVERY_SECONDS = 0.005
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def can_limit() -> bool:
    """Whether this machine reports how much CPU time a process has used."""
    return Path("/proc/self/stat").exists()


@contextmanager
def limited(pid: int, share: float = QUARTER) -> Iterator[None]:
    """Limit the process to `share` of a core within the `with` block."""
    done = threading.Event()
    thread = threading.Thread(target=_hold, args=(pid, share, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _hold(pid: int, share: float, done: threading.Event) -> None:
    budget = share * PERIOD_SECONDS
    used, looked, stopped = _used_seconds(pid), time.monotonic(), False
    try:
        while not done.wait(_LOOK_EVERY_SECONDS):
            now, now_used = time.monotonic(), _used_seconds(pid)
            budget = min(budget + share * (now - looked) - (now_used - used), share * PERIOD_SECONDS)
            used, looked = now_used, now
            if (budget < 0) is not stopped:
                stopped = not stopped
                os.kill(pid, signal.SIGSTOP if stopped else signal.SIGCONT)
    except (ProcessLookupError, FileNotFoundError):
        return  # it has ended
    finally:
        if stopped:
            _go_on(pid)


def _go_on(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return


def _used_seconds(pid: int) -> float:
    """The CPU time of all threads of the process."""
    # The fields after the process's name, which may contain blanks.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
