"""Watches the running system until it is stopped, or until every sample job has ended."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from local.system.monitor_api import JobRow, MonitorApi, MonitorUnavailableError
from local.system.parts import Parts, explain_fall
from local.system.samples import SampleJob, Verdict, events_missing, judge, still_running
from local.system.view import View

ROUND_SECONDS = 1.0
ONCE_DEADLINE_SECONDS = 180.0
EVENTS_DEADLINE_SECONDS = 20.0
# A tick needs a moment to claim its jobs; another tick at once would find them claimed.
BETWEEN_TICKS_SECONDS = 3.0


def watch(parts: Parts, api: MonitorApi, view: View, *, round_seconds: float = ROUND_SECONDS) -> None:
    """Show the jobs until an exception (Ctrl-C, or a part that ended by itself)."""
    while True:
        _show_round(parts, api, view)
        time.sleep(round_seconds)


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
            api.fire_poll_tick()
            next_tick = time.monotonic() + BETWEEN_TICKS_SECONDS
        time.sleep(ROUND_SECONDS)
    deadline = time.monotonic() + EVENTS_DEADLINE_SECONDS
    while events_missing(samples, api.arrived_events()) and time.monotonic() < deadline:
        time.sleep(ROUND_SECONDS)
    return judge(samples, jobs, api.arrived_events(), api)


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
