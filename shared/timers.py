"""What each timer function does: runs its part of the monitor and notes how it went."""

import logging
import time

from shared.app import Monitor
from shared.log import log_event
from shared.monitor.timer_reports import TimerReport
from shared.polling.report import CycleFailure, CycleReport
from shared.setting_reader import SettingsError
from shared.storage.errors import StorageError
from shared.storage.retrying import ending_within, retrying_for

# Promise 7 (docs/promises.md): a tick ends within 50 seconds. Polling ends earlier by itself; deliveries under way
# may use what is left.
TICK_SECONDS = 49.0
# What the last try to store the report may take.
REPORT_SECONDS = 5.0
_log = logging.getLogger("offer_monitor")


def poll_pending_jobs(monitor: Monitor) -> None:
    """Poll, note how it went, see the first deliveries off."""
    began = time.monotonic()
    with ending_within(TICK_SECONDS):
        report = _poll_cycle_report(monitor)
        try:
            with retrying_for(max(0.0, TICK_SECONDS - REPORT_SECONDS - (time.monotonic() - began))):
                monitor.monitor_states.record(report)
        except (StorageError, SettingsError) as error:
            _log.warning("the cycle's report is kept until it can be stored: %s", error)
    if "webhooks" in monitor.__dict__:
        monitor.webhooks.deliverer.finish(TICK_SECONDS - (time.monotonic() - began))


def deliver_webhooks(monitor: Monitor) -> None:
    """Attempt the deliveries that are due again."""
    began_at = monitor.clock.now()
    try:
        report = monitor.webhooks.retry_cycle.run()
    except SettingsError as error:
        _log.error("no delivery was attempted: %s", error)
        _note(monitor, "deliver_webhooks", TimerReport(began_at, ok=False))
        return
    facts = {"waiting": report.waiting, "dead": report.dead} if report.all_counted else {}
    _note(monitor, "deliver_webhooks", TimerReport(began_at, ok=report.ok, facts=facts))


def clean_up(monitor: Monitor) -> None:
    """Remove what has outlived its retention."""
    began_at = monitor.clock.now()
    try:
        with ending_within(TICK_SECONDS):
            report = monitor.clean_up.run(monitor.timer_reports.last("clean_up"))
    except (StorageError, SettingsError) as error:
        _log.error("nothing was cleaned up: %s", error)
        report = TimerReport(began_at, ok=False)
    _note(monitor, "clean_up", report)


def _poll_cycle_report(monitor: Monitor) -> CycleReport:
    start_at = ""
    try:
        start_at = _stopped_at(monitor)
        return monitor.poll_cycle.run(start_at)
    except SettingsError as error:
        failure, detail = CycleFailure.SETTINGS_INVALID, str(error)
        _log.error("%s", error)
    except Exception:  # noqa: BLE001 - health must learn even of what nobody foresaw
        failure, detail = CycleFailure.UNFORESEEN, "the cycle failed unexpectedly; the log says why"
        _log.exception("a cycle failed unexpectedly")
    report = CycleReport(started_at=monitor.clock.now(), failure=failure, failure_detail=detail, stopped_at=start_at)
    log_event(_log, "poll_cycle", level=logging.ERROR, **report.facts())
    return report


def _stopped_at(monitor: Monitor) -> str:
    """Where the last tick stopped reading. Storage that fails here fails the cycle too, which then says so."""
    try:
        return monitor.monitor_states.stopped_at()
    except StorageError:
        return ""


def _note(monitor: Monitor, function: str, report: TimerReport) -> None:
    try:
        monitor.timer_reports.record(function, report)
    except (StorageError, SettingsError) as error:
        _log.warning("the run of %s cannot be noted: %s", function, error)
