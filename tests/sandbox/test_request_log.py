"""The request log."""

from datetime import UTC, datetime

from sandbox.request_log import (
    JOB_STATUS_ROUTE,
    LOG_CAPACITY,
    LoggedRequest,
    RequestLog,
    minimum_spacing_seconds,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def entry(
    log: RequestLog, *, at: float = 0.0, job_id: str | None = None, route: str = JOB_STATUS_ROUTE
) -> LoggedRequest:
    logged = LoggedRequest(log.next_number(), "GET", "/", "", route, job_id, NOON, at)
    log.append(logged)
    return logged


def test_the_spacing_is_the_shortest_between_neighbours_whatever_their_order() -> None:
    log = RequestLog()
    entries = [entry(log, at=at) for at in (60.0, 0.0, 121.0, 180.5)]
    assert minimum_spacing_seconds(entries) == 59.5


def test_one_request_has_no_spacing() -> None:
    assert minimum_spacing_seconds([entry(RequestLog())]) is None


def test_entries_are_selected_by_route_job_and_number() -> None:
    log = RequestLog()
    first, second = entry(log, job_id="a"), entry(log, job_id="a")
    entry(log, job_id="b")
    entry(log, route="product-ingestion.job-detail", job_id="a")
    assert log.select(route=JOB_STATUS_ROUTE, job_id="A") == [first, second]
    assert log.select(route=JOB_STATUS_ROUTE, job_id="a", after=first.number) == [second]
    assert len(log.select(route="product-ingestion")) == 4
    assert log.select(route="product") == []


def test_only_status_requests_count_as_such() -> None:
    log = RequestLog()
    asked = entry(log, job_id="a")
    entry(log, route="product-ingestion.job-detail", job_id="a")
    assert log.status_requests() == {"a": [asked]}


def test_the_log_is_large_but_bounded() -> None:
    log = RequestLog()
    for _ in range(LOG_CAPACITY + 1):
        entry(log)
    assert LOG_CAPACITY >= 100_000
    assert len(log.select()) == LOG_CAPACITY
