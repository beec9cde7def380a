"""Runs the sandbox, a simulator of Entra, Product Ingestion and the Cloud Partner Portal, until it is stopped.

Each option can also be set in the environment: SANDBOX_PORT for --port, SANDBOX_DIALECT for --dialect and so on.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

from sandbox.dialects import DIALECT_CHOICES
from sandbox.server import Sandbox
from sandbox.state import SandboxSettings

DEFAULT_PORT = 7443
DEFAULT_DIRECTORY = ".local/sandbox"
TRUTH = {"true": True, "1": True, "false": False, "0": False}


async def run(port: int, directory: Path, settings: SandboxSettings) -> None:
    """Serves until SIGINT or SIGTERM."""
    sandbox = Sandbox(port, directory, settings)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def announce() -> None:
        print(f"sandbox ready: {sandbox.url} (CA: {sandbox.ca_bundle})")
        print("Copy this line to call it with curl (the tokens are valid for an hour):")
        print(sandbox.shell_line(), flush=True)

    await sandbox.serve(stop, announce)


def main() -> int:
    """Reads the command line and the environment, and returns the exit status."""
    arguments = _parser().parse_args()
    values = vars(arguments)
    port, directory = values.pop("port"), values.pop("directory")
    try:
        settings = SandboxSettings(**values)
        asyncio.run(run(port, directory, settings))
    except ValueError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"sandbox: cannot start on port {port}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def option(name: str, kind: Callable[[str], object], default: object, explanation: str) -> None:
        text = os.environ.get(f"SANDBOX_{name.upper()}", default)  # argparse parses a default that is a string
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=text, help=explanation)

    option("port", int, str(DEFAULT_PORT), f"0 takes a free one; the default is {DEFAULT_PORT}")
    option("directory", Path, DEFAULT_DIRECTORY, f"for ca.pem and client.pem; the default is {DEFAULT_DIRECTORY}")
    defaults = SandboxSettings()
    for name, kind in get_type_hints(SandboxSettings).items():
        choices = f" ({', '.join(DIALECT_CHOICES)})" if name == "dialect" else ""
        explanation = f"a setting of README.md{choices}; the default is {getattr(defaults, name)}"
        option(name, _truth if kind is bool else str if kind is str else float, getattr(defaults, name), explanation)
    return parser


def _truth(text: str) -> bool:
    if text.lower() not in TRUTH:
        raise argparse.ArgumentTypeError("must be true or false")
    return TRUTH[text.lower()]


if __name__ == "__main__":
    sys.exit(main())
