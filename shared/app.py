"""Builds the parts that all functions share, and those of the timers; `shared/http/api.py` builds those of the API.

Each function creates its parts in order, each from the ones before it. Nothing is requested while building.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from shared.clock import Clock
from shared.events.outbox import Outbox
from shared.jobs.finish_counts import FinishCounts
from shared.jobs.finishing import Finishing
from shared.jobs.history import FINISHED_PARTITION, History
from shared.jobs.job import Job
from shared.jobs.large_fields import LargeFields
from shared.jobs.late_changes import LateChanges
from shared.jobs.pending_jobs import PendingJobs
from shared.jobs.poll_spacing import PollSpacing
from shared.jobs.set_aside import RowRepair, SetAsideRows
from shared.jobs.unfinished import unfinished_jobs
from shared.log import quiet_libraries
from shared.monitor.clean_up import CleanUp, OrphanedDocuments, Retention
from shared.monitor.state import MONITOR_PARTITION, MonitorStateStore
from shared.monitor.stats import PollCounts, Stats
from shared.monitor.timer_reports import TimerReports
from shared.polling.cycle import PollCycle
from shared.polling.due import PollStores
from shared.polling.poller import JobPoller
from shared.polling.rules import PollRules
from shared.settings import Settings, StorageSettings
from shared.storage.documents import Documents
from shared.storage.partition import Partition
from shared.storage.retrying import Waiting
from shared.storage.table import Table, Tables
from shared.upstream.clients import Upstream, upstream_from_settings
from shared.watch.comparing import Comparison
from shared.watch.cpp_offers import CppOffers
from shared.watch.documents import references
from shared.watch.events import OfferOutbox
from shared.watch.job_changes import JobChanges
from shared.watch.run_state import RunRow
from shared.watch.snapshots import Snapshots
from shared.watch.watch import Watch, WatchSettings
from shared.webhooks.webhooks import Webhooks, open_webhooks


@dataclass(frozen=True, kw_only=True)
class Stores:
    """What is kept in the jobs table. It needs only storage, so health works even if other settings are wrong."""

    clock: Clock
    tables: Tables
    jobs_table: Table
    documents: Documents
    pending: PendingJobs
    history: History
    late_changes: LateChanges
    poll_spacing: PollSpacing
    set_aside: SetAsideRows
    row_repair: RowRepair
    snapshots: Snapshots
    run_row: RunRow
    states: MonitorStateStore
    poll_counts: PollCounts
    stats: Stats
    timer_reports: TimerReports


@dataclass(frozen=True, kw_only=True)
class Services:
    """What reaches other systems. Timers and API share one token per upstream API, and the webhooks' threads."""

    settings: Settings
    upstream: Upstream
    webhooks: Webhooks
    outbox: Outbox
    offer_outbox: OfferOutbox
    comparison: Comparison
    finishing: Finishing
    keep_offers: Callable[[Sequence[Job]], None]
    poller: JobPoller


@dataclass(frozen=True, kw_only=True)
class Timers:
    """What the timer functions run."""

    poll_cycle: PollCycle
    outbox: Outbox
    webhooks: Webhooks
    watch: Watch
    clean_up: CleanUp


def build_stores(settings: StorageSettings, clock: Clock, *, waiting: Waiting | None = None) -> Stores:
    """Build what is kept in the jobs table. `waiting` is how failed storage requests wait before a retry."""
    quiet_libraries()
    tables = Tables(settings.storage, waiting)
    jobs_table = tables.table(settings.jobs_table)
    documents = Documents(jobs_table)
    large_fields = LargeFields(documents)
    finish_counts = FinishCounts(Partition(jobs_table, FINISHED_PARTITION))
    poll_counts = PollCounts(Partition(jobs_table, MONITOR_PARTITION))
    states = MonitorStateStore(jobs_table, poll_counts)
    set_aside = SetAsideRows(jobs_table, clock, changed=states.set_aside_changed)
    history = History(jobs_table, large_fields, finish_counts)
    return Stores(
        clock=clock,
        tables=tables,
        jobs_table=jobs_table,
        documents=documents,
        pending=PendingJobs(jobs_table, large_fields, clock),
        history=history,
        late_changes=LateChanges(jobs_table, history),
        poll_spacing=PollSpacing(jobs_table),
        set_aside=set_aside,
        row_repair=RowRepair(jobs_table, set_aside),
        snapshots=Snapshots(jobs_table, documents),
        run_row=RunRow(jobs_table, documents),
        states=states,
        poll_counts=poll_counts,
        stats=Stats(finish_counts=finish_counts, poll_counts=poll_counts, clock=clock),
        timer_reports=TimerReports(jobs_table),
    )


