"""One poll: permits for large answers, the minute that the process remembers, and the lines it logs."""

import logging
from dataclasses import replace
from datetime import timedelta
from threading import BoundedSemaphore

import pytest

from sandbox.server import Sandbox
from shared.jobs.job import JobState, Operation
from shared.polling.poller import LargeAnswerPermit, Poll, ends_the_cycle
from shared.polling.rules import AnswerPostponed
from shared.upstream.errors import (
    TokenRejected,
    TokenUnavailable,
    UpstreamError,
    UpstreamServerError,
    UpstreamThrottled,
    UpstreamUnreadable,
)
from tests.instance import Instance
from tests.log_events import logged


def permits(count: int, slots: int) -> list[LargeAnswerPermit]:
    """Permits that share the slots, and do not wait for one."""
    shared = BoundedSemaphore(slots)
    return [LargeAnswerPermit(shared, wait_seconds=0) for _ in range(count)]


def test_a_small_answer_leaves_room_for_a_large_one() -> None:
    small, large = permits(2, slots=1)
    with small:
        large.acquire()
    assert (small.used, large.used) == (False, True)


def test_no_more_large_answers_are_read_than_there_are_slots() -> None:
    first, second, third = permits(3, slots=2)
    first.acquire()
    second.acquire()
    with pytest.raises(AnswerPostponed):
        third.acquire()
    assert not third.used


def test_a_released_permit_makes_room_for_the_next() -> None:
    first, second = permits(2, slots=1)
    first.acquire()
    first.release()
    second.acquire()
    assert second.used


def test_acquiring_or_releasing_a_permit_twice_takes_one_slot_and_returns_one() -> None:
    first, second, third, fourth = permits(4, slots=2)
    first.acquire()
    first.acquire()
    second.acquire()
    first.release()
    first.release()
    third.acquire()
    assert third.used
    with pytest.raises(AnswerPostponed):
        fourth.acquire()


def test_a_permit_waits_no_longer_than_the_poll_has_time() -> None:
    slots = BoundedSemaphore(1)
    LargeAnswerPermit(slots).acquire()
    with pytest.raises(AnswerPostponed):
        LargeAnswerPermit(slots, wait_seconds=3600).acquire(seconds_left=-1.0)


def test_a_permit_is_released_at_the_end_of_its_block() -> None:
    first, second = permits(2, slots=1)
    with first:
        first.acquire()
    second.acquire()
    assert (first.used, second.used) == (True, True)


def poll(instance: Instance, job_id: str) -> Poll:
    answer_by = instance.clock.now() + timedelta(seconds=44)
    with instance.poller.permit() as permit:
        return instance.poller.poll(instance.job(job_id), answer_by=answer_by, permit=permit)


def test_polls_have_two_large_answers_in_memory_at_most(instance: Instance) -> None:
    for _ in range(2):
        instance.poller.permit().acquire()
    with pytest.raises(AnswerPostponed):
        instance.poller.permit().acquire(seconds_left=0.0)


