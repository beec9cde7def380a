"""What a kill cut off is attributed to that kill and to no other; functions in progress are read from the log."""

from datetime import UTC, datetime

from sandbox.request_log import JOB_STATUS_ROUTE, LoggedRequest
from tests.reliability.kills.collect import attributed
from tests.reliability.kills.hosts import HostKill, in_progress
from tests.reliability.kills.proxy import StorageRequest
from tests.reliability.kills.receiver import Delivery
from tests.webhooks.receiver import Received

FIRST = HostKill(0, 100.0, 1, -9, "any", ())
SECOND = HostKill(1, 105.0, 2, -9, "any", ())


def asked(at: float, status: int | None, route: str = JOB_STATUS_ROUTE) -> LoggedRequest:
    return LoggedRequest(1, "GET", "/", "", route, None, datetime(2026, 11, 20, tzinfo=UTC), at, status=status)


def test_requests_that_were_cut_off_belong_to_the_kill_that_did_it() -> None:
    storage = [
        StorageRequest(0, "POST", "/", 99.9, cut_at=100.1),
        StorageRequest(0, "GET", "/", 99.9, cut_at=100.1),
        StorageRequest(1, "POST", "/", 99.9, cut_at=100.1),  # of the other host, which gave up
        StorageRequest(1, "POST", "/", 104.0, cut_at=105.2),
        StorageRequest(1, "POST", "/", 104.0, answered=True),
    ]
    upstream = [asked(99.9, None), asked(99.9, 200), asked(104.9, None, "product-ingestion.private-offers")]
    request = Received("/settings", {}, b"{}")
    deliveries = [Delivery(request, 104.8, "sender gone"), Delivery(request, 104.8, "delivered")]
    first, second = attributed([FIRST, SECOND], storage, upstream, deliveries)
    assert (first.polls, first.writes, first.deliveries, first.offers) == (1, 1, 0, 0)
    assert (second.polls, second.writes, second.deliveries, second.offers) == (0, 1, 1, 1)


def test_a_request_long_before_a_kill_was_not_cut_off_by_it() -> None:
    [hit] = attributed([FIRST], [], [asked(90.0, None)], [])
    assert hit.polls == 0


def test_functions_that_started_and_did_not_end_are_in_progress() -> None:
    lines = [
        "2026-11-20T09:00:00.000Z INFO    host: clean_up started (by hand)",
        "2026-11-20T09:00:00.000Z INFO    host: poll_pending_jobs started (by hand)",
        "2026-11-20T09:00:01.000Z INFO    poll_pending_jobs offer_monitor: poll_cycle {}",
        "2026-11-20T09:00:01.000Z INFO    host: poll_pending_jobs succeeded in 12 ms",
        "2026-11-20T09:00:02.000Z INFO    host: watch_offers started (schedule)",
        "2026-11-20T09:00:03.000Z ERROR   host: watch_offers failed after 12 ms: no",
        "2026-11-20T09:00:02.000Z INFO    host: deliver_webhooks started (schedule)",
    ]
    assert in_progress(lines) == ("clean_up", "deliver_webhooks")
