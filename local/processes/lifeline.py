"""Runs a Python module until its parent process ends: `python -m local.processes.lifeline <module> [argument ...]`.

The parent holds the write end of this process's standard input and never writes to it. The kernel closes it when the
parent ends in any way, including SIGKILL. So the end of standard input means: stop as on SIGTERM.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 10


def _stop_when_standard_input_ends() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)  # the module ignored SIGTERM, and its parent is gone


def main() -> None:
    """Run the module, with a thread that watches standard input."""
    module = sys.argv[1]
    del sys.argv[1]
    threading.Thread(target=_stop_when_standard_input_ends, name="lifeline", daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
