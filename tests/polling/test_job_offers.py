"""The private offer of a job, whether or not the job is registered here."""

import uuid

import pytest

from sandbox.server import Sandbox
from shared.jobs.errors import JobMadeNoOffer, JobStillPending, JobUnknown, OfferDeleted
from shared.jobs.job import Operation
from shared.upstream.errors import UpstreamNotFound
from tests.instance import Instance


def test_the_offer_of_a_succeeded_job_comes_from_storage(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    fresh_sandbox.state.clear_requests()
    assert b'"id": "private-offer/' in instance.job_offers.private_offer(job_id)
    assert fresh_sandbox.state.requests() == []


def test_a_pending_job_has_no_offer_yet(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.tick()
    with pytest.raises(JobStillPending) as pending:
        instance.job_offers.private_offer(job_id)
    assert pending.value.retry_after_seconds == 60


def test_a_failed_job_says_why_there_is_no_offer(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(outcome="failed")
    instance.register(job_id)
    instance.tick()
    with pytest.raises(JobMadeNoOffer) as failed:
        instance.job_offers.private_offer(job_id)
    assert failed.value.errors


def test_a_delete_job_leaves_no_offer(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(operation="delete")
    instance.register(job_id, Operation.DELETE)
    instance.tick()
    with pytest.raises(OfferDeleted):
        instance.job_offers.private_offer(job_id)


def test_the_detail_is_requested_again_if_the_job_finished_without_it(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    fresh_sandbox.state.fault("not_found", route="product-ingestion.job-detail")
    for _ in range(3):
        instance.tick()
        instance.clock.advance(60)
    fresh_sandbox.state.clear_faults()
    assert b'"id": "private-offer/' in instance.job_offers.private_offer(job_id)


def test_looking_up_an_unregistered_finished_job_needs_no_status_request(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    assert b'"id": "private-offer/' in instance.job_offers.private_offer(job_id)
    assert fresh_sandbox.state.status_requests(job_id) == []


def test_an_unregistered_running_job_is_asked_about_once_a_minute_however_many_look_ups_there_are(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    for _ in range(3):
        with pytest.raises(JobStillPending):
            instance.job_offers.private_offer(job_id)
        instance.clock.advance(15)
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1
    instance.clock.advance(15)
    with pytest.raises(JobStillPending):
        instance.job_offers.private_offer(job_id)
    assert len(fresh_sandbox.state.status_requests(job_id)) == 2


def test_a_job_registered_after_a_look_up_still_waits_for_its_minute(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    with pytest.raises(JobStillPending):
        instance.job_offers.private_offer(job_id)
    instance.register(job_id)
    instance.tick()
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_an_unregistered_failed_job_says_why(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(outcome="failed")
    for _ in range(2):
        with pytest.raises(JobMadeNoOffer) as failed:
            instance.job_offers.private_offer(job_id)
        assert failed.value.errors


def test_an_unregistered_delete_job_leaves_no_offer(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(operation="delete")
    with pytest.raises(OfferDeleted):
        instance.job_offers.private_offer(job_id)


def test_a_job_that_is_unknown_here_and_upstream_is_not_found(instance: Instance) -> None:
    job_id = str(uuid.uuid4())
    with pytest.raises(UpstreamNotFound):
        instance.job_offers.private_offer(job_id)
    with pytest.raises(JobUnknown):  # from what is remembered of the first look-up
        instance.job_offers.private_offer(job_id)
