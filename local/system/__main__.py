"""`python -m local.system`: run the whole system on this machine (`make run`)."""

import argparse
import re
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import FrameType

from rich.console import Console

from local.host.errors import HostError
from local.processes.child import REPOSITORY, ChildFailedError
from local.samples.sandbox_control import SandboxControl
from local.system.configuration import Configuration, ConfigurationError, read_configuration
from local.system.monitor_api import MonitorApi, MonitorUnavailableError
from local.system.offers import change_offers
from local.system.parts import Parts, running_parts
from local.system.samples import SampleJob, Verdict, register_samples, submit_samples
from local.system.view import PlainView, View, view_for
from local.system.watch import ROUND_SECONDS, wait_for_run, watch, watch_once

HEALTH_DEADLINE_SECONDS = 20.0
LOGS_ROUND_SECONDS = 10.0  # each round is a line in the host's log
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PROBLEM = re.compile(r"^\S+ (WARNING|ERROR|CRITICAL) ")


def main() -> None:
    """Run until Ctrl-C. With --once, run until every sample job has ended; status 0 if all was as expected."""
    parser = argparse.ArgumentParser(prog="python -m local.system", description=main.__doc__)
    parser.add_argument("--once", action="store_true", help="stop when every sample job has ended (make run ONCE=1)")
    parser.add_argument("--logs", action="store_true", help="show every line of every part (make run LOGS=1)")
    arguments = parser.parse_args()
    for number in _STOP_SIGNALS:  # SIGINT too: a shell starts background jobs with it ignored
        signal.signal(number, _interrupt)
    try:
        status = _run(once=arguments.once, logs=arguments.logs)
    except KeyboardInterrupt:
        status = 130 if arguments.once else 0
    except (ConfigurationError, ChildFailedError, HostError, MonitorUnavailableError) as error:
        print(error, file=sys.stderr)
        status = 1
    sys.exit(status)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(*, once: bool, logs: bool) -> int:
    configuration = read_configuration(REPOSITORY)
    if once and configuration.is_real:
        raise ConfigurationError("ONCE=1 needs the sandbox: unset PARTNER_CENTER_*, also in local.settings.json.")
    configuration.check_ports()
    console = Console(highlight=False)
    view: View = PlainView(console) if logs else view_for(console)

    def show(part: str, line: str) -> None:
        if part == "receiver" and re.match(r"\d\d:\d\d:\d\d ", line):
            view.show_event(line)
        elif logs or _PROBLEM.match(line):
            view.show_note(f"{part}: {line}")

    console.print("Starting ..." if configuration.is_real else "Starting, with two weeks of sample data ...")
    with running_parts(configuration, show) as parts:
        try:
            return _follow(configuration, parts, view, console, once=once, logs=logs)
        finally:
            # From here on everything is stopped in order; a second Ctrl-C would interrupt that.
            for number in _STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            console.print("Stopping ...")


def _follow(
    configuration: Configuration, parts: Parts, view: View, console: Console, *, once: bool, logs: bool
) -> int:
    parts.host.require_every_function()
    api = MonitorApi(
        parts.host.url,
        key=configuration.function_key,
        master_key=configuration.master_key,
        receiver_url=parts.receiver_url,
    )
    _wait_for_health(api)
    api.jobs()  # unlike health, this reports bad settings
    for line in _introduction(configuration, parts):
        console.print(line, markup=False, soft_wrap=True)
    started = time.monotonic()
    samples = _begin_samples(configuration, parts, api)
    with view:
        if not once:
            watch(parts, api, view, round_seconds=LOGS_ROUND_SECONDS if logs else ROUND_SECONDS)
        verdicts = watch_once(parts, api, view, samples)
    return _summary(console, verdicts, seconds=time.monotonic() - started)


def _begin_samples(configuration: Configuration, parts: Parts, api: MonitorApi) -> list[SampleJob]:
    if parts.sandbox is None:
        return []
    sandbox = SandboxControl(parts.sandbox.url, ca_bundle=parts.sandbox.ca_bundle)
    samples = submit_samples(sandbox)
    register_samples(samples, api, storage=parts.storage, jobs_table=configuration.jobs_table)
    wait_for_run(api, "watch_offers")  # the first run tells nothing: it is the baseline
    change_offers(sandbox, now=datetime.now(UTC))
    api.fire("watch_offers")
    return samples


def _wait_for_health(api: MonitorApi) -> None:
    deadline = time.monotonic() + HEALTH_DEADLINE_SECONDS
    while True:
        status, body = api.health()
        if status == 200:
            return
        if time.monotonic() > deadline:
            raise MonitorUnavailableError(f"The app is not healthy: GET /api/health answers {status} {body}")
        time.sleep(0.5)


def _introduction(configuration: Configuration, parts: Parts) -> list[str]:
    upstream = f"the sandbox at {parts.sandbox.url}" if parts.sandbox else "the real Partner Center"
    base = f"http://localhost:{parts.host.port}"
    key = "local" if configuration.function_key == "local" else "$FUNCTIONS_KEY"
    lines = [
        f"The monitor is at {base}/api and works with {upstream}. Ctrl-C stops everything.",
        f"The dashboard: {base}/api/dashboard#key={key}",
        f"Try: curl -H 'x-functions-key: {key}' '{base}/api/jobs?state=all'",
        f"Or read and try every call at {base}/api/docs with the key '{key}'.",
    ]
    if parts.sandbox is not None:
        lines.append("To call the sandbox with curl (sandbox/README.md has examples), copy this line:")
        lines.append(parts.sandbox.shell_line)
    else:
        lines.append(f"Register the jobs to follow with POST {base}/api/jobs.")
    return lines


def _summary(console: Console, verdicts: Sequence[Verdict], *, seconds: float) -> int:
    """Print how each sample ended; the exit status."""
    for verdict in verdicts:
        result = "; ".join(verdict.faults) or verdict.result
        mark = "FAIL" if verdict.faults else "ok"
        console.print(f"{mark:<5}{verdict.what}: {result}", markup=False, soft_wrap=True)
    failed = sum(1 for verdict in verdicts if verdict.faults)
    count = len(verdicts)
    told = f"{failed} of {count} samples did not end as expected" if failed else f"All {count} samples ended well"
    console.print(f"{told} ({seconds:.0f} s).", markup=False)
    return 1 if failed else 0


if __name__ == "__main__":
    main()
