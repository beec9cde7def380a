"""The jobs' parts wired as the app wires them: real Azurite, the sandbox over TLS, a clock that the test moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from sandbox.server import Sandbox
from shared.events.event import Event
from shared.jobs.filter import Wanted
from shared.jobs.finishing import Outbox
from shared.jobs.history import History
from shared.jobs.job import Job, Operation
from shared.jobs.job_rows import PendingRow
from shared.jobs.large_fields import LargeFields
from shared.jobs.listing import JobListing
from shared.jobs.pending_jobs import PendingJobs
from shared.jobs.poll_spacing import PollSpacing
from shared.jobs.registry import JobRegistry
from shared.jobs.set_aside import RowRepair, SetAsideRows
from shared.polling.check import ManualCheck
from shared.polling.cycle import PollCycle
from shared.polling.job_offers import JobOffers
from shared.polling.poller import JobPoller
from shared.polling.report import CycleReport
from shared.polling.rules import PollRules
from shared.settings import StorageByConnectionString, load_settings
from shared.storage.connection import Tables
from shared.storage.documents import Documents
from shared.storage.table import Table
from shared.upstream.clients import Upstream, upstream_from_settings
from tests.clock import FakeClock
from tests.sandbox_settings import sandbox_settings

RULES = PollRules(stalled_after=timedelta(hours=24), expires_after=timedelta(days=30), lost_after_not_found=5)


@dataclass
class RecordingAnnouncer:
    """Keeps what was announced, once per event id, as the real one does."""

    events: list[Event] = field(default_factory=list)

    def announce(self, events: Sequence[Event]) -> None:
        known = {event.id for event in self.events}
        self.events += [event for event in events if event.id not in known]

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


class Instance:
    """One instance of the app: its parts on a table, an upstream and a clock that it may share with others."""

    def __init__(self, table: Table, upstream: Upstream, clock: FakeClock, announcer: RecordingAnnouncer) -> None:
        self.table = table
        self.clock = clock
        self.announcer = announcer
        self.upstream = upstream.product_ingestion
        bodies = LargeFields(Documents(table))
        self.pending = PendingJobs(table, bodies)
        self.set_aside_rows = SetAsideRows(table, clock, changed=lambda: None)
        self.row_repair = RowRepair(table, self.set_aside_rows)
        self.history = History(table, bodies)
        self.poll_spacing = PollSpacing(table)
        self.outbox = Outbox(
            table=table, pending=self.pending, history=self.history, announcer=announcer, clock=clock
        )
        self.registry = JobRegistry(
            pending=self.pending,
            row_repair=self.row_repair,
            history=self.history,
            poll_spacing=self.poll_spacing,
            outbox=self.outbox,
            clock=clock,
        )
        self.listing = JobListing(pending=self.pending, history=self.history, clock=clock)
        self.poller = JobPoller(self.upstream, RULES, clock)
        self.manual_check = ManualCheck(
            registry=self.registry,
            pending=self.pending,
            poll_spacing=self.poll_spacing,
            outbox=self.outbox,
            poller=self.poller,
            clock=clock,
        )
        self.job_offers = JobOffers(
            registry=self.registry, poll_spacing=self.poll_spacing, upstream=self.upstream, clock=clock
        )
        self.cycle = PollCycle(
            pending=self.pending,
            row_repair=self.row_repair,
            poll_spacing=self.poll_spacing,
            outbox=self.outbox,
            poller=self.poller,
            ensure_token=self.upstream.ensure_token,
            clock=clock,
            sleep=self._sleep,
            concurrency=8,
        )
        self.slept_seconds: list[float] = []

    def tick(self) -> CycleReport:
        return self.cycle.run()

    def register(self, job_id: str, operation: Operation = Operation.CREATE) -> Job:
        return self.registry.register(job_id, operation=operation, label="a label", external_id="crm-1")[0]

    def finished(self) -> list[Job]:
        """Every job in the history, newest first."""
        rows = [row for _, row in self.history.scan("", "", Wanted(), at_once=100) if row is not None]
        return [self.history.read(row) for row in rows]

    def job(self, job_id: str) -> Job:
        """The job, which must be known."""
        job = self.registry.find(job_id)
        assert job is not None
        return job

    def pending_rows(self) -> list[PendingRow]:
        """Every job of the pending partition, in key order."""
        return [row for page in self.pending.pages(self.clock.now()) for row in page.rows]

    def _sleep(self, seconds: float) -> None:
        self.slept_seconds.append(seconds)
        self.clock.advance(seconds)


@pytest.fixture
def table(azurite: str, jobs_table: str) -> Table:
    return Tables(StorageByConnectionString(azurite)).table(jobs_table)


@pytest.fixture
def upstream(fresh_sandbox: Sandbox, clock: FakeClock) -> Upstream:
    settings = load_settings(sandbox_settings(fresh_sandbox, UPSTREAM_TIMEOUT_SECONDS="5"))
    return upstream_from_settings(settings, clock)


@pytest.fixture
def instance(table: Table, upstream: Upstream, clock: FakeClock) -> Instance:
    return Instance(table, upstream, clock, RecordingAnnouncer())
