"""A poll cycle while upstream, storage, another system or the process itself is in trouble."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.jobs.job import Job, JobState
from shared.jobs.job_rows import PENDING_PARTITION, PendingRow
from shared.polling.cycle import LAST_ANSWER_AFTER
from shared.polling.poller import Poll
from shared.polling.report import CycleFailure
from shared.settings import Settings, StorageByConnectionString
from shared.storage.errors import ChangeRefused, StorageUnreachable
from shared.storage.retrying import Waiting
from shared.storage.table import Change
from tests.clock import FakeClock
from tests.instance import Instance


def pending_keys(instance: Instance) -> list[str]:
    return [row["RowKey"] for row in instance.table.rows(f"PartitionKey eq '{PENDING_PARTITION}'")]


def test_a_row_put_into_the_table_by_another_system_is_picked_up(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.table.insert({"PartitionKey": "pending", "RowKey": job_id, "label": "by hand"})
    instance.tick()
    job = instance.job(job_id)
    assert job.poll_count == 1
    assert job.label == "by hand"


def test_a_followed_job_whose_row_is_replaced_is_not_polled_twice_within_a_minute(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    for seconds in (0, 5, 55):
        instance.clock.advance(seconds)
        instance.table.upsert({"PartitionKey": "pending", "RowKey": job_id})
        instance.tick()
    assert len(fresh_sandbox.state.status_requests(job_id)) == 2


def test_many_rows_in_upper_case_are_renamed_in_one_tick(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_ids = [fresh_sandbox.state.add_job(seconds=None) for _ in range(120)]
    for job_id in job_ids:
        instance.table.insert({"PartitionKey": "pending", "RowKey": job_id.upper()})
    assert instance.tick().polled == 120
    assert pending_keys(instance) == sorted(job_ids)


def test_of_two_rows_for_one_job_the_one_in_lower_case_is_polled(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.table.insert({"PartitionKey": "pending", "RowKey": job_id.upper()})
    instance.table.insert({"PartitionKey": "pending", "RowKey": job_id})
    instance.tick()
    assert pending_keys(instance) == [job_id]
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


@pytest.mark.parametrize(
    "row",
    [
        {"RowKey": "not a job id"},
        {"RowKey": str(uuid.uuid4()), "stalled": 5},
        {"RowKey": str(uuid.uuid4()), "retryAfterUntil": "0001-01-01T00:00:00+01:00"},
        {"RowKey": str(uuid.uuid4()), "lastPolledAt": datetime(9999, 12, 31, tzinfo=UTC)},
        {"RowKey": str(uuid.uuid4()), "nextPollAt": "tomorrow"},
        {"RowKey": str(uuid.uuid4()), "pollCount": "many"},
        {"RowKey": str(uuid.uuid4()), "pollCount": 2**31 - 1},
    ],
)
def test_a_bad_row_is_set_aside_and_stops_no_other_job(
    instance: Instance, fresh_sandbox: Sandbox, row: dict[str, object]
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.table.insert({"PartitionKey": "pending", **row})
    report = instance.tick()
    assert report.set_aside == 1
    assert instance.job(job_id).state is JobState.SUCCEEDED
    aside = list(instance.table.rows("PartitionKey eq 'setaside'"))
    assert [each["RowKey"] for each in aside] == [row["RowKey"]]
    assert pending_keys(instance) == []


def test_a_job_claimed_by_a_process_that_died_is_polled_a_minute_after_its_request_could_have_arrived(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)

    with monkeypatch.context() as dying:
        dying.setattr(instance.pending, "write", lambda polled, _: [None] * len(polled))
        instance.tick()
    answers_until = instance.clock.now() + LAST_ANSWER_AFTER
    assert instance.job(job_id).next_poll_at == answers_until + timedelta(seconds=60)
    instance.clock.advance(60)
    assert instance.tick().polled == 0
    instance.clock.advance(60)
    assert instance.tick().finished == 1


def test_a_row_that_storage_refuses_to_update_stops_no_other_job(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, *others = [fresh_sandbox.state.add_job() for _ in range(4)]
    for job_id in (poison, *others):
        instance.register(job_id)
    commit = instance.table.commit

    def refuse_the_poison(changes: Sequence[Change]) -> list[str]:
        # The real service refuses a row that would exceed 1 MiB; the emulator takes any.
        if any(change.row["RowKey"] == poison for change in changes):
            raise ChangeRefused("the row would be too large")
        return commit(changes)

    monkeypatch.setattr(instance.table, "commit", refuse_the_poison)
    report = instance.tick()
    assert report.finished == 3
    assert report.failure is None
    assert fresh_sandbox.state.status_requests(poison) == []


def test_a_429_stops_the_rest_of_the_cycle_and_releases_its_claims(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_ids = [fresh_sandbox.state.add_job(seconds=None) for _ in range(30)]
    for job_id in job_ids:
        instance.register(job_id)
    fresh_sandbox.state.fault("too_many_requests", route="product-ingestion.job-status", retry_after_seconds=300)
    report = instance.tick()
    assert report.throttled
    assert report.failure is None
    asked = [job_id for job_id in job_ids if fresh_sandbox.state.status_requests(job_id)]
    assert 1 <= len(asked) <= 16
    assert report.unreached == 30 - len(asked)
    assert instance.job(asked[0]).next_poll_at == instance.clock.now() + timedelta(seconds=300)
    fresh_sandbox.state.clear_faults()
    assert instance.tick().polled == 30 - len(asked)


def test_a_rejected_token_is_renewed_once_and_the_other_jobs_go_on(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    first, *others = [fresh_sandbox.state.add_job(seconds=None) for _ in range(3)]
    instance.register(first)
    instance.tick()
    fresh_sandbox.state.revoke_tokens()
    instance.clock.advance(60)
    instance.tick()
    for job_id in others:
        instance.register(job_id)
    assert instance.tick().polled == 2
    # The rejected request counts for its job's minute.
    assert len(fresh_sandbox.state.status_requests(first)) == 2
    assert instance.job(first).consecutive_poll_failures == 0


def test_a_token_rejected_again_after_its_renewal_stops_the_cycle(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_ids = [fresh_sandbox.state.add_job(seconds=None) for _ in range(60)]
    for job_id in job_ids:
        instance.register(job_id)
    fresh_sandbox.state.fault("expired_token", route="product-ingestion.job-status")
    report = instance.tick()
    assert report.failure is CycleFailure.TOKEN_REFUSED
    asked = sum(len(fresh_sandbox.state.status_requests(job_id)) for job_id in job_ids)
    assert asked < 30
    assert all(len(fresh_sandbox.state.status_requests(job_id)) <= 1 for job_id in job_ids)


def test_without_a_token_no_job_is_claimed_or_polled(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    fresh_sandbox.state.fault("token_refused")
    report = instance.tick()
    assert report.failure is CycleFailure.TOKEN_REFUSED
    assert fresh_sandbox.state.status_requests(job_id) == []
    assert instance.job(job_id).next_poll_at <= instance.clock.now()
    assert fresh_sandbox.client_secret not in (report.failure_detail or "")


def test_a_cycle_fails_if_upstream_is_down_for_all_jobs_and_no_job_is_lost(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_ids = [fresh_sandbox.state.add_job() for _ in range(3)]
    for job_id in job_ids:
        instance.register(job_id)
    fresh_sandbox.state.fault("server_error", route="product-ingestion.job-status")
    assert instance.tick().failure is CycleFailure.UPSTREAM_DOWN
    assert all(instance.job(job_id).pending for job_id in job_ids)
    fresh_sandbox.state.clear_faults()
    instance.clock.advance(60)
    assert instance.tick().finished == 3


def test_a_missing_role_is_reported_as_a_refused_token(instance: Instance, fresh_sandbox: Sandbox) -> None:
    instance.register(fresh_sandbox.state.add_job())
    fresh_sandbox.state.fault("role_missing", route="product-ingestion.job-status")
    assert instance.tick().failure is CycleFailure.TOKEN_REFUSED


def test_a_cycle_fails_if_storage_is_unreachable(settings: Settings, clock: FakeClock) -> None:
    nowhere = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:9/a;"
    never = Waiting(monotonic=lambda: float("inf"))
    unreachable = replace(settings, storage=StorageByConnectionString(nowhere))
    report = Instance(unreachable, clock, waiting=never).tick()
    assert report.failure is CycleFailure.STORAGE_UNREACHABLE


def test_an_unavailable_detail_is_tried_on_the_next_two_ticks_then_the_job_finishes_without_it(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    fresh_sandbox.state.fault("not_found", route="product-ingestion.job-detail")
    for expected in (JobState.PENDING, JobState.PENDING, JobState.SUCCEEDED):
        instance.tick()
        assert instance.job(job_id).state is expected
        instance.clock.advance(60)
    # Upstream has already said how the job ended.
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1
    assert instance.job(job_id).private_offer is None
    assert instance.announcer.types == ["job.succeeded"]


def test_a_detail_that_becomes_available_later_is_stored(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    fresh_sandbox.state.fault("not_found", route="product-ingestion.job-detail", count=1)
    instance.tick()
    instance.clock.advance(60)
    instance.tick()
    assert instance.job(job_id).private_offer is not None


def test_a_job_that_is_not_found_five_times_in_a_row_is_lost(instance: Instance) -> None:
    job_id = str(uuid.uuid4())
    instance.register(job_id)
    for _ in range(5):
        assert instance.job(job_id).pending
        instance.tick()
        instance.clock.advance(60)
    assert instance.job(job_id).state is JobState.LOST
    assert instance.announcer.types == ["job.lost"]


def test_a_stalled_event_that_could_not_be_announced_is_announced_by_the_next_cycle(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    instance.clock.advance(24 * 3600)

    def unreachable(_: object) -> None:
        raise StorageUnreachable("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(instance.announcer, "announce", unreachable)
        instance.tick()
    assert instance.announcer.types == []
    instance.clock.advance(60)
    instance.tick()
    assert instance.announcer.types == ["job.stalled"]


def test_a_job_removed_while_it_is_polled_stays_removed(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    write = instance.pending.write

    def write_after_removal(polled: list[tuple[PendingRow, Job]], now: datetime) -> object:
        instance.registry.remove(job_id)
        return write(polled, now)

    monkeypatch.setattr(instance.pending, "write", write_after_removal)
    instance.tick()
    assert instance.registry.find(job_id) is None
    assert instance.announcer.types == []


def test_jobs_that_a_cycle_does_not_reach_in_time_are_first_in_line_for_the_next(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_ids = [fresh_sandbox.state.add_job(seconds=None) for _ in range(3)]
    for seconds, job_id in enumerate(job_ids):
        instance.register(job_id)
        instance.clock.advance(seconds + 1)
    began = instance.clock.now()
    claim = instance.pending.claim

    def claim_slowly(*arguments: object, **named: object) -> object:
        claimed = claim(*arguments, **named)  # type: ignore[arg-type] # passed through
        instance.clock.advance(40)
        return claimed

    instance.pending.claim = claim_slowly  # type: ignore[assignment,method-assign] # storage that takes 40 seconds
    report = instance.tick()
    assert report.unreached == 3
    assert all(instance.job(job_id).next_poll_at <= began for job_id in job_ids)
    assert fresh_sandbox.state.requests(route="product-ingestion.job-status") == []


@pytest.fixture
def fragile(instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> str:
    """One of three registered jobs: polling it raises an error that nothing expects."""
    fragile, *others = [fresh_sandbox.state.add_job() for _ in range(3)]
    for job_id in (fragile, *others):
        instance.register(job_id)
    poll = instance.poller.poll

    def fail_for_one(job: Job, **options: Any) -> Poll:  # noqa: ANN401 - passed on
        if job.job_id == fragile:
            raise KeyError("an unforeseen error")
        return poll(job, **options)

    monkeypatch.setattr(instance.poller, "poll", fail_for_one)
    return fragile


def test_a_poll_that_fails_unexpectedly_counts_as_a_failed_poll_and_stops_no_other_job(
    instance: Instance, fragile: str
) -> None:
    report = instance.tick()
    assert (report.failure, report.finished, report.failed_polls) == (None, 2, 1)
    job = instance.job(fragile)
    assert job.last_poll_error == "The poll failed unexpectedly; the log says why."
    assert job.next_poll_at == instance.clock.now() + timedelta(seconds=60)


def test_a_poll_without_any_result_keeps_its_claim_and_the_cycle_ends(
    instance: Instance, fragile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_too(_: Job) -> Poll:
        raise KeyError("another unforeseen error")

    monkeypatch.setattr(instance.poller, "failed_unexpectedly", fails_too)
    report = instance.tick()
    assert (report.failure, report.finished, report.failed_polls) == (None, 2, 1)
    row = instance.pending.get(fragile)
    assert row is not None
    assert row.claimed
