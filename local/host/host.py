"""The host itself: index, listen, run timers, stop in order."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aiohttp import web
from azure_functions_runtime.bindings.datumdef import Datum

from local.host import runtime
from local.host.binding_settings import resolve_settings
from local.host.errors import HostError
from local.host.host_json import read_host_json
from local.host.http_server import HttpFunction, HttpServer
from local.host.invocations import Invocations
from local.host.log_lines import configure_logging
from local.host.routing import RouteTable, parse_template
from local.host.runtime import IndexedFunction
from local.host.timers import Schedule, run_timer, timer_payload

STOP_GRACE_SECONDS = 5.0
HEADERS_LIMIT_BYTES = 32 * 1024  # Kestrel's, for all headers together

logger = logging.getLogger("host")


@dataclass(frozen=True)
class HostOptions:
    """How to run one host. Port 0 takes any free one; the line `Listening on ...` tells which."""

    app_directory: Path
    port: int
    key: str
    with_timers: bool


@dataclass(frozen=True)
class Triggers:
    """The functions of an app by what starts them. `listing` describes each in one line."""

    functions: dict[str, IndexedFunction]
    routes: RouteTable[HttpFunction]
    schedules: dict[str, Schedule]
    listing: list[str]


async def run_host(options: HostOptions) -> int:
    """Run until SIGTERM or SIGINT; 0 if every invocation could end, else 1. HostError if it cannot start."""
    host_json = read_host_json(options.app_directory)
    invocations = Invocations()
    configure_logging(host_json.log_level, invocations.function_of)
    triggers = sort_triggers(
        await runtime.index(options.app_directory), prefix=host_json.route_prefix, environment=os.environ
    )
    server = HttpServer(triggers.routes, triggers.functions, invocations, key=options.key)
    runner = web.AppRunner(
        server.application(), access_log=None, handle_signals=False, max_field_size=HEADERS_LIMIT_BYTES
    )
    await runner.setup()
    stop_requested = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop_requested.set)
    port = await _listen(runner, options.port)
    for line in triggers.listing:
        logger.info("%s", line)
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


def sort_triggers(functions: list[IndexedFunction], *, prefix: str, environment: Mapping[str, str]) -> Triggers:
    """Read each function's trigger; HostError for one that cannot be served here."""
    triggers = Triggers(functions={}, routes=RouteTable(), schedules={}, listing=[])
    for function in functions:
        binding = resolve_settings(function.trigger, environment, function=function.name)
        triggers.functions[function.name] = function
        if binding["type"] == "httpTrigger":
            template = parse_template(f"{prefix}/{binding.get('route', function.name)}")
            methods = frozenset(method.upper() for method in binding.get("methods") or ())
            level = str(binding.get("authLevel", "FUNCTION")).upper()
            target = HttpFunction(function, is_anonymous=level == "ANONYMOUS")
            triggers.routes.add(template, methods, function.name, target)
            shown_methods = ",".join(sorted(methods)) or "any method"
            triggers.listing.append(f"{function.name}: {shown_methods} /{template.text.strip('/')} ({level.lower()})")
        elif binding["type"] == "timerTrigger":
            triggers.schedules[function.name] = Schedule(binding["schedule"])
            triggers.listing.append(f"{function.name}: timer {binding['schedule']}")
        else:
            raise HostError(
                f"The function {function.name} has a {binding['type']}: the local host runs HTTP and timer functions."
            )
    return triggers


async def _listen(runner: web.AppRunner, port: int) -> int:
    """Listen on the loopback addresses, IPv4 and, where there is one, IPv6; the port that was taken."""
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
        # A shield: stopping the host ends the timer, not the run that it has begun.
        await asyncio.shield(invocations.start(function, Datum(value=payload, type="json"), reason=reason))

    await run_timer(schedule, fire)


async def _stop(runner: web.AppRunner, invocations: Invocations) -> int:
    for site in list(runner.sites):
        await site.stop()
    unfinished = await invocations.wait_until_idle(STOP_GRACE_SECONDS)
    if unfinished:
        logger.warning("Stopped while these were running: %s", ", ".join(unfinished))
        return 1
    await runner.cleanup()
    logger.info("Stopped")
    return 0
