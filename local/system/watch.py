"""Watches the running system until it is stopped, or until every sample job has ended."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from local.system.monitor_api import ArrivedEvent, JobRow, MonitorApi, MonitorUnavailableError
from local.system.offers import judge_offers, offer_events_missing
from local.system.parts import Parts, explain_fall
from local.system.samples import SampleJob, Verdict, events_missing, judge, still_running
from local.system.view import View

ROUND_SECONDS = 1.0
ONCE_DEADLINE_SECONDS = 180.0
EVENTS_DEADLINE_SECONDS = 20.0
RUN_DEADLINE_SECONDS = 60.0  # a run takes 50 at most
# A tick needs a moment to claim its jobs; another tick at once would find them claimed.
BETWEEN_TICKS_SECONDS = 3.0


def watch(parts: Parts, api: MonitorApi, view: View, *, round_seconds: float = ROUND_SECONDS) -> None:
    """Show the jobs until an exception (Ctrl-C, or a part that ended by itself)."""
    while True:
        _show_round(parts, api, view)
        time.sleep(round_seconds)


def wait_for_run(api: MonitorApi, function: str) -> None:
    """Start a timer function and wait until a run of it has ended. MonitorUnavailableError if it fails or hangs."""
    before = api.last_run(function)
    api.fire(function)
    deadline = time.monotonic() + RUN_DEADLINE_SECONDS
    while (report := api.last_run(function)) is None or report == before:
        if time.monotonic() > deadline:
            raise MonitorUnavailableError(f"A run of {function} did not end within {RUN_DEADLINE_SECONDS:g} s.")
        time.sleep(ROUND_SECONDS / 4)
    if report.failure is not None:
        raise MonitorUnavailableError(f"A run of {function} failed: {report.failure}")


def watch_once(parts: Parts, api: MonitorApi, view: View, samples: Sequence[SampleJob]) -> list[Verdict]:
    """Fire a tick whenever a job may be polled, until every sample has ended, and judge the samples."""
    deadline = time.monotonic() + ONCE_DEADLINE_SECONDS
    next_tick = 0.0
    jobs: list[JobRow] = []
    while time.monotonic() < deadline:
        jobs = _show_round(parts, api, view) or jobs
        running = still_running(samples, jobs)
        if not running:
            break
        if time.monotonic() >= next_tick and is_tick_due(running, jobs, now=datetime.now(UTC)):
            api.fire("poll_pending_jobs")
            next_tick = time.monotonic() + BETWEEN_TICKS_SECONDS
        time.sleep(ROUND_SECONDS)
    deadline = time.monotonic() + EVENTS_DEADLINE_SECONDS
    while _missing(samples, api.arrived_events()) and time.monotonic() < deadline:
        time.sleep(ROUND_SECONDS)
    events = api.arrived_events()
    return judge(samples, jobs, events, api) + judge_offers(events)


def _missing(samples: Sequence[SampleJob], events: Sequence[ArrivedEvent]) -> bool:
    return events_missing(samples, events) or offer_events_missing(events)


def is_tick_due(running: Sequence[SampleJob], jobs: Sequence[JobRow], *, now: datetime) -> bool:
    """Whether any running sample may be polled now, such as one that is not listed yet or was never polled."""
    pending = {job.job_id: job.next_poll_at for job in jobs if job.is_pending}
    due_times = [pending.get(sample.job_id) for sample in running]
    return any(due is None or due <= now for due in due_times)


def _show_round(parts: Parts, api: MonitorApi, view: View) -> list[JobRow] | None:
    """Show the current jobs and return them; None if the app did not answer."""
    fallen = parts.fallen()
    if fallen is not None:
        raise explain_fall(fallen)
    try:
        jobs = api.jobs()
    except MonitorUnavailableError as error:
        view.show_note(str(error))
        return None
    view.show_jobs(jobs)
    return jobs
