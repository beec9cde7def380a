"""All of the webhooks put together, for the code that makes events, runs timers or answers HTTP requests."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from shared.clock import Clock
from shared.egress.deadline import Resolver, system_resolver
from shared.egress.guard import ATTEMPT_TIMEOUT_SECONDS, NetworkGuard
from shared.egress.urls import prepared_url, url_faults
from shared.setting_reader import SettingsError
from shared.settings import Settings
from shared.storage.table import Table
from shared.webhooks.announcer import WebhookAnnouncer
from shared.webhooks.bulk_redelivery import BulkRedelivery
from shared.webhooks.deliverer import Deliverer
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.delivery_listing import DeliveryListing
from shared.webhooks.endpoint import Endpoint, settings_endpoint_id
from shared.webhooks.endpoints import EndpointStore
from shared.webhooks.formats import Formats
from shared.webhooks.removal import Removal, Retention
from shared.webhooks.retry_cycle import RetryCycle
from shared.webhooks.sender import Sender
from shared.webhooks.signing import secret_faults


@dataclass(frozen=True)
class Webhooks:
    """One per process: its threads and connections are shared by all who use it."""

    endpoints: EndpointStore
    deliveries: DeliveryStore
    delivery_listing: DeliveryListing
    formats: Formats
    sender: Sender
    deliverer: Deliverer
    announcer: WebhookAnnouncer
    retry_cycle: RetryCycle
    bulk_redelivery: BulkRedelivery
    removal: Removal
    retention: Retention
    resolver: Resolver
    allow_private: bool


def open_webhooks(
    *,
    endpoints_table: Table,
    deliveries_table: Table,
    settings: Settings,
    clock: Clock,
    ca_bundle: str | None = None,
    resolver: Resolver = system_resolver,
    timeout_seconds: float = ATTEMPT_TIMEOUT_SECONDS,
    random: Callable[[], float] = random.random,
) -> Webhooks:
    """Put the webhooks together; asks nobody anything yet. Raises SettingsError."""
    allow_private = settings.webhook_allow_private_networks
    guard = NetworkGuard(
        allow_private=allow_private, ca_bundle=ca_bundle, resolver=resolver, timeout_seconds=timeout_seconds
    )
    endpoints = EndpointStore(endpoints_table, _settings_endpoint(settings))
    deliveries = DeliveryStore(deliveries_table)
    formats = Formats(settings.public_url)
    sender = Sender(guard, clock)
    deliverer = Deliverer(deliveries=deliveries, endpoints=endpoints, sender=sender, clock=clock, random=random)
    bulk_redelivery = BulkRedelivery(deliveries_table, deliveries, clock)
    removal = Removal(endpoints=endpoints, deliveries=deliveries, bulk_redelivery=bulk_redelivery, clock=clock)
    return Webhooks(
        endpoints=endpoints,
        deliveries=deliveries,
        delivery_listing=DeliveryListing(deliveries_table),
        formats=formats,
        sender=sender,
        deliverer=deliverer,
        announcer=WebhookAnnouncer(
            endpoints=endpoints, deliveries=deliveries, deliverer=deliverer, formats=formats, clock=clock
        ),
        retry_cycle=RetryCycle(
            endpoints=endpoints,
            deliveries=deliveries,
            deliverer=deliverer,
            bulk_redelivery=bulk_redelivery,
            removal=removal,
            clock=clock,
        ),
        bulk_redelivery=bulk_redelivery,
        removal=removal,
        retention=Retention(endpoints=endpoints, deliveries_table=deliveries_table),
        resolver=resolver,
        allow_private=allow_private,
    )


def _settings_endpoint(settings: Settings) -> Endpoint | None:
    """The endpoint of WEBHOOK_URL and WEBHOOK_SECRET. Raises SettingsError if they cannot be one."""
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    of_url = url_faults(settings.webhook_url, allow_private=settings.webhook_allow_private_networks)
    faults = [f"WEBHOOK_URL {fault}" for fault in of_url]
    faults += [f"WEBHOOK_SECRET {fault}" for fault in secret_faults(settings.webhook_secret)]
    if faults:
        raise SettingsError(faults)
    url = prepared_url(settings.webhook_url)
    return Endpoint(
        id=settings_endpoint_id(url),
        url=url,
        secret=settings.webhook_secret,
        description="WEBHOOK_URL of the app's settings",
    )
