"""What a poll's answer does to a job."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.jobs.job import Job, JobState, Operation
from shared.polling.rules import AnswerPostponed, PollRules
from shared.settings import load_settings
from shared.upstream.errors import (
    TokenRejected,
    UpstreamError,
    UpstreamNotFound,
    UpstreamServerError,
    UpstreamThrottled,
    UpstreamTimeout,
)
from shared.upstream.job_status import JobStatus

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"
JOB = Job(job_id=JOB_ID, registered_at=NOW, next_poll_at=NOW, operation=Operation.CREATE)
RULES = PollRules(stalled_after=timedelta(hours=24), expires_after=timedelta(days=30), lost_after_not_found=5)
API = "Product Ingestion"
SUCCEEDED = replace(
    JOB, poll_count=1, job_status="completed", job_result="succeeded", resource_uri="https://example.com/configure/1"
)


def status(job_status: str, job_result: str = "pending", **fields: object) -> JobStatus:
    answer = {"jobId": JOB_ID, "jobStatus": job_status, "jobResult": job_result, **fields}
    return JobStatus.from_json(answer, JOB_ID)


def after_failures(*errors: UpstreamError, job: Job = JOB) -> Job:
    for error in errors:
        job = RULES.after_failed_status(job, error, NOW)
    return job


@pytest.mark.parametrize(
    ("job_result", "state"),
    [("failed", JobState.FAILED), ("Cancelled", JobState.CANCELLED), ("FAILED", JobState.FAILED)],
)
def test_a_completed_job_ends_with_its_result_in_upper_or_lower_case(job_result: str, state: JobState) -> None:
    assert RULES.after_status(JOB, status("Completed", job_result), NOW).state is state


def test_a_running_job_with_a_job_end_is_still_running() -> None:
    job = RULES.after_status(JOB, status("running", jobEnd="2021-12-21T21:30:10.3649551Z"), NOW)
    assert job.pending
    assert job.job_end == "2021-12-21T21:30:10.3649551Z"


def test_a_status_of_failed_does_not_finish_a_job() -> None:
    job = RULES.after_status(JOB, status("failed", "failed"), NOW)
    assert job.pending
    assert job.last_poll_error is not None
    assert "failed" in job.last_poll_error


@pytest.mark.parametrize("job_result", ["pending", "partiallySucceeded"])
def test_a_completed_job_with_an_unknown_result_stays_pending(job_result: str) -> None:
    assert RULES.after_status(JOB, status("completed", job_result), NOW).pending


@pytest.mark.parametrize("job_status", ["notStarted", "running", "Running", "NOTSTARTED"])
def test_a_job_that_has_not_ended_yet_is_pending_without_an_error(job_status: str) -> None:
    job = RULES.after_status(JOB, status(job_status), NOW)
    assert (job.pending, job.last_poll_error) == (True, None)


def test_an_unknown_status_or_result_is_shown_with_the_job() -> None:
    unknown_status = RULES.after_status(JOB, status("paused"), NOW)
    unknown_result = RULES.after_status(JOB, status("completed", "partiallySucceeded"), NOW)
    assert "jobStatus 'paused'" in str(unknown_status.last_poll_error)
    assert "jobResult 'partiallySucceeded'" in str(unknown_result.last_poll_error)
    assert len(str(RULES.after_status(JOB, status("x" * 10_000), NOW).last_poll_error)) == 500


@pytest.mark.parametrize("job_result", ["succeeded", "failed", "cancelled"])
def test_a_job_finishes_at_the_moment_of_the_answer(job_result: str) -> None:
    delete = replace(JOB, operation=Operation.DELETE)
    job = RULES.after_status(delete, status("completed", job_result), NOW + timedelta(minutes=5))
    assert job.finished_at == NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    "job",
    [
        RULES.after_status(JOB, status("running"), NOW),
        RULES.after_failed_status(JOB, UpstreamServerError("503", api=API), NOW),
        RULES.after_failed_status(JOB, TokenRejected("401", api=API, after_renewal=False), NOW),
    ],
    ids=["answered", "failed", "rejected"],
)
def test_every_status_request_counts_as_a_poll(job: Job) -> None:
    assert (job.poll_count, job.last_polled_at) == (1, NOW)


def test_the_next_poll_is_a_minute_after_the_answer() -> None:
    assert RULES.after_status(JOB, status("running"), NOW).next_poll_at == NOW + timedelta(seconds=60)


def test_an_answer_resets_the_count_of_failures() -> None:
    failed = after_failures(*[UpstreamServerError("503", api=API)] * 4)
    job = RULES.after_status(failed, status("running"), NOW)
    assert (job.consecutive_poll_failures, job.last_poll_error) == (0, None)
    assert job.next_poll_at == NOW + timedelta(seconds=60)


def test_repeated_failures_slow_polling_down_to_once_in_fifteen_minutes() -> None:
    waits = []
    job = JOB
    for _ in range(7):
        job = after_failures(UpstreamTimeout("late", api=API), job=job)
        waits.append((job.next_poll_at - NOW).total_seconds() / 60)
    assert waits == [1, 2, 4, 8, 15, 15, 15]


def test_a_job_whose_polls_have_failed_a_million_times_is_still_polled_every_fifteen_minutes() -> None:
    job = after_failures(UpstreamTimeout("late", api=API), job=replace(JOB, consecutive_poll_failures=10**6))
    assert job.next_poll_at == NOW + timedelta(minutes=15)


@pytest.mark.parametrize("seconds", [0, 5, 600])
def test_the_wait_that_upstream_asked_for_is_kept_for_checks_by_hand(seconds: int) -> None:
    job = after_failures(UpstreamServerError("503", api=API, retry_after_seconds=seconds))
    assert job.retry_after_until == NOW + timedelta(seconds=seconds)
    assert after_failures(UpstreamServerError("503", api=API), job=job).retry_after_until is None


def test_retry_after_is_obeyed_if_it_is_longer_up_to_a_day() -> None:
    def wait(seconds: float) -> timedelta:
        error = UpstreamThrottled("429", api=API, retry_after_seconds=seconds)
        return after_failures(error).next_poll_at - NOW

    assert wait(5) == timedelta(seconds=60)
    assert wait(600) == timedelta(seconds=600)
    assert wait(10**9) == timedelta(days=1)


def test_five_404s_in_a_row_lose_the_job_without_slowing_it_down() -> None:
    not_found = UpstreamNotFound("404", api=API, status=404)
    almost = after_failures(*[not_found] * 4)
    assert almost.pending
    assert almost.next_poll_at == NOW + timedelta(seconds=60)
    assert after_failures(not_found, job=almost).state is JobState.LOST


def test_404s_with_another_answer_between_them_do_not_lose_the_job() -> None:
    not_found = UpstreamNotFound("404", api=API, status=404)
    job = after_failures(*[not_found] * 4, UpstreamServerError("503", api=API), *[not_found] * 4)
    assert job.pending


def test_a_rejected_token_is_not_a_failure_of_the_job_but_its_minute_starts_again() -> None:
    job = after_failures(TokenRejected("401", api=API, after_renewal=False))
    assert job.consecutive_poll_failures == 0
    assert job.last_poll_error is not None
    assert "401" in job.last_poll_error
    assert job.next_poll_at == NOW + timedelta(seconds=60)


def test_a_postponed_status_is_not_a_failure_of_the_job() -> None:
    job = after_failures(AnswerPostponed("large", api=API))
    assert job.consecutive_poll_failures == 0
    assert job.next_poll_at == NOW + timedelta(seconds=60)


def test_a_job_is_flagged_as_stalled_after_a_day() -> None:
    old = replace(JOB, registered_at=NOW - timedelta(hours=24))
    assert RULES.after_status(old, status("running"), NOW).stalled
    assert after_failures(UpstreamServerError("503", api=API), job=old).stalled
    assert not RULES.after_status(JOB, status("running"), NOW).stalled


def test_a_stalled_job_stays_stalled() -> None:
    stalled = replace(JOB, stalled=True)
    assert RULES.after_status(stalled, status("running"), NOW).stalled


def test_a_job_expires_after_thirty_days_even_while_upstream_fails() -> None:
    old = replace(JOB, registered_at=NOW - timedelta(days=30))
    assert RULES.after_status(old, status("running"), NOW).state is JobState.EXPIRED
    assert after_failures(UpstreamServerError("503", api=API), job=old).state is JobState.EXPIRED


def test_an_old_job_that_upstream_calls_finished_is_not_expired() -> None:
    old = replace(JOB, registered_at=NOW - timedelta(days=30))
    assert RULES.after_status(old, status("completed", "failed"), NOW).state is JobState.FAILED


def test_a_delete_job_succeeds_without_waiting_for_a_detail() -> None:
    delete = replace(JOB, operation=Operation.DELETE)
    assert RULES.after_status(delete, status("completed", "succeeded"), NOW).state is JobState.SUCCEEDED


def test_any_other_job_that_succeeds_waits_for_its_detail() -> None:
    succeeded = RULES.after_status(JOB, status("completed", "succeeded", resourceUri="https://x/y"), NOW)
    assert succeeded.pending
    assert succeeded.awaits_detail


def test_a_job_finishes_with_the_offer_in_its_detail_and_no_error() -> None:
    job = RULES.after_detail(replace(SUCCEEDED, last_poll_error="503"), b"{}", NOW)
    assert (job.state, job.finished_at) == (JobState.SUCCEEDED, NOW)
    assert (job.private_offer, job.last_poll_error) == (b"{}", None)
    assert RULES.after_detail(SUCCEEDED, None, NOW).state is JobState.SUCCEEDED


def test_the_error_stored_with_a_job_has_at_most_500_characters() -> None:
    job = after_failures(UpstreamServerError("x" * 10_000, api=API))
    assert job.last_poll_error is not None
    assert len(job.last_poll_error) <= 500


def test_a_throttled_detail_obeys_retry_after_and_does_not_count_as_an_attempt() -> None:
    throttled = UpstreamThrottled("busy", api=API, status=429, retry_after_seconds=600)
    job = SUCCEEDED
    for _ in range(10):
        job = RULES.after_failed_detail(job, throttled, NOW)
    assert job.pending
    assert job.awaits_detail
    assert job.detail_attempts == 0
    assert job.next_poll_at == job.retry_after_until == NOW + timedelta(seconds=600)


def test_a_throttled_detail_does_not_keep_a_job_pending_beyond_thirty_days() -> None:
    throttled = UpstreamThrottled("busy", api=API, status=429, retry_after_seconds=600)
    assert RULES.after_failed_detail(SUCCEEDED, throttled, NOW + timedelta(days=30)).state is JobState.SUCCEEDED


def test_a_detail_is_tried_on_the_next_two_ticks_and_then_the_job_finishes_without_it() -> None:
    failed = UpstreamServerError("down", api=API, status=503)
    job, seen = SUCCEEDED, []
    for _ in range(3):
        job = RULES.after_failed_detail(job, failed, NOW)
        seen.append((job.detail_attempts, job.state, job.last_poll_error))
    assert seen == [(1, JobState.PENDING, "down"), (2, JobState.PENDING, "down"), (3, JobState.SUCCEEDED, "down")]
    assert job.finished_at == NOW


def test_a_failed_detail_is_tried_again_by_the_next_tick_and_by_no_tick_that_runs_now() -> None:
    job = RULES.after_failed_detail(SUCCEEDED, UpstreamServerError("down", api=API, status=503), NOW)
    assert (job.next_poll_at, job.retry_after_until) == (NOW + timedelta(seconds=20), None)


def test_a_throttled_detail_without_retry_after_counts_as_an_attempt() -> None:
    job = RULES.after_failed_detail(SUCCEEDED, UpstreamThrottled("busy", api=API, status=429), NOW)
    assert job.detail_attempts == 1


def test_a_short_retry_after_does_not_bring_a_detail_forward() -> None:
    failed = UpstreamServerError("down", api=API, status=503, retry_after_seconds=5)
    job = RULES.after_failed_detail(SUCCEEDED, failed, NOW)
    assert job.next_poll_at == NOW + timedelta(seconds=20)
    assert job.retry_after_until == NOW + timedelta(seconds=5)


def test_a_failed_detail_obeys_retry_after() -> None:
    failed = UpstreamServerError("down", api=API, status=503, retry_after_seconds=300)
    job = RULES.after_failed_detail(SUCCEEDED, failed, NOW)
    assert (job.detail_attempts, job.next_poll_at) == (1, NOW + timedelta(seconds=300))


def test_a_postponed_detail_does_not_count_as_an_attempt() -> None:
    job = RULES.after_failed_detail(SUCCEEDED, AnswerPostponed("large", api=API), NOW)
    assert (job.detail_attempts, job.pending) == (0, True)


def test_a_404_without_a_resource_uri_means_that_there_is_no_offer() -> None:
    failed_before = replace(SUCCEEDED, resource_uri=None, last_poll_error="503")
    job = RULES.after_failed_detail(failed_before, UpstreamNotFound("none", api=API, status=404), NOW)
    assert (job.state, job.finished_at, job.last_poll_error) == (JobState.SUCCEEDED, NOW, None)


def test_another_failure_without_a_resource_uri_is_tried_again() -> None:
    failed = UpstreamServerError("down", api=API, status=503)
    assert RULES.after_failed_detail(replace(SUCCEEDED, resource_uri=None), failed, NOW).pending


def test_a_404_despite_a_resource_uri_is_tried_again() -> None:
    assert RULES.after_failed_detail(SUCCEEDED, UpstreamNotFound("none", api=API, status=404), NOW).pending


def test_the_rules_follow_the_settings() -> None:
    required = {
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "PARTNER_CENTER_TENANT_ID": "contoso.example",
        "PARTNER_CENTER_CLIENT_ID": "00000000-0000-4000-8000-000000000001",
        "PARTNER_CENTER_CLIENT_SECRET": "invented",
    }
    own = {"JOB_STALLED_AFTER_HOURS": "7", "JOB_EXPIRES_AFTER_DAYS": "8", "JOB_LOST_AFTER_NOT_FOUND": "9"}
    assert PollRules.from_settings(load_settings(required | own)) == PollRules(
        stalled_after=timedelta(hours=7), expires_after=timedelta(days=8), lost_after_not_found=9
    )
