"""python -m local.sandbox: runs the sandbox until it is told to stop."""

import argparse
import asyncio
import os
import signal
from pathlib import Path

from local.sandbox.server import Sandbox

DEFAULT_PORT = 7443


async def run(port: int, directory: Path) -> None:
    """Serves until SIGINT or SIGTERM."""
    sandbox = Sandbox(port, directory)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await sandbox.serve(stop, lambda: print(f"sandbox ready: {sandbox.url} (CA: {sandbox.ca_bundle})", flush=True))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m local.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=int(os.environ.get("SANDBOX_PORT", DEFAULT_PORT)))
    parser.add_argument(
        "--directory", type=Path, default=Path(".local/sandbox"), help="where ca.pem and client.pem go"
    )
    arguments = parser.parse_args()
    asyncio.run(run(arguments.port, arguments.directory))


if __name__ == "__main__":
    main()
