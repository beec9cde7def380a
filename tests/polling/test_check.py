"""A poll on demand."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.server import Sandbox
from shared.jobs.errors import AskedTooRecently, JobUnknown
from shared.jobs.job import JobState
from shared.upstream.errors import UpstreamServerError
from tests.instance import Instance


def test_a_check_polls_now_and_finishes_the_job_as_a_tick_does(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    assert instance.manual_check.check(job_id).state is JobState.SUCCEEDED
    assert instance.announcer.types == ["job.succeeded"]
    assert instance.job(job_id).private_offer is not None


def test_a_check_within_the_minute_is_refused_with_the_time_to_wait(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.tick()
    instance.clock.advance(45.5)
    with pytest.raises(AskedTooRecently) as refusal:
        instance.manual_check.check(job_id)
    assert refusal.value.retry_after_seconds == 15
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_a_check_within_the_minute_is_refused_even_if_another_system_has_replaced_the_row(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.tick()
    instance.table.upsert({"PartitionKey": "pending", "RowKey": job_id})
    instance.clock.advance(20)
    with pytest.raises(AskedTooRecently) as refusal:
        instance.manual_check.check(job_id)
    assert refusal.value.retry_after_seconds == 40
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_a_check_just_before_a_tick_keeps_the_tick_from_asking_again(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.manual_check.check(job_id)
    instance.clock.advance(1)
    instance.tick()
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_many_checks_at_once_ask_upstream_once(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)

    def check(_: int) -> bool:
        try:
            instance.manual_check.check(job_id)
        except AskedTooRecently:
            return False
        return True

    with ThreadPoolExecutor(8) as callers:
        assert sum(callers.map(check, range(8))) == 1
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_a_job_slowed_down_by_failures_can_be_checked_after_its_minute(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-status")
    for _ in range(3):
        instance.tick()
        instance.clock.advance(300)
    fresh_sandbox.state.clear_faults()
    instance.clock.advance(-235)
    assert instance.job(job_id).next_poll_at > instance.clock.now()
    assert instance.manual_check.check(job_id).state is JobState.SUCCEEDED


def test_a_check_obeys_retry_after(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    fresh_sandbox.state.fault(
        "too_many_requests", route="product-ingestion.job-status", retry_after_seconds=1800, count=1
    )
    instance.tick()
    instance.clock.advance(61)
    with pytest.raises(AskedTooRecently) as refusal:
        instance.manual_check.check(job_id)
    assert refusal.value.retry_after_seconds == 1739
    instance.clock.advance(1739)
    assert instance.manual_check.check(job_id).state is JobState.SUCCEEDED


def test_a_job_that_is_being_polled_cannot_be_checked(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.tick()
    instance.clock.advance(60)
    row = instance.pending.get(job_id, instance.clock.now())
    assert row is not None
    instance.pending.claim([row], until=instance.clock.advance(0).replace(hour=10))
    with pytest.raises(AskedTooRecently):
        instance.manual_check.check(job_id)


def test_an_upstream_failure_is_raised_and_stored_with_the_job(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-status")
    with pytest.raises(UpstreamServerError):
        instance.manual_check.check(job_id)
    job = instance.job(job_id)
    assert job.consecutive_poll_failures == 1
    assert job.last_poll_error is not None
    assert "503" in job.last_poll_error


def test_a_job_that_succeeded_is_returned_even_if_its_detail_is_unavailable(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    fresh_sandbox.state.fault("not_found", route="product-ingestion.job-detail")
    job = instance.manual_check.check(job_id)
    assert job.pending
    assert job.job_result is not None
    assert job.job_result.casefold() == "succeeded"


def test_checking_a_finished_job_sends_no_request(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    instance.clock.advance(120)
    assert instance.manual_check.check(job_id).state is JobState.SUCCEEDED
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_a_job_that_is_not_registered_is_unknown(instance: Instance) -> None:
    with pytest.raises(JobUnknown):
        instance.manual_check.check(str(uuid.uuid4()))
