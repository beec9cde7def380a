"""Reads what is stored about endpoints and deliveries."""

from typing import Any

from shared.storage.table import Table
from shared.webhooks.delivery import Delivery
from shared.webhooks.delivery_listing import DeliveryFilter
from shared.webhooks.endpoint import Endpoint
from shared.webhooks.webhooks import Webhooks


def current(webhooks: Webhooks, endpoint: Endpoint) -> Endpoint:
    """The endpoint as it is now."""
    found = webhooks.endpoints.get(endpoint.id)
    assert found is not None
    return found


def deliveries(webhooks: Webhooks, endpoint: Endpoint) -> list[Delivery]:
    """The endpoint's deliveries, newest first."""
    return listed(webhooks, endpoint.id)


def listed(webhooks: Webhooks, endpoint_id: str, **wanted: Any) -> list[Delivery]:  # noqa: ANN401 - of a filter
    """The deliveries that a filter wants, newest first."""
    page = webhooks.delivery_listing.page(endpoint_id, DeliveryFilter(**wanted), limit=999)
    assert page.next_cursor is None
    return page.deliveries


def counts(webhooks: Webhooks, endpoint_id: str) -> tuple[int, int]:
    """How many deliveries are pending, and how many are dead."""
    counted = webhooks.deliveries.count(endpoint_id, rows_at_most=10_000)
    return counted.waiting, counted.dead


def only_delivery(webhooks: Webhooks, endpoint: Endpoint) -> Delivery:
    [delivery] = deliveries(webhooks, endpoint)
    return delivery


def statuses(webhooks: Webhooks, endpoint: Endpoint) -> list[str]:
    return [delivery.status.value for delivery in deliveries(webhooks, endpoint)]


def rows(table: Table, partition: str) -> list[str]:
    """The keys of a partition's rows."""
    return [row["RowKey"] for row in table.rows("PartitionKey eq @partition", {"partition": partition})]
