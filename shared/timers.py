"""What each timer function does in one run, how long it may take, and how its outcome is stored."""

import logging
import time

from shared.app import Stores
from shared.log import log_event
from shared.monitor.timer_reports import TimerReport
from shared.polling.report import CycleFailure, CycleReport
from shared.process import Process
from shared.setting_reader import SettingsError
from shared.storage.errors import StorageError
from shared.storage.retrying import ending_within, retrying_for

# Promise 7 (docs/promises.md): a tick ends within 50 seconds. Polling ends earlier by itself; deliveries may use the
# time that is left.
TICK_SECONDS = 49.0
# The time reserved for the last attempt to store the report.
REPORT_SECONDS = 5.0
_log = logging.getLogger("offer_monitor")


def poll_pending_jobs(process: Process) -> None:
    """Poll, store how it went, send the monitor's own events, and wait for the first delivery attempts."""
    began = time.monotonic()
    with ending_within(TICK_SECONDS):
        report = _poll_cycle_report(process)
        try:
            stores = process.stores()
            with retrying_for(max(0.0, TICK_SECONDS - REPORT_SECONDS - (time.monotonic() - began))):
                stores.states.record(report, stores.set_aside.count)
                stores.states.send_events(process.timers().outbox)
        except (StorageError, SettingsError) as error:
            _log.warning("storage fails: the report of the cycle, or its event, is left for the next tick: %s", error)
    try:
        process.timers().webhooks.deliverer.finish(TICK_SECONDS - (time.monotonic() - began))
    except SettingsError:
        return  # without settings nothing was sent, and the report says so


def deliver_webhooks(process: Process) -> None:
    """Retry the deliveries that are due."""
    began_at = process.clock.now()
    try:
        report = process.timers().webhooks.retry_cycle.run()
    except SettingsError as error:
        _log.error("no delivery was attempted: %s", error)
        _store(process, "deliver_webhooks", TimerReport(began_at, ok=False))
        return
    facts = {"waiting": report.waiting, "dead": report.dead} if report.all_counted else {}
    _store(process, "deliver_webhooks", TimerReport(began_at, ok=report.ok, facts=facts))


def watch_offers(process: Process) -> None:
    """Compare offers with what was last seen, and wait for the first delivery attempts."""
    began, began_at = time.monotonic(), process.clock.now()
    with ending_within(TICK_SECONDS):
        try:
            run = process.timers().watch.run()
        except SettingsError as error:
            _log.error("no offer was looked at: %s", error)
            _store(process, "watch_offers", TimerReport(began_at, ok=False, facts={"reason": str(error)}))
            return
        if run is not None:
            _store(process, "watch_offers", TimerReport(run.at, ok=run.ok, facts=run.facts()))
    process.timers().webhooks.deliverer.finish(TICK_SECONDS - (time.monotonic() - began))


def clean_up(process: Process) -> None:
    """Remove what has outlived its retention."""
    began_at = process.clock.now()
    try:
        with ending_within(TICK_SECONDS):
            report = process.timers().clean_up.run(process.stores().timer_reports.last("clean_up"))
    except (StorageError, SettingsError) as error:
        _log.error("nothing was cleaned up: %s", error)
        report = TimerReport(began_at, ok=False)
    _store(process, "clean_up", report)


def _poll_cycle_report(process: Process) -> CycleReport:
    start_at = ""
    try:
        start_at = _stopped_at(process.stores())
        return process.timers().poll_cycle.run(start_at)
    except SettingsError as error:
        failure, detail = CycleFailure.SETTINGS_INVALID, str(error)
        _log.error("%s", error)
    except Exception:  # noqa: BLE001 - health must report even an unforeseen failure
        failure, detail = CycleFailure.UNFORESEEN, "the cycle failed unexpectedly; the log says why"
        _log.exception("a cycle failed unexpectedly")
    report = CycleReport(started_at=process.clock.now(), failure=failure, failure_detail=detail, stopped_at=start_at)
    log_event(_log, "poll_cycle", level=logging.ERROR, **report.facts())
    return report


def _stopped_at(stores: Stores) -> str:
    """Where the last tick stopped reading. If storage fails here, it fails in the cycle too, which reports it."""
    try:
        return stores.states.stopped_at()
    except StorageError:
        return ""


def _store(process: Process, function: str, report: TimerReport) -> None:
    try:
        process.stores().timer_reports.record(function, report)
    except (StorageError, SettingsError) as error:
        _log.warning("the report of %s cannot be stored: %s", function, error)
