"""A poll cycle against the sandbox and Azurite, while nothing is in trouble."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.server import Sandbox
from shared.jobs.job import JobState, Operation
from shared.jobs.job_rows import PENDING_PARTITION
from shared.json_codec import loads
from tests.instance import Instance


def pending_keys(instance: Instance) -> list[str]:
    return [row["RowKey"] for row in instance.table.rows(f"PartitionKey eq '{PENDING_PARTITION}'")]


def test_an_idle_tick_sends_no_request_not_even_for_a_token(instance: Instance, fresh_sandbox: Sandbox) -> None:
    before = len(fresh_sandbox.state.requests())
    report = instance.tick()
    assert report.failure is None
    assert report.polled == 0
    assert len(fresh_sandbox.state.requests()) == before


def test_a_succeeded_job_leaves_pending_with_its_private_offer(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    report = instance.tick()
    job = instance.job(job_id)
    assert (report.polled, report.finished) == (1, 1)
    assert job.state is JobState.SUCCEEDED
    assert job.private_offer is not None
    assert loads(job.private_offer)["id"].startswith("private-offer/")
    assert job.finished_at == instance.clock.now()
    assert pending_keys(instance) == []
    assert instance.announcer.types == ["job.succeeded"]


def test_a_failed_job_keeps_upstreams_errors_unchanged(instance: Instance, fresh_sandbox: Sandbox) -> None:
    errors = [{"code": "Conflict", "message": "The start date should be defined", "details": {}}]
    job_id = fresh_sandbox.state.add_job(script=[{"state": "failed", "fields": {"errors": errors}}])
    instance.register(job_id)
    instance.tick()
    assert instance.job(job_id).state is JobState.FAILED
    assert instance.job(job_id).errors == errors
    assert instance.announcer.types == ["job.failed"]


def test_a_cancelled_job_is_neither_success_nor_failure(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(outcome="cancelled")
    instance.register(job_id)
    instance.tick()
    assert instance.job(job_id).state is JobState.CANCELLED


def test_a_delete_job_succeeds_without_a_resource_uri_and_without_a_detail(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(operation="delete")
    instance.register(job_id, Operation.DELETE)
    instance.tick()
    assert instance.job(job_id).state is JobState.SUCCEEDED
    assert instance.job(job_id).private_offer is None
    assert fresh_sandbox.state.requests(route="product-ingestion.job-detail") == []


def test_without_a_resource_uri_the_detail_is_requested_once_and_the_operation_is_not_guessed(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(operation="delete")
    instance.register(job_id, Operation.UNKNOWN)
    instance.tick()
    job = instance.job(job_id)
    assert (job.state, job.operation, job.private_offer) == (JobState.SUCCEEDED, Operation.UNKNOWN, None)
    assert job.last_poll_error is None
    assert len(fresh_sandbox.state.requests(route="product-ingestion.job-detail")) == 1


def test_a_job_whose_answers_never_name_its_resource_still_gets_its_offer(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    script = [{"state": "succeeded", "fields": {"resourceUri": None}}]
    job_id = fresh_sandbox.state.add_job(script=script, resources=[{"id": "private-offer/x", "name": "x"}])
    instance.register(job_id, Operation.UNKNOWN)
    instance.tick()
    assert instance.job(job_id).private_offer is not None


def test_a_running_job_is_polled_once_a_tick(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    for _ in range(3):
        instance.tick()
        instance.clock.advance(60)
    job = instance.job(job_id)
    assert len(fresh_sandbox.state.status_requests(job_id)) == 3
    assert job.poll_count == 3
    assert job.pending


def test_a_tick_that_comes_59_7_seconds_after_the_last_poll_waits_for_the_minute_and_polls(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.tick()
    instance.clock.advance(59.7)
    instance.tick()
    assert len(fresh_sandbox.state.status_requests(job_id)) == 2
    assert instance.slept_seconds == [pytest.approx(0.3, abs=0.01)]


def test_a_tick_does_not_wait_for_a_job_polled_30_seconds_ago(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.tick()
    instance.clock.advance(30)
    report = instance.tick()
    assert report.polled == 0
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_two_instances_that_tick_at_once_poll_each_job_once_and_finish_it_once(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    instances = [instance, instance.another()]
    job_ids = [fresh_sandbox.state.add_job(seconds=None if n % 2 else 0) for n in range(40)]
    for job_id in job_ids:
        instances[0].register(job_id)
    with ThreadPoolExecutor(2) as both:
        reports = list(both.map(lambda instance: instance.tick(), instances))
    assert sum(report.polled for report in reports) == 40
    assert all(len(fresh_sandbox.state.status_requests(job_id)) == 1 for job_id in job_ids)
    assert sum(report.finished for report in reports) == 20
    assert sorted(instance.announcer.types) == ["job.succeeded"] * 20


def test_a_private_offer_of_more_than_a_mebibyte_is_stored_whole(instance: Instance, fresh_sandbox: Sandbox) -> None:
    offer = {"id": "private-offer/big", "name": "big", "notes": ["\u00e9" * 1000] * 300}
    job_id = fresh_sandbox.state.add_job(resources=[offer])
    instance.register(job_id)
    instance.tick()
    assert loads(instance.job(job_id).private_offer or b"") == offer
    assert loads(instance.announcer.events[0].data["job"]["privateOffer"].data) == offer


def test_a_job_pending_for_a_day_is_announced_as_stalled_once_and_still_polled(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.tick()
    instance.clock.advance(24 * 3600)
    for _ in range(3):
        instance.tick()
        instance.clock.advance(60)
    assert instance.job(job_id).stalled
    assert instance.job(job_id).poll_count == 4
    assert instance.announcer.types == ["job.stalled"]


def test_a_job_pending_for_thirty_days_expires(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.clock.advance(30 * 24 * 3600)
    instance.tick()
    assert instance.job(job_id).state is JobState.EXPIRED
    assert instance.announcer.types == ["job.expired"]
