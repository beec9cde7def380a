"""Puts the monitor together: which part is made of which others, each built when it is first needed.

Nothing is built at import, and nothing a function does not use: an idle tick loads no HTTP handler, no webhook code
and no azure-identity.
"""

import time
from collections.abc import Callable
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING, Any

from shared.clock import Clock, SystemClock
from shared.events.event import Announcer
from shared.jobs.finishing import Outbox
from shared.jobs.history import History
from shared.jobs.large_fields import LargeFields
from shared.jobs.pending_jobs import PendingJobs
from shared.jobs.poll_spacing import PollSpacing
from shared.jobs.set_aside import RowRepair, SetAsideRows
from shared.log import quiet_libraries
from shared.monitor.state import MonitorStateStore
from shared.monitor.timer_reports import TimerReports
from shared.polling.cycle import PollCycle
from shared.polling.poller import JobPoller
from shared.polling.rules import PollRules
from shared.settings import Settings, StorageSettings, load_settings, load_storage_settings
from shared.storage.connection import Tables
from shared.storage.documents import Documents
from shared.storage.table import Table
from shared.upstream.clients import Upstream, upstream_from_settings
from shared.webhooks.on_demand import AnnouncerOnDemand

if TYPE_CHECKING:
    from shared.http.health import HealthHandlers
    from shared.http.jobs import JobHandlers
    from shared.http.offers import CppOfferHandlers, OfferDetailHandlers, PrivateOfferHandlers
    from shared.http.set_aside import SetAsideHandlers
    from shared.http.webhooks import WebhookHandlers
    from shared.jobs.registry import JobRegistry
    from shared.monitor.clean_up import CleanUp
    from shared.polling.job_offers import JobOffers
    from shared.webhooks.webhooks import Webhooks


# How long a manual check waits for the deliveries that it started: Azure drops what is logged after its answer.
CHECK_WAITS_SECONDS = 5.0


class _Part[T]:
    """A property that is built once, even if two threads ask for it first at the same time."""

    def __init__(self, build: Callable[[Any], T]) -> None:
        self._build = build
        self._name = build.__name__

    def __get__(self, monitor: "Monitor", owner: type["Monitor"]) -> T:
        # Stored under its own name it hides this descriptor, so the lock is taken for the first look-ups only.
        with monitor.building:
            if self._name not in monitor.__dict__:
                monitor.__dict__[self._name] = self._build(monitor)
        part: T = monitor.__dict__[self._name]
        return part


