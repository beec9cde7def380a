"""One instance of the app without a host: built by the app's own functions, on a clock that the test moves."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from shared import timers
from shared.app import build_services, build_stores, build_timers, build_webhooks
from shared.events.event import Event
from shared.http.api import build_api
from shared.jobs.filter import JobFilter
from shared.jobs.job import Job, Operation
from shared.jobs.job_rows import PendingRow
from shared.polling.report import CycleReport
from shared.process import Process
from shared.settings import Settings, StorageSettings
from shared.storage.retrying import Waiting
from shared.watch.watch import WatchReport
from tests.clock import FakeClock


class TestProcess(Process):
    """A process whose timers the test fires."""

    __test__ = False  # by its name, pytest would collect it

    def poll_pending_jobs(self) -> None:
        timers.poll_pending_jobs(self)

    def deliver_webhooks(self) -> None:
        timers.deliver_webhooks(self)

    def watch_offers(self) -> None:
        timers.watch_offers(self)

    def clean_up(self) -> None:
        timers.clean_up(self)

    def close(self) -> None:
        """Wait for the deliveries that were started, and close connections."""
        if self._services is not None:
            self._services.webhooks.deliverer.finish(1)
            self._services.webhooks.sender.close()
            self._services.upstream.close()


@contextmanager
def process_with(
    settings: Mapping[str, str], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestProcess]:
    """A process that finds these settings in its environment."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    process = TestProcess(clock)
    try:
        yield process
    finally:
        process.close()


@dataclass
class RecordingAnnouncer:
    """Records what was announced: like the real announcer, each event id once."""

    events: list[Event] = field(default_factory=list)

    def announce(self, events: Sequence[Event]) -> None:
        known = {event.id for event in self.events}
        self.events += [event for event in events if event.id not in known]

    def announce_and_wait(self, events: Sequence[Event], seconds: float) -> None:  # noqa: ARG002 - nothing to wait for
        self.announce(events)

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


class Instance:
    """An instance of the app that records its events instead of delivering them. Others may share its table."""

    def __init__(
        self,
        settings: Settings,
        clock: FakeClock,
        announcer: RecordingAnnouncer | None = None,
        waiting: Waiting | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.announcer = announcer or RecordingAnnouncer()
        self.slept_seconds: list[float] = []
        storage = StorageSettings(settings.storage, settings.jobs_table)
        self.stores = build_stores(storage, clock, waiting=waiting)
        webhooks = replace(build_webhooks(self.stores, settings), announcer=cast("Any", _AnnouncerOf(self)))
        self.services = build_services(self.stores, settings, webhooks)
        self.timers = build_timers(self.stores, self.services, sleep=self._sleep)
        api = build_api(self.stores, self.services)
        self.table = self.stores.jobs_table
        self.pending = self.stores.pending
        self.history = self.stores.history
        self.poll_spacing = self.stores.poll_spacing
        self.set_aside_rows = self.stores.set_aside
        self.row_repair = self.stores.row_repair
        self.finishing = self.services.finishing
        self.poller = self.services.poller
        self.upstream = self.services.upstream.product_ingestion
        self.cycle = self.timers.poll_cycle
        self.registry = api.jobs.registry
        self.listing = api.jobs.listing
        self.manual_check = api.jobs.manual_check
        self.job_offers = api.jobs.job_offers

    def another(self) -> "Instance":
        """Another instance, with the same table, clock and announcer."""
        return Instance(self.settings, self.clock, self.announcer)

    def tick(self) -> CycleReport:
        return self.cycle.run()

    def watch(self) -> WatchReport | None:
        return self.timers.watch.run()

    def register(self, job_id: str, operation: Operation = Operation.CREATE) -> Job:
        return self.registry.register(job_id, operation=operation, label="a label", external_id="crm-1")[0]

    def finished(self) -> list[Job]:
        """Every job in the history, newest first."""
        rows = [row for _, row in self.history.scan("", "", JobFilter(), at_once=100) if row is not None]
        return [self.history.read(row) for row in rows]

    def job(self, job_id: str) -> Job:
        """The job. It must be known."""
        job = self.registry.find(job_id)
        assert job is not None
        return job

    def pending_rows(self) -> list[PendingRow]:
        """Every job in the `pending` partition, by row key."""
        return [row for page in self.pending.pages() for row in page.rows]

    def _sleep(self, seconds: float) -> None:
        self.slept_seconds.append(seconds)
        self.clock.advance(seconds)


@dataclass
class _AnnouncerOf:
    """Passes calls on to the instance's announcer, so that a test may replace it at any time."""

    instance: Instance

    def announce(self, events: Sequence[Event]) -> None:
        self.instance.announcer.announce(events)

    def announce_and_wait(self, events: Sequence[Event], seconds: float) -> None:
        self.instance.announcer.announce_and_wait(events, seconds)
