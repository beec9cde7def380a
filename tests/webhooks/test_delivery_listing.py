"""Pages of deliveries: filtered, bounded, each delivery on one page."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from shared.cursor import InvalidCursor
from shared.events.event import Event
from shared.storage.table import Change, Row, Table, Write
from shared.webhooks.delivery import Delivery, DeliveryStatus
from shared.webhooks.delivery_listing import DeliveryFilter, DeliveryListing, DeliveryPage
from shared.webhooks.webhooks import Webhooks
from tests.clock import FakeClock
from tests.webhooks.conftest import AddEndpoint
from tests.webhooks.receiver import Receiver, Reply
from tests.webhooks.samples import JOB_ID, event
from tests.webhooks.stored import listed

OTHER_JOB_ID = "00000000-0000-4000-8000-000000000007"


@pytest.fixture
def endpoint_id(webhooks: Webhooks, add_endpoint: AddEndpoint, receiver: Receiver, clock: FakeClock) -> str:
    """An endpoint with four deliveries: two of one job, one of another, one of none."""
    endpoint = add_endpoint(receiver)
    receiver.behaviour = lambda request: Reply(500 if request.webhook_id == "evt_failing" else 204)
    events = [
        event("job.stalled", event_id="evt_oldest"),
        event("job.succeeded", event_id="evt_failing"),
        event("job.succeeded", event_id="evt_other", jobId=OTHER_JOB_ID),
        Event(id="evt_newest", type="monitor.degraded", created_at=clock.now(), data={"monitor": {}}),
    ]
    for one in events:
        webhooks.announcer.announce([one])
        webhooks.deliverer.finish(5)
        clock.advance(1)
    return endpoint.id


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.event_id for delivery in deliveries]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["evt_newest", "evt_other", "evt_failing", "evt_oldest"]),
        ({"status": DeliveryStatus.PENDING}, ["evt_failing"]),
        ({"event_type": "job.succeeded"}, ["evt_other", "evt_failing"]),
        ({"job_id": JOB_ID}, ["evt_failing", "evt_oldest"]),
        ({"job_id": JOB_ID, "status": DeliveryStatus.DELIVERED}, ["evt_oldest"]),
        ({"job_id": OTHER_JOB_ID, "event_type": "job.stalled"}, []),
    ],
)
def test_deliveries_are_filtered_by_status_type_and_job(
    webhooks: Webhooks, endpoint_id: str, wanted: dict[str, object], expected: list[str]
) -> None:
    assert ids(listed(webhooks, endpoint_id, **wanted)) == expected


def test_each_delivery_names_its_job(webhooks: Webhooks, endpoint_id: str) -> None:
    assert [delivery.job_id for delivery in listed(webhooks, endpoint_id)] == [None, OTHER_JOB_ID, JOB_ID, JOB_ID]


def test_a_delivery_of_an_earlier_version_names_no_job(
    webhooks: Webhooks, endpoint_id: str, webhook_tables: tuple[Table, Table]
) -> None:
    delivery = listed(webhooks, endpoint_id)[1]
    row = webhook_tables[1].get(endpoint_id, delivery.log_key)
    assert row is not None
    webhook_tables[1].upsert({name: value for name, value in row.items() if name != "jobId"})
    assert listed(webhooks, endpoint_id)[1].job_id is None


def test_a_log_row_written_again_after_it_was_deleted_names_its_job(
    webhooks: Webhooks, endpoint_id: str, webhook_tables: tuple[Table, Table], clock: FakeClock
) -> None:
    [failing] = listed(webhooks, endpoint_id, status=DeliveryStatus.PENDING)
    webhook_tables[1].delete(endpoint_id, failing.log_key)
    clock.advance(60)
    webhooks.retry_cycle.run()
    assert ids(listed(webhooks, endpoint_id, job_id=JOB_ID)) == ["evt_failing", "evt_oldest"]


@pytest.mark.parametrize("wanted", [DeliveryFilter(), DeliveryFilter(event_type="job.succeeded")])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_together_hold_every_delivery_once(
    webhooks: Webhooks, endpoint_id: str, wanted: DeliveryFilter, limit: int
) -> None:
    pages: list[DeliveryPage] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        pages.append(webhooks.delivery_listing.page(endpoint_id, wanted, limit=limit, cursor=cursor))
        cursor = pages[-1].next_cursor
    together = [delivery for page in pages for delivery in page.deliveries]
    assert together == listed(webhooks, endpoint_id, event_type=wanted.event_type)
    assert all(page.deliveries and len(page.deliveries) <= limit for page in pages)


def test_a_cursor_belongs_to_its_endpoint_and_filters(
    webhooks: Webhooks, endpoint_id: str, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    wanted = DeliveryFilter(event_type="job.succeeded")
    cursor = webhooks.delivery_listing.page(endpoint_id, wanted, limit=1).next_cursor
    assert cursor is not None
    for other_id, other in [(endpoint_id, DeliveryFilter()), (add_endpoint(receiver).id, wanted)]:
        with pytest.raises(InvalidCursor):
            webhooks.delivery_listing.page(other_id, other, limit=1, cursor=cursor)


@pytest.mark.parametrize("cursor", ["", "abc", "=", "\u00e9", "bG9nfg", "x" * 200])
def test_a_text_that_is_not_a_cursor_is_refused(webhooks: Webhooks, endpoint_id: str, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        webhooks.delivery_listing.page(endpoint_id, DeliveryFilter(), limit=1, cursor=cursor)


def test_a_page_ends_before_it_is_too_large(
    webhooks: Webhooks, endpoint_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.webhooks.delivery_listing.PAGE_MAX_BYTES", 1)
    page = webhooks.delivery_listing.page(endpoint_id, DeliveryFilter(), limit=10)
    assert ids(page.deliveries) == ["evt_newest"]
    rest = webhooks.delivery_listing.page(endpoint_id, DeliveryFilter(), limit=10, cursor=page.next_cursor)
    assert ids(rest.deliveries) == ["evt_other"]


def log_rows(endpoint_id: str, count: int, clock: FakeClock) -> Iterator[Row]:
    """Log rows as the monitor writes them, newest first; only the last is of another job."""
    from shared.webhooks.delivery import delivery_id
    from shared.webhooks.delivery_rows import log_key

    for number in range(count):
        id_of_delivery = delivery_id(endpoint_id, f"evt_{number}")
        created_at = clock.now() - timedelta(seconds=number)
        yield {
            "PartitionKey": endpoint_id,
            "RowKey": log_key(created_at, id_of_delivery),
            "deliveryId": id_of_delivery,
            "eventId": f"evt_{number}",
            "type": "job.succeeded",
            "jobId": OTHER_JOB_ID if number == count - 1 else JOB_ID,
            "status": "delivered",
            "createdAt": created_at,
            "attempts": 1,
        }


def test_a_search_for_a_rare_delivery_stops_when_its_time_is_over_and_goes_on_from_there(
    webhook_tables: tuple[Table, Table], clock: FakeClock
) -> None:
    table = webhook_tables[1]
    table.commit_each([[Change(Write.INSERT, row)] for row in log_rows("wh_many", 2500, clock)])
    # Time passes only when it is asked for: a page has time for the first thousand rows.
    times = iter(range(0, 1000, 4))
    listing = DeliveryListing(table, monotonic=lambda: next(times))
    wanted = DeliveryFilter(job_id=OTHER_JOB_ID)
    pages = [listing.page("wh_many", wanted, limit=10)]
    while pages[-1].next_cursor is not None:
        pages.append(listing.page("wh_many", wanted, limit=10, cursor=pages[-1].next_cursor))
    assert [ids(page.deliveries) for page in pages] == [[], ["evt_2499"]]


def test_a_page_of_a_few_deliveries_does_not_read_the_others(
    webhook_tables: tuple[Table, Table], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = webhook_tables[1]
    table.commit_each([[Change(Write.INSERT, row)] for row in log_rows("wh_many", 300, clock)])
    read: list[int] = []
    pages = table.pages

    def counting(*args: object, **options: object) -> Iterator[list[Row]]:
        for page in pages(*args, **options):  # type: ignore[arg-type] # passed on as they come
            read.append(len(page))
            yield page  # type: ignore[misc] # a stored row is a row

    monkeypatch.setattr(table, "pages", counting)
    page = DeliveryListing(table).page("wh_many", DeliveryFilter(), limit=20)
    assert len(page.deliveries) == 20
    assert read == [21, 20]
