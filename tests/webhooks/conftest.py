"""Webhooks over a real Azurite, sent to a real receiver on this machine."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.clock import Clock
from shared.settings import StorageByConnectionString, load_settings
from shared.storage.table import Table, Tables
from shared.webhooks.endpoint import Endpoint, new_endpoint_id
from shared.webhooks.endpoints import EndpointStore
from shared.webhooks.signing import new_secret
from shared.webhooks.webhooks import Webhooks, open_webhooks
from tests.clock import FakeClock
from tests.webhooks.receiver import Receiver, receiving

ENVIRONMENT = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "PARTNER_CENTER_TENANT_ID": "contoso.example",
    "PARTNER_CENTER_CLIENT_ID": "00000000-0000-4000-8000-000000000001",
    "PARTNER_CENTER_CLIENT_SECRET": "invented",
    "WEBHOOK_ALLOW_PRIVATE_NETWORKS": "true",
}

type OpenWebhooks = Callable[..., Webhooks]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def second_receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def webhook_tables(azurite: str, jobs_table: str) -> tuple[Table, Table]:
    """The tables of endpoints and of deliveries."""
    tables = Tables(StorageByConnectionString(azurite))
    return tables.table(f"{jobs_table}webhooks"), tables.table(f"{jobs_table}deliveries")


@pytest.fixture
def open_instance(webhook_tables: tuple[Table, Table], clock: FakeClock) -> Iterator[OpenWebhooks]:
    """Opens an instance of the webhooks; all of a test's instances share their tables and, unless told, the clock."""
    opened: list[Webhooks] = []

    def open_one(
        *,
        clock: Clock = clock,
        endpoints_table: Table = webhook_tables[0],
        deliveries_table: Table = webhook_tables[1],
        timeout_seconds: float = 15,
        **settings: str,
    ) -> Webhooks:
        instance = open_webhooks(
            endpoints_table=endpoints_table,
            deliveries_table=deliveries_table,
            settings=load_settings(ENVIRONMENT | settings),
            clock=clock,
            timeout_seconds=timeout_seconds,
            random=lambda: 0.0,
        )
        opened.append(instance)
        return instance

    yield open_one
    for instance in opened:
        instance.deliverer.finish(3)
        instance.sender.close()


@pytest.fixture
def webhooks(open_instance: OpenWebhooks) -> Webhooks:
    return open_instance()


type AddEndpoint = Callable[..., Endpoint]


@pytest.fixture
def add_endpoint(webhook_tables: tuple[Table, Table], clock: FakeClock) -> AddEndpoint:
    """Registers an endpoint for a receiver (or URL) and returns it."""

    def add(receiver: Receiver | str, **fields: object) -> Endpoint:
        url = receiver if isinstance(receiver, str) else receiver.url
        given: dict[str, Any] = {"secret": new_secret(), "created_at": clock.now()} | fields
        endpoint = Endpoint(id=new_endpoint_id(), url=url, **given)
        store = EndpointStore(webhook_tables[0])
        store.add(endpoint)
        kept = store.get(endpoint.id)
        assert kept is not None
        return kept

    return add