class Monitor:
    """All parts of one process. Every part raises SettingsError while a setting that it needs is at fault."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.building = RLock()
        self.clock = clock or SystemClock()
        quiet_libraries()

    # --- settings and storage ---

    @_Part
    def settings(self) -> Settings:
        return load_settings()

    @_Part
    def storage_settings(self) -> StorageSettings:
        return load_storage_settings()

    @_Part
    def tables(self) -> Tables:
        return Tables(self.storage_settings.storage)

    @_Part
    def jobs_table(self) -> Table:
        return self.tables.table(self.storage_settings.jobs_table)

    # --- upstream ---

    @_Part
    def upstream(self) -> Upstream:
        return upstream_from_settings(self.settings, self.clock)

    # --- jobs ---

    @_Part
    def large_fields(self) -> LargeFields:
        return LargeFields(self.documents)

    @_Part
    def pending_jobs(self) -> PendingJobs:
        return PendingJobs(self.jobs_table, self.large_fields)

    @_Part
    def documents(self) -> Documents:
        return Documents(self.jobs_table)

    @_Part
    def set_aside_rows(self) -> SetAsideRows:
        return SetAsideRows(self.jobs_table, self.clock, changed=self._set_aside_changed)

    def _set_aside_changed(self) -> None:
        self.monitor_states.set_aside_changed()

    @_Part
    def row_repair(self) -> RowRepair:
        return RowRepair(self.jobs_table, self.set_aside_rows)

    @_Part
    def poll_spacing(self) -> PollSpacing:
        return PollSpacing(self.jobs_table)

    @_Part
    def history(self) -> History:
        return History(self.jobs_table, self.large_fields)

    @_Part
    def outbox(self) -> Outbox:
        return self._outbox(AnnouncerOnDemand(lambda: self.webhooks))

    def _outbox(self, announcer: Announcer) -> Outbox:
        return Outbox(
            table=self.jobs_table,
            pending=self.pending_jobs,
            history=self.history,
            announcer=announcer,
            clock=self.clock,
        )

    @_Part
    def job_poller(self) -> JobPoller:
        return JobPoller(self.upstream.product_ingestion, PollRules.from_settings(self.settings), self.clock)

    @_Part
    def poll_cycle(self) -> PollCycle:
        if self.settings.webhook_url is not None:
            _ = self.webhooks  # a bad WEBHOOK_URL is said before any job is polled, not after
        return PollCycle(
            pending=self.pending_jobs,
            row_repair=self.row_repair,
            poll_spacing=self.poll_spacing,
            outbox=self.outbox,
            poller=self.job_poller,
            ensure_token=self.upstream.product_ingestion.ensure_token,
            clock=self.clock,
            sleep=time.sleep,
            concurrency=self.settings.poll_concurrency,
        )

    @_Part
    def registry(self) -> "JobRegistry":
        from shared.jobs.registry import JobRegistry

        return JobRegistry(
            pending=self.pending_jobs,
            row_repair=self.row_repair,
            history=self.history,
            poll_spacing=self.poll_spacing,
            outbox=self.outbox,
            clock=self.clock,
        )

    @_Part
    def job_offers(self) -> "JobOffers":
        from shared.polling.job_offers import JobOffers

        return JobOffers(
            registry=self.registry,
            poll_spacing=self.poll_spacing,
            upstream=self.upstream.product_ingestion,
            clock=self.clock,
        )

    # --- the monitor itself, and whom it tells ---

    @_Part
    def monitor_states(self) -> MonitorStateStore:
        return MonitorStateStore(
            self.jobs_table, AnnouncerOnDemand(lambda: self.webhooks), count_set_aside=self.set_aside_rows.count
        )

    @_Part
    def timer_reports(self) -> TimerReports:
        return TimerReports(self.jobs_table)

    @_Part
    def webhooks(self) -> "Webhooks":
        from shared.webhooks.webhooks import open_webhooks

        prefix = self.settings.jobs_table
        return open_webhooks(
            endpoints_table=self.tables.table(f"{prefix}webhooks"),
            deliveries_table=self.tables.table(f"{prefix}deliveries"),
            settings=self.settings,
            clock=self.clock,
            ca_bundle=self.settings.ca_bundle,
        )

    @_Part
    def clean_up(self) -> "CleanUp":
        from shared.monitor.clean_up import CleanUp, OrphanedDocuments, Retention

        return CleanUp(
            history=self.history,
            set_aside_rows=self.set_aside_rows,
            poll_spacing=self.poll_spacing,
            orphans=OrphanedDocuments(self.documents, self.pending_jobs, self.history),
            remove_expired_deliveries=self._remove_expired_deliveries,
            retention=Retention(
                job_history_days=self.settings.job_history_days,
                delivery_history_days=self.settings.delivery_history_days,
            ),
            clock=self.clock,
        )

    def _remove_expired_deliveries(self, *, ended_before: datetime, has_time: Callable[[], bool]) -> int:
        return self.webhooks.retention.remove_expired(ended_before=ended_before, has_time=has_time)

    # --- HTTP ---

    @_Part
    def job_handlers(self) -> "JobHandlers":
        from shared.http.jobs import JobHandlers
        from shared.jobs.listing import JobListing
        from shared.polling.check import ManualCheck

        manual_check = ManualCheck(
            registry=self.registry,
            pending=self.pending_jobs,
            poll_spacing=self.poll_spacing,
            outbox=self._outbox(AnnouncerOnDemand(lambda: self.webhooks, CHECK_WAITS_SECONDS)),
            poller=self.job_poller,
            clock=self.clock,
        )
        listing = JobListing(pending=self.pending_jobs, history=self.history, clock=self.clock)
        return JobHandlers(self.registry, listing, manual_check, self.job_offers, self.clock)

    @_Part
    def set_aside_handlers(self) -> "SetAsideHandlers":
        from shared.http.set_aside import SetAsideHandlers

        return SetAsideHandlers(self.set_aside_rows)

    @_Part
    def private_offer_handlers(self) -> "PrivateOfferHandlers":
        from shared.http.offers import PrivateOfferHandlers

        return PrivateOfferHandlers(self.upstream.product_ingestion)

    @_Part
    def cpp_offer_handlers(self) -> "CppOfferHandlers":
        from shared.http.offers import CppOfferHandlers

        return CppOfferHandlers(self.upstream.cloud_partner_portal)

    @_Part
    def offer_detail_handlers(self) -> "OfferDetailHandlers":
        from shared.http.offers import OfferDetailHandlers

        return OfferDetailHandlers(
            self.upstream.product_ingestion, self.upstream.cloud_partner_portal, self.job_offers
        )

    @_Part
    def webhook_handlers(self) -> "WebhookHandlers":
        from shared.http.webhooks import WebhookHandlers

        return WebhookHandlers(self.webhooks, self.clock)

    @_Part
    def health_handlers(self) -> "HealthHandlers":
        from shared.http.health import HealthHandlers
        from shared.monitor.health import Health

        return HealthHandlers(Health(states=self.monitor_states, timers=self.timer_reports, clock=self.clock))
