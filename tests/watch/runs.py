"""Runs of the watch, a quarter of an hour apart, and what they announced."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox.server import Sandbox
from shared.json_codec import JsonObject, dumps_bytes, loads
from shared.watch.watch import WatchReport
from tests.instance import Instance

INTERVAL_SECONDS = 900
LISTED = "product-ingestion.private-offers"
BY_ID = "product-ingestion.private-offer"
DETAIL = "product-ingestion.job-detail"
STATUS = "cloud-partner-portal.offer-status"
# A CPP offer, as WATCH_CPP_OFFERS names it.
ENTRY = ("contoso", "watched-vm")


def run(instance: Instance) -> WatchReport:
    """The next run. Another instance must not have it."""
    instance.clock.advance(INTERVAL_SECONDS)
    report = instance.watch()
    assert report is not None
    return report


def baseline(instance: Instance) -> None:
    """Make the baseline, about which nothing is announced."""
    report = run(instance)
    assert (report.reason, report.complete) == (None, True)
    assert instance.announcer.types == []


def told(instance: Instance) -> list[tuple[str, str]]:
    """Each event that was announced: its type without `private_offer.`, and the id of its offer."""
    return [
        (event.type.removeprefix("private_offer."), loads(dumps_bytes(event.data["privateOffer"]))["id"][14:])
        for event in instance.announcer.events
    ]


def data(instance: Instance, number: int = -1) -> JsonObject:
    """The data of an event, as a receiver gets it."""
    content: JsonObject = loads(dumps_bytes(instance.announcer.events[number].data))
    return content


def kept(instance: Instance) -> list[str]:
    """The keys of the partition's rows, without the run's own."""
    return [row["RowKey"] for row in instance.table.rows("PartitionKey eq 'offers'") if row["RowKey"] != "run"]


def run_row(instance: Instance) -> dict[str, Any]:
    row = instance.table.get("offers", "run")
    assert row is not None
    return row


def requests(sandbox: Sandbox, doing: Callable[[], object]) -> Counter[str]:
    """How many requests of each route `doing` made."""
    sandbox.state.clear_requests()
    doing()
    return Counter(request.route for request in sandbox.state.requests())


def with_settings(instance: Instance, **changes: object) -> Instance:
    """Another instance with the same table, clock and announcer, whose settings are changed."""
    return Instance(replace(instance.settings, **changes), instance.clock, instance.announcer)  # type: ignore[arg-type]
