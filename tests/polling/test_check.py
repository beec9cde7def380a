"""A poll on demand."""

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.jobs.errors import AskedTooRecently, JobStillPending, JobUnknown
from shared.jobs.job import JobState
from shared.jobs.job_rows import PendingRow
from shared.jobs.pending_jobs import Claims
from shared.storage.errors import StorageUnreachable
from shared.upstream.errors import TokenUnavailable, UpstreamServerError
from shared.upstream.job_status import JobStatus
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
    row = instance.pending.get(job_id)
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


def test_a_check_after_another_instances_look_up_waits_for_its_minute(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    with pytest.raises(JobStillPending):
        instance.job_offers.private_offer(job_id)
    instance.clock.advance(25)
    instance.register(job_id)
    other = instance.another()
    with pytest.raises(AskedTooRecently) as refusal:
        other.manual_check.check(job_id)
    assert refusal.value.retry_after_seconds == 35
    instance.clock.advance(35)
    assert other.manual_check.check(job_id).pending


def test_a_check_of_a_job_put_back_after_its_end_waits_for_the_minute_of_its_last_poll(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    instance.clock.advance(20)
    instance.table.insert({"PartitionKey": "pending", "RowKey": job_id})
    other = instance.another()
    with pytest.raises(AskedTooRecently) as refusal:
        other.manual_check.check(job_id)
    assert refusal.value.retry_after_seconds == 40
    instance.clock.advance(40)
    assert other.manual_check.check(job_id).state is JobState.SUCCEEDED


def test_a_job_just_registered_can_be_checked_at_once(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    assert instance.manual_check.check(job_id).poll_count == 1


def test_checks_that_ask_upstream_are_counted_and_those_that_fail_too(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.manual_check.check(job_id)
    with pytest.raises(AskedTooRecently):
        instance.manual_check.check(job_id)
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-status")
    for _ in range(2):
        instance.clock.advance(60)
        with pytest.raises(UpstreamServerError):
            instance.manual_check.check(job_id)
    [today] = instance.stores.stats.days(1)
    assert (today["polls"], today["failedPolls"]) == (3, 2)


def test_a_check_claims_the_job_until_a_minute_after_its_request_is_given_up(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    ask = instance.upstream.job_status

    def ask_while_others_check(*arguments: Any, **named: Any) -> JobStatus:  # noqa: ANN401 - passed on
        with pytest.raises(AskedTooRecently) as refusal:
            instance.another().manual_check.check(job_id)
        assert refusal.value.retry_after_seconds == 105
        assert named["timeout_seconds"] == 45
        return ask(*arguments, **named)

    monkeypatch.setattr(instance.upstream, "job_status", ask_while_others_check)
    assert instance.manual_check.check(job_id).pending


def test_a_check_without_a_token_raises_that_and_leaves_the_job_as_it_was(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    fresh_sandbox.state.fault("token_refused", count=1)
    with pytest.raises(TokenUnavailable):
        instance.manual_check.check(job_id)
    assert fresh_sandbox.state.status_requests(job_id) == []
    [today] = instance.stores.stats.days(1)
    assert today["polls"] == 0
    assert instance.job(job_id).next_poll_at == instance.clock.now()


def test_a_check_that_loses_its_claim_to_another_instance_waits_a_minute(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    claim = instance.pending.claim

    def claim_after_another(rows: Sequence[PendingRow], until: datetime) -> Claims:
        claim(rows, until)
        return claim(rows, until)

    monkeypatch.setattr(instance.pending, "claim", claim_after_another)
    with pytest.raises(AskedTooRecently) as refusal:
        instance.manual_check.check(job_id)
    assert refusal.value.retry_after_seconds == 60
    assert fresh_sandbox.state.status_requests(job_id) == []


def test_a_finish_that_storage_does_not_take_now_is_left_to_the_next_tick(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)

    def unreachable(_: object) -> None:
        raise StorageUnreachable("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(instance.announcer, "announce", unreachable)
        assert instance.manual_check.check(job_id).state is JobState.SUCCEEDED
    assert instance.announcer.types == []
    instance.tick()
    assert instance.announcer.types == ["job.succeeded"]


def test_a_check_that_finds_a_job_stalled_announces_it(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.clock.advance(24 * 3600)
    assert instance.manual_check.check(job_id).stalled
    assert instance.announcer.types == ["job.stalled"]
