"""Builds the handlers of the HTTP API, in order, from the parts that timers and API share."""

from dataclasses import dataclass
from functools import partial

from shared.app import Services, Stores
from shared.events.outbox import Outbox
from shared.http.deliveries import DeliveryHandlers
from shared.http.health import HealthHandlers
from shared.http.history import StatsHandlers, TimelineHandlers
from shared.http.jobs import JobHandlers
from shared.http.offers import CppOfferHandlers, OfferDetailHandlers, PrivateOfferHandlers
from shared.http.set_aside import SetAsideHandlers
from shared.http.watch import WatchHandlers
from shared.http.webhooks import WebhookHandlers
from shared.jobs.finishing import Finishing
from shared.jobs.listing import JobListing
from shared.jobs.registry import JobRegistry
from shared.jobs.timeline import Timelines
from shared.monitor.health import Health
from shared.polling.check import ManualCheck
from shared.polling.job_offers import JobOffers
from shared.storage.large_columns import LargeColumns
from shared.storage.partition import Partition
from shared.watch.calendar import Calendar
from shared.watch.listing import WatchListing
from shared.watch.rows import OFFERS_PARTITION
from shared.webhooks.delivery_listing import EventDeliveries

# How long a manual check waits for the deliveries that it started: Azure drops what is logged after its answer.
CHECK_WAITS_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class StorageApi:
    """The handlers that need storage alone: they work while other settings are wrong."""

    health: HealthHandlers
    set_aside: SetAsideHandlers
    stats: StatsHandlers


@dataclass(frozen=True, kw_only=True)
class Api:
    """All other handlers."""

    jobs: JobHandlers
    private_offers: PrivateOfferHandlers
    cpp_offers: CppOfferHandlers
    offer_details: OfferDetailHandlers
    webhooks: WebhookHandlers
    deliveries: DeliveryHandlers
    timelines: TimelineHandlers
    watch: WatchHandlers


def build_storage_api(stores: Stores) -> StorageApi:
    """Build the handlers that need storage alone."""
    health = Health(states=stores.states, timers=stores.timer_reports, clock=stores.clock)
    return StorageApi(
        health=HealthHandlers(health),
        set_aside=SetAsideHandlers(stores.set_aside),
        stats=StatsHandlers(stores.stats),
    )


def build_api(stores: Stores, services: Services) -> Api:
    """Build all other handlers."""
    product_ingestion = services.upstream.product_ingestion
    cloud_partner_portal = services.upstream.cloud_partner_portal
    registry = JobRegistry(
        pending=stores.pending,
        row_repair=stores.row_repair,
        history=stores.history,
        poll_spacing=stores.poll_spacing,
        finishing=services.finishing,
        late_changes=stores.late_changes,
        clock=stores.clock,
    )
    announce_and_wait = partial(services.webhooks.announcer.announce_and_wait, seconds=CHECK_WAITS_SECONDS)
    manual_check = ManualCheck(
        registry=registry,
        pending=stores.pending,
        poll_spacing=stores.poll_spacing,
        finishing=Finishing(
            keep_offers=services.keep_offers,
            pending=stores.pending,
            history=stores.history,
            outbox=Outbox(stores.jobs_table, announce_and_wait),
        ),
        poller=services.poller,
        count_check=stores.poll_counts.count_check,
        clock=stores.clock,
    )
    job_offers = JobOffers(
        registry=registry, poll_spacing=stores.poll_spacing, upstream=product_ingestion, clock=stores.clock
    )
    deliveries_table = stores.tables.table(f"{services.settings.jobs_table}deliveries")
    event_deliveries = EventDeliveries(deliveries_table, services.webhooks.endpoints)
    listing = JobListing(
        pending=stores.pending, history=stores.history, late_changes=stores.late_changes, clock=stores.clock
    )
    offers = Partition(stores.jobs_table, OFFERS_PARTITION)
    return Api(
        jobs=JobHandlers(registry, listing, manual_check, job_offers, stores.clock),
        private_offers=PrivateOfferHandlers(product_ingestion),
        cpp_offers=CppOfferHandlers(cloud_partner_portal),
        offer_details=OfferDetailHandlers(product_ingestion, cloud_partner_portal, job_offers),
        webhooks=WebhookHandlers(services.webhooks, stores.clock),
        deliveries=DeliveryHandlers(services.webhooks),
        timelines=TimelineHandlers(Timelines(registry.find, event_deliveries.of)),
        watch=WatchHandlers(
            WatchListing(offers, LargeColumns(stores.documents), stores.clock),
            Calendar(offers, stores.clock, services.settings.public_url),
        ),
    )
