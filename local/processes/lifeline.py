"""Run a Python module until whoever started it is gone: `python -m local.processes.lifeline <module> [argument ...]`.

The starter holds the write end of this process's standard input and never writes to it. The kernel closes it when the
starter ends, however it ends, SIGKILL included. Standard input at its end therefore means: stop as on SIGTERM.
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
    os._exit(1)  # the module did not heed SIGTERM, and nobody is left to insist


def main() -> None:
    """Turn the process into `module`, with the watch on standard input beside it."""
    module = sys.argv[1]
    del sys.argv[1]
    threading.Thread(target=_stop_when_standard_input_ends, name="lifeline", daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
