"""The private offer of a job, whether or not the job is registered here."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.jobs.errors import AskedTooRecently, JobMadeNoOffer, JobStillPending, JobUnknown, OfferDeleted
from shared.jobs.job import JobState, Operation
from shared.upstream.errors import TokenUnavailable, UpstreamNotFound, UpstreamServerError
from shared.upstream.job_status import JobStatus
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
    fresh_sandbox.state.clear_requests()
    with pytest.raises(OfferDeleted):
        instance.job_offers.private_offer(job_id)
    assert fresh_sandbox.state.requests() == []


@pytest.mark.parametrize(
    ("resource_uri", "error"), [("https://example.com/configure/1", UpstreamNotFound), (None, OfferDeleted)]
)
def test_a_job_that_succeeded_and_has_no_detail_left_no_offer_unless_it_names_one(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, resource_uri: str | None, error: type[Exception]
) -> None:
    job_id = str(uuid.uuid4())
    ended = instance.register(job_id).finished(JobState.SUCCEEDED, instance.clock.now())
    monkeypatch.setattr(instance.registry, "find", lambda _: replace(ended, resource_uri=resource_uri))
    with pytest.raises(error):
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
    for _ in range(2):
        with pytest.raises(OfferDeleted):
            instance.job_offers.private_offer(job_id)
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_an_unregistered_job_that_succeeded_with_a_resource_but_without_a_detail_is_unknown(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    fresh_sandbox.state.fault("not_found", route="product-ingestion.job-detail")
    for _ in range(2):
        with pytest.raises(JobUnknown):
            instance.job_offers.private_offer(job_id)
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


@pytest.mark.parametrize(("characters", "kept"), [(20_000, True), (40_000, False)])
def test_long_errors_of_an_unregistered_job_are_left_out_of_what_is_remembered(
    instance: Instance, fresh_sandbox: Sandbox, characters: int, kept: bool
) -> None:
    job_id = fresh_sandbox.state.add_job(outcome="failed", errors=[{"message": "x" * characters}])
    found = []
    for _ in range(2):
        with pytest.raises(JobMadeNoOffer) as failed:
            instance.job_offers.private_offer(job_id)
        found.append(bool(failed.value.errors))
    assert found == [True, kept]
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_a_look_up_that_upstream_did_not_answer_is_repeated_after_the_minute(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(outcome="failed")
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-status", count=1)
    with pytest.raises(UpstreamServerError):
        instance.job_offers.private_offer(job_id)
    instance.clock.advance(20)
    with pytest.raises(AskedTooRecently) as refusal:
        instance.job_offers.private_offer(job_id)
    assert refusal.value.retry_after_seconds == 40
    instance.clock.advance(40)
    with pytest.raises(JobMadeNoOffer):
        instance.job_offers.private_offer(job_id)


def test_a_look_up_without_a_token_asks_nothing_and_may_be_repeated_at_once(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job(outcome="failed")

    def no_token(*_: object, **__: object) -> None:
        raise TokenUnavailable("no token", api="Product Ingestion")

    with monkeypatch.context() as patch:
        patch.setattr(instance.upstream, "job_status", no_token)
        with pytest.raises(TokenUnavailable):
            instance.job_offers.private_offer(job_id)
    with pytest.raises(JobMadeNoOffer):
        instance.job_offers.private_offer(job_id)
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_a_look_up_that_may_still_be_under_way_elsewhere_is_not_repeated(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(outcome="failed")
    claim = instance.poll_spacing.claim(job_id, instance.clock.now(), instance.clock.now() + timedelta(seconds=105))
    assert claim is not None
    with pytest.raises(AskedTooRecently) as refusal:
        instance.job_offers.private_offer(job_id)
    assert refusal.value.retry_after_seconds == 105


def test_a_look_up_claims_the_job_until_a_minute_after_its_request_is_given_up(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job(outcome="failed")
    ask = instance.upstream.job_status

    def ask_while_others_look(*arguments: Any, **named: Any) -> JobStatus:  # noqa: ANN401 - passed on
        with pytest.raises(AskedTooRecently) as refusal:
            instance.another().job_offers.private_offer(job_id)
        assert refusal.value.retry_after_seconds == 105
        assert named["timeout_seconds"] == 45
        return ask(*arguments, **named)

    monkeypatch.setattr(instance.upstream, "job_status", ask_while_others_look)
    with pytest.raises(JobMadeNoOffer):
        instance.job_offers.private_offer(job_id)


def test_an_answer_that_someone_has_changed_in_storage_is_not_used(instance: Instance) -> None:
    job_id = str(uuid.uuid4())
    soon = instance.clock.now() + timedelta(seconds=30)
    instance.table.insert({"PartitionKey": "asked", "RowKey": job_id, "answer": "[", "nextPollAt": soon})
    with pytest.raises(AskedTooRecently) as refusal:
        instance.job_offers.private_offer(job_id)
    assert refusal.value.retry_after_seconds == 30


@pytest.mark.parametrize(
    ("state", "error"),
    [(JobState.LOST, JobUnknown), (JobState.EXPIRED, JobUnknown), (JobState.CANCELLED, JobMadeNoOffer)],
)
def test_a_registered_job_that_ended_without_an_offer_says_so(
    instance: Instance, state: JobState, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = str(uuid.uuid4())
    ended = instance.register(job_id).finished(state, instance.clock.now())
    monkeypatch.setattr(instance.registry, "find", lambda _: ended)
    with pytest.raises(error):
        instance.job_offers.private_offer(job_id)


def test_a_job_that_is_unknown_here_and_upstream_is_not_found(instance: Instance) -> None:
    job_id = str(uuid.uuid4())
    with pytest.raises(UpstreamNotFound):
        instance.job_offers.private_offer(job_id)
    with pytest.raises(JobUnknown):  # from what is remembered of the first look-up
        instance.job_offers.private_offer(job_id)
