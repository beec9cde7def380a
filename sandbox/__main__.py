"""python -m sandbox: runs the sandbox until it is told to stop."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from sandbox.server import Sandbox

DEFAULT_PORT = 7443


async def run(port: int, directory: Path) -> None:
    """Serves until SIGINT or SIGTERM."""
    sandbox = Sandbox(port, directory)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await sandbox.serve(stop, lambda: print(f"sandbox ready: {sandbox.url} (CA: {sandbox.ca_bundle})", flush=True))


def main() -> int:
    """Reads the command line; answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    port = os.environ.get("SANDBOX_PORT", str(DEFAULT_PORT))
    parser.add_argument("--port", type=int, default=port, help="0 takes a free one (SANDBOX_PORT, else 7443)")
    parser.add_argument(
        "--directory", type=Path, default=Path(".local/sandbox"), help="where ca.pem and client.pem are written"
    )
    arguments = parser.parse_args()
    try:
        asyncio.run(run(arguments.port, arguments.directory))
    except OSError as error:
        print(f"sandbox: cannot start on port {arguments.port}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
