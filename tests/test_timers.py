"""What bounds a run of a timer function, with the whole app except for the host."""

from collections.abc import Iterator
from threading import Event as Signal

import pytest

from sandbox.server import Sandbox
from shared import timers
from shared.monitor import clean_up
from shared.polling import cycle
from shared.watch import watch
from shared.webhooks import retry_cycle
from tests.clock import FakeClock
from tests.http.api import Api
from tests.http.webhooks.api import Api as WebhooksApi
from tests.instance import TestProcess, process_with
from tests.sandbox_settings import sandbox_settings
from tests.webhooks.receiver import Receiver, answer_after, receiving

# Instead of 49, so that the test does not last as long.
TICK_SECONDS = 3.0
HOLDS_SECONDS = 60


@pytest.fixture
def process(
    azurite: str, jobs_table: str, fresh_sandbox: Sandbox, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestProcess]:
    own = {"JOBS_TABLE": jobs_table, "WEBHOOK_ALLOW_PRIVATE_NETWORKS": "true"}
    with process_with(sandbox_settings(fresh_sandbox, azurite, **own), clock, monkeypatch) as process:
        yield process


@pytest.fixture
def silent_receiver() -> Iterator[Receiver]:
    """It answers nothing before the test is over."""
    released = Signal()

    with receiving() as running:
        running.behaviour = answer_after(released, seconds=HOLDS_SECONDS)
        yield running
        released.set()


def test_endpoints_that_do_not_answer_hold_up_no_timer_and_the_next_tick_polls(
    process: TestProcess,
    fresh_sandbox: Sandbox,
    silent_receiver: Receiver,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api, state = Api(process), fresh_sandbox.state
    webhooks = WebhooksApi(process.api().webhooks)

    def registered() -> str:
        job_id = state.add_job()
        assert api.register({"jobId": job_id}).status == 202
        clock.advance(60)
        return job_id

    registered()
    process.poll_pending_jobs()  # the first requests of a process take longer
    endpoints = [webhooks.register(silent_receiver.url)["id"] for _ in range(2)]
    monkeypatch.setattr("shared.timers.TICK_SECONDS", TICK_SECONDS)
    for tick in (1, 2):
        job_id = registered()
        process.poll_pending_jobs()
        assert api.job(job_id).json["state"] == "succeeded"
        silent_receiver.wait_for(tick * len(endpoints))
    process.watch_offers()
    for endpoint_id in endpoints:
        waiting = webhooks.json("deliveries", endpoint_id)["deliveries"]
        assert len(waiting) == 2
        assert not any(delivery["attempts"] for delivery in waiting), "an attempt has ended: a timer waited for it"


def test_each_timer_begins_nothing_that_cannot_end_within_50_seconds() -> None:
    """A test cannot wait that long, so it compares the limits."""
    requests = (watch.CPP_REQUESTS_SECONDS, watch.OFFER_REQUESTS_SECONDS, watch.DETAIL_REQUESTS_SECONDS)
    assert cycle.LAST_REQUEST_AFTER < cycle.LAST_ANSWER_AFTER
    assert cycle.LAST_ANSWER_AFTER.total_seconds() <= timers.TICK_SECONDS - timers.REPORT_SECONDS
    assert max(ends for _, ends in requests) < watch.STORAGE_RETRIED_FOR_SECONDS < timers.TICK_SECONDS
    assert clean_up.ORPHANS_UNTIL_SECONDS < clean_up.STORAGE_RETRIED_FOR_SECONDS < timers.TICK_SECONDS
    assert max(timers.TICK_SECONDS, retry_cycle.CYCLE_SECONDS) <= 50


def test_when_its_time_is_over_no_timer_asks_storage_or_upstream_for_anything(
    process: TestProcess, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(process)
    job_id = fresh_sandbox.state.add_job()
    assert api.register({"jobId": job_id}).status == 202
    fresh_sandbox.state.clear_requests()
    monkeypatch.setattr("shared.timers.TICK_SECONDS", 0.0)
    process.poll_pending_jobs()
    process.watch_offers()
    process.clean_up()
    assert fresh_sandbox.state.requests() == []
    assert api.job(job_id).json["pollCount"] == 0
    assert api.health_details().json["timers"]["clean_up"]["ok"] is False
