"""The host itself: it indexes the app, listens, runs timers and stops in order."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aiohttp import web
from azure_functions_runtime.bindings.datumdef import Datum

from local.host import runtime
from local.host.allowed_hosts import AllowedHosts
from local.host.errors import HostError
from local.host.host_json import read_host_json
from local.host.http_server import HttpServer, Keys
from local.host.invocations import Invocations
from local.host.log_lines import configure_logging
from local.host.marks import DROPPED_FUNCTION
from local.host.runtime import IndexedFunction
from local.host.schedules import Schedule
from local.host.timers import run_timer, timer_payload
from local.host.triggers import sort_triggers

STOP_GRACE_SECONDS = 5.0
HEADERS_LIMIT_BYTES = 32 * 1024  # Kestrel's limit for all headers together

logger = logging.getLogger("host")


@dataclass(frozen=True)
class HostOptions:
    """How to run one host. Port 0 takes a free port; the log line `Listening on ...` names it."""

    app_directory: Path
    port: int
    keys: Keys
    allowed_hosts: AllowedHosts
    with_timers: bool


async def run_host(options: HostOptions) -> int:
    """Run until SIGTERM or SIGINT. Returns 0 if every invocation ended, else 1.

    Raises HostError if it cannot start.
    """
    host_json = read_host_json(options.app_directory)
    invocations = Invocations(timeout_seconds=host_json.function_timeout_seconds, on_timeout=_end_process)
    configure_logging(host_json.log_level, invocations.function_of)
    triggers = sort_triggers(
        await runtime.index(options.app_directory), prefix=host_json.route_prefix, environment=os.environ
    )
    server = HttpServer(triggers, invocations, keys=options.keys, allowed_hosts=options.allowed_hosts)
    runner = web.AppRunner(
        server.application(),
        access_log=None,
        handle_signals=False,
        max_field_size=HEADERS_LIMIT_BYTES,
        auto_decompress=False,
    )
    await runner.setup()
    stop_requested = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop_requested.set)
    port = await _listen(runner, options.port)
    for line in triggers.listing:
        logger.info("%s", line)
    for dropped, reason in triggers.dropped.items():
        logger.error("%s %s, and its callers get 404: %s", DROPPED_FUNCTION, dropped, reason)
    logger.info("Listening on http://localhost:%d", port)

    timers = [
        asyncio.create_task(_run_timer(triggers.functions[name], schedule, invocations))
        for name, schedule in (triggers.schedules if options.with_timers else {}).items()
    ]
    await stop_requested.wait()
    logger.info("Stopping")
    for timer in timers:
        timer.cancel()
    return await _stop(runner, invocations)


def _end_process() -> None:
    """End the process and everything in it, as `functionTimeout` does to Azure's worker process."""
    sys.stdout.flush()
    os._exit(1)


async def _listen(runner: web.AppRunner, port: int) -> int:
    """Listen on the loopback addresses, IPv4 and, if available, IPv6. Returns the port."""
    try:
        await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    except OSError as error:
        raise HostError(f"Port {port} is in use: set FUNCTIONS_PORT to another.") from error
    taken: int = runner.addresses[0][1]
    with contextlib.suppress(OSError):
        await web.TCPSite(runner, "::1", taken, reuse_address=True).start()
    return taken


async def _run_timer(function: IndexedFunction, schedule: Schedule, invocations: Invocations) -> None:
    async def fire(occurrence: datetime, is_past_due: bool) -> None:
        payload = timer_payload(schedule, occurrence, is_past_due=is_past_due)
        reason = "timer, past due" if is_past_due else "timer"
        # Shielded, because stopping the host ends the timer but not a run that has started.
        await asyncio.shield(invocations.start(function, Datum(value=payload, type="json"), reason=reason))

    await run_timer(schedule, fire)


async def _stop(runner: web.AppRunner, invocations: Invocations) -> int:
    for site in list(runner.sites):
        await site.stop()
    unfinished = await invocations.wait_until_idle(STOP_GRACE_SECONDS)
    if unfinished:
        logger.warning("Stopped while these functions were still running: %s", ", ".join(unfinished))
        return 1
    await runner.cleanup()
    logger.info("Stopped")
    return 0
