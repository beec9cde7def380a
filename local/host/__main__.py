"""`python -m local.host`: run a function app on this machine."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from local.host.allowed_hosts import AllowedHosts, parse_names
from local.host.errors import HostError
from local.host.host import HostOptions, run_host
from local.host.http_server import Keys
from local.host.local_settings import apply_local_settings

DEFAULT_PORT = 7071
DEFAULT_KEY = "local"
DEFAULT_MASTER_KEY = "master"


def main() -> None:
    """Run the host and exit with its status."""
    arguments = _parser().parse_args()
    app_directory = arguments.app.resolve()
    try:
        if not arguments.no_settings_file:
            apply_local_settings(app_directory / "local.settings.json", os.environ)
        options = HostOptions(
            app_directory=app_directory,
            port=_port(arguments.port),
            keys=Keys(
                function=os.environ.get("FUNCTIONS_KEY") or DEFAULT_KEY,
                master=os.environ.get("FUNCTIONS_MASTER_KEY") or DEFAULT_MASTER_KEY,
            ),
            allowed_hosts=AllowedHosts(parse_names(os.environ.get("FUNCTIONS_ALLOWED_HOSTS", ""))),
            with_timers=not arguments.no_timers,
        )
        status = asyncio.run(run_host(options))
    except HostError as error:
        print(error, file=sys.stderr)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit, which would wait for threads that still run a function.
    os._exit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.host", description=main.__doc__)
    parser.add_argument("--app", type=Path, default=Path(), help="the app's directory (default: this one)")
    parser.add_argument("--port", type=int, help="0 takes a free one (default: FUNCTIONS_PORT or 7071)")
    parser.add_argument("--no-timers", action="store_true", help="fire timers only by POST /admin/functions/...")
    parser.add_argument("--no-settings-file", action="store_true", help="do not read local.settings.json")
    return parser


def _port(given: int | None) -> int:
    if given is not None:
        return given
    text = os.environ.get("FUNCTIONS_PORT") or str(DEFAULT_PORT)
    if not text.isdecimal() or int(text) > 65535:
        raise HostError(f"FUNCTIONS_PORT should be a port number; it is {text!r}.")
    return int(text)


if __name__ == "__main__":
    main()
