"""Reads what is stored about endpoints and deliveries."""

from shared.storage.table import Table
from shared.webhooks.delivery import Delivery
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.webhooks import Webhooks


def current(webhooks: Webhooks, endpoint: Endpoint) -> Endpoint:
    """The endpoint as it is now."""
    found = webhooks.endpoints.get(endpoint.id)
    assert found is not None
    return found


def deliveries(webhooks: Webhooks, endpoint: Endpoint) -> list[Delivery]:
    """The endpoint's deliveries, newest first."""
    return webhooks.deliveries.page(endpoint.id, status=None, after_log_key="", limit=1000)


def only_delivery(webhooks: Webhooks, endpoint: Endpoint) -> Delivery:
    [delivery] = deliveries(webhooks, endpoint)
    return delivery


def statuses(webhooks: Webhooks, endpoint: Endpoint) -> list[str]:
    return [delivery.status.value for delivery in deliveries(webhooks, endpoint)]


def rows(table: Table, partition: str) -> list[str]:
    """The keys of a partition's rows."""
    return [row["RowKey"] for row in table.rows("PartitionKey eq @partition", {"partition": partition})]