def build_webhooks(stores: Stores, settings: Settings) -> Webhooks:
    """Build the webhooks. Raises SettingsError if WEBHOOK_URL or WEBHOOK_SECRET cannot be used."""
    return open_webhooks(
        endpoints_table=stores.tables.table(f"{settings.jobs_table}webhooks"),
        deliveries_table=stores.tables.table(f"{settings.jobs_table}deliveries"),
        settings=settings,
        clock=stores.clock,
        ca_bundle=settings.ca_bundle,
    )


def build_services(stores: Stores, settings: Settings, webhooks: Webhooks) -> Services:
    """Build what reaches other systems."""
    upstream = upstream_from_settings(settings, stores.clock)
    outbox = Outbox(stores.jobs_table, webhooks.announcer.announce)
    offer_outbox = OfferOutbox(stores.jobs_table, stores.documents, outbox)
    comparison = Comparison(stores.snapshots, offer_outbox)
    job_changes = JobChanges(
        table=stores.jobs_table,
        run_row=stores.run_row,
        snapshots=stores.snapshots,
        comparison=comparison,
        outbox=offer_outbox,
        clock=stores.clock,
    )
    keep_offers = job_changes.keep if settings.watch_private_offers else _keep_nothing
    return Services(
        settings=settings,
        upstream=upstream,
        webhooks=webhooks,
        outbox=outbox,
        offer_outbox=offer_outbox,
        comparison=comparison,
        finishing=Finishing(
            pending=stores.pending,
            history=stores.history,
            outbox=outbox,
            keep_offers=keep_offers,
        ),
        keep_offers=keep_offers,
        poller=JobPoller(upstream.product_ingestion, PollRules.from_settings(settings), stores.clock),
    )


def build_timers(stores: Stores, services: Services, *, sleep: Callable[[float], None] = time.sleep) -> Timers:
    """Build what the timer functions run. A cycle waits for a job to come due with `sleep`, which takes seconds."""
    settings = services.settings
    poll_cycle = PollCycle(
        stores=PollStores(
            pending=stores.pending,
            row_repair=stores.row_repair,
            poll_spacing=stores.poll_spacing,
            finishing=services.finishing,
        ),
        poller=services.poller,
        ensure_token=services.upstream.product_ingestion.ensure_token,
        clock=stores.clock,
        sleep=sleep,
        concurrency=settings.poll_concurrency,
    )
    clean_up = CleanUp(
        history=stores.history,
        late_changes=stores.late_changes,
        set_aside_rows=stores.set_aside,
        poll_spacing=stores.poll_spacing,
        remove_expired_offers=stores.snapshots.remove_expired,
        orphans=OrphanedDocuments(
            stores.documents,
            stores.pending,
            stores.history,
            references_of_watch=references(stores.snapshots, services.offer_outbox, stores.run_row),
        ),
        remove_expired_deliveries=services.webhooks.retention.remove_expired,
        stats=stores.stats,
        retention=Retention(
            job_history_days=settings.job_history_days, delivery_history_days=settings.delivery_history_days
        ),
        clock=stores.clock,
    )
    watch = Watch(
        settings=WatchSettings(
            private_offers=settings.watch_private_offers,
            expiring_days=settings.watch_expiring_days,
            ending_days=settings.watch_ending_days,
        ),
        run_row=stores.run_row,
        snapshots=stores.snapshots,
        comparison=services.comparison,
        outbox=services.offer_outbox,
        cpp_offers=CppOffers(
            table=stores.jobs_table,
            upstream=services.upstream.cloud_partner_portal,
            outbox=services.offer_outbox,
            entries=settings.watch_cpp_offers,
            clock=stores.clock,
        ),
        upstream=services.upstream.product_ingestion,
        unfinished_jobs=partial(unfinished_jobs, stores.jobs_table),
        clock=stores.clock,
    )
    return Timers(
        poll_cycle=poll_cycle, outbox=services.outbox, webhooks=services.webhooks, watch=watch, clean_up=clean_up
    )


def _keep_nothing(_: Sequence[Job]) -> None:
    """The watch is off."""