def test_a_poll_of_a_succeeded_job_fetches_its_offer(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    done = poll(instance, job_id)
    assert (done.asked, done.error, done.latency_seconds) == (True, None, 0)
    assert done.job.state is JobState.SUCCEEDED
    assert done.job.private_offer is not None


def test_a_poll_that_upstream_does_not_answer_has_no_latency(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-status")
    failed = poll(instance, job_id)
    assert (failed.asked, failed.latency_seconds) == (True, None)
    assert isinstance(failed.error, UpstreamServerError)


def test_a_job_whose_row_was_replaced_waits_for_the_minute_after_its_last_answer(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    answered_at = instance.clock.now()
    poll(instance, job_id)
    instance.clock.advance(59)
    early = poll(instance, job_id)
    assert (early.asked, early.job.next_poll_at) == (False, answered_at + timedelta(seconds=60))
    instance.clock.advance(1)
    assert poll(instance, job_id).asked


@pytest.mark.parametrize("hours_back", [0.1, 3.0])
def test_the_minute_of_a_job_whose_row_was_replaced_begins_anew_when_the_clock_was_set_back(
    instance: Instance, fresh_sandbox: Sandbox, hours_back: float
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    poll(instance, job_id)
    now = instance.clock.advance(-hours_back * 3600)
    early = poll(instance, job_id)
    assert (early.asked, early.job.next_poll_at) == (False, now + timedelta(seconds=60))
    instance.clock.advance(60)
    assert poll(instance, job_id).asked


def test_answers_from_before_the_clock_was_set_back_are_not_remembered_without_limit(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.polling.poller.REMEMBERED_ANSWERS", 2)
    first, second, third = [fresh_sandbox.state.add_job(seconds=None) for _ in range(3)]
    for job_id in (first, second):
        instance.register(job_id)
        poll(instance, job_id)
    instance.clock.advance(-3600)
    instance.register(third)
    poll(instance, third)
    assert list(instance.poller._last_answers) == [third]


def test_the_minute_of_a_job_is_remembered_after_a_failed_request_too(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-status")
    assert poll(instance, job_id).asked
    instance.clock.advance(30)
    assert not poll(instance, job_id).asked


def test_minutes_that_are_not_over_are_remembered_however_many_there_are(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.polling.poller.REMEMBERED_ANSWERS", 2)
    old, recent, new = [fresh_sandbox.state.add_job(seconds=None) for _ in range(3)]
    for job_id in (old, recent, new):
        instance.register(job_id)
        instance.clock.advance(30)
        assert poll(instance, job_id).asked
    assert not poll(instance, recent).asked
    assert not poll(instance, new).asked


def test_a_failed_poll_is_logged_with_upstreams_status_and_the_next_poll(
    instance: Instance, fresh_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-status")
    poll(instance, job_id)
    [(level, facts)] = logged(caplog, "job_poll_failed")
    assert level == "WARNING"
    assert "503" in facts.pop("reason")
    assert facts.pop("upstreamRequestId")
    assert facts == {
        "jobId": job_id,
        "upstreamStatus": 503,
        "consecutiveFailures": 1,
        "nextPollAt": "2026-11-20T09:01:00+00:00",
    }


def test_an_unavailable_detail_is_logged(
    instance: Instance, fresh_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    fresh_sandbox.state.fault("not_found", route="product-ingestion.job-detail")
    assert poll(instance, job_id).error is not None
    [(_, facts)] = logged(caplog, "job_poll_failed")
    assert (facts["jobId"], facts["upstreamStatus"]) == (job_id, 404)


def test_a_job_is_logged_as_stalled_once_with_its_hours(
    instance: Instance, fresh_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id, Operation.UPDATE)
    instance.tick()
    assert logged(caplog, "job_stalled") == []
    instance.clock.advance(24.26 * 3600)
    instance.tick()
    instance.clock.advance(60)
    instance.tick()
    assert logged(caplog, "job_stalled") == [
        ("WARNING", {"jobId": job_id, "operation": "update", "hoursPending": 24.3})
    ]


def test_a_job_that_stalls_while_upstream_fails_is_logged_as_stalled(
    instance: Instance, fresh_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-status")
    instance.clock.advance(48 * 3600)
    instance.tick()
    [(_, facts)] = logged(caplog, "job_stalled")
    assert (facts["jobId"], facts["hoursPending"]) == (job_id, 48.0)


def test_an_unknown_status_is_logged_as_upstream_sent_it(
    instance: Instance, fresh_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    job_id = fresh_sandbox.state.add_job(
        script=[{"fields": {"jobStatus": "Paused", "jobResult": "Perhaps"}}, "running"]
    )
    instance.register(job_id)
    instance.tick()
    unknown = ("WARNING", {"jobId": job_id, "jobStatus": "Paused", "jobResult": "Perhaps"})
    assert logged(caplog, "job_status_unknown") == [unknown]
    instance.clock.advance(60)
    instance.tick()
    assert logged(caplog, "job_status_unknown") == [unknown]


def test_a_poll_that_failed_unexpectedly_was_asked_unless_only_the_detail_was_missing(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    job = instance.register(job_id)
    status = instance.poller.failed_unexpectedly(job)
    assert (status.asked, status.job.poll_count, status.job.consecutive_poll_failures) == (True, 1, 1)
    succeeded = replace(job, poll_count=1, job_status="completed", job_result="succeeded")
    detail = instance.poller.failed_unexpectedly(succeeded)
    assert (detail.asked, detail.job.poll_count, detail.job.detail_attempts) == (False, 1, 1)
    assert isinstance(status.error, UpstreamUnreadable)
    assert isinstance(detail.error, UpstreamUnreadable)


def test_a_job_that_only_misses_its_detail_is_not_asked_about(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    fresh_sandbox.state.fault("not_found", route="product-ingestion.job-detail", count=1)
    first = poll(instance, job_id)
    with instance.poller.permit() as permit:
        second = instance.poller.poll(
            first.job, answer_by=instance.clock.now() + timedelta(seconds=44), permit=permit
        )
    assert (second.asked, second.error, second.job.state) == (False, None, JobState.SUCCEEDED)
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_a_poll_without_a_token_asks_nothing_and_leaves_the_job_as_it_was(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    job = instance.register(job_id)
    fresh_sandbox.state.fault("token_refused")
    refused = poll(instance, job_id)
    assert (refused.asked, refused.job) == (False, instance.job(job_id))
    assert refused.job == job
    assert isinstance(refused.error, TokenUnavailable)
    assert ends_the_cycle(refused.error)


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (TokenRejected("401", api="", after_renewal=False), False),
        (TokenRejected("401", api="", after_renewal=True), True),
        (TokenUnavailable("none", api=""), True),
        (UpstreamThrottled("429", api=""), True),
        (UpstreamServerError("503", api=""), False),
    ],
    ids=["rejected", "rejected again", "no token", "throttled", "failed"],
)
def test_a_cycle_ends_at_an_error_that_the_next_request_would_get_too(error: UpstreamError, ends: bool) -> None:
    assert ends_the_cycle(error) is ends
