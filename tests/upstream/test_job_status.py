"""A job's status as upstream may write it. docs/upstream.md has the quirks."""

from contextlib import suppress

import pytest
from hypothesis import given, settings

from shared.json_codec import InvalidJson, loads
from shared.upstream.errors import UpstreamUnreadable
from shared.upstream.job_status import JobStatus
from tests.json_texts import json_bytes

JOB_ID = "11111111-2222-4333-8444-555555555555"


def read(**fields: object) -> JobStatus:
    """A running job as upstream writes it, with `fields` over it; None takes a field out."""
    body = {
        "$schema": "https://schema.mp.microsoft.com/schema/configure-status/2022-07-01",
        "jobId": JOB_ID,
        "jobStatus": "running",
        "jobResult": "pending",
        "jobStart": "2024-05-01T09:15:30.1234567Z",
        "jobEnd": "0001-01-01",
        "errors": [],
        **fields,
    }
    return JobStatus.from_json({name: value for name, value in body.items() if value is not None}, JOB_ID)


def test_a_running_job_is_not_finished_and_has_no_outcome() -> None:
    job = read()

    assert (job.finished, job.outcome) == (False, None)


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "cancelled"])
def test_a_completed_job_is_finished_with_its_result_as_the_outcome(outcome: str) -> None:
    job = read(jobStatus="completed", jobResult=outcome)

    assert (job.finished, job.outcome) == (True, outcome)


def test_a_status_of_failed_does_not_finish_a_job() -> None:
    """Only `completed` finishes a job; the result says how it ended."""
    assert not read(jobStatus="failed", jobResult="failed").finished


def test_a_schema_with_spaces_before_or_in_it_is_accepted() -> None:
    """Quirk 1: `$schema` with a leading space on finished jobs, an inner one in prose."""
    schema = " https://schema.mp.microsoft.com/schema/configure-status/ 2022-07-01"

    assert read(**{"$schema": schema}, jobStatus="completed", jobResult="succeeded").finished


def test_a_result_of_running_is_not_an_outcome() -> None:
    """Quirk 3: the documentation lists a jobResult "Running"; on the wire it is "pending"."""
    assert read(jobResult="Running").outcome is None


@pytest.mark.parametrize("end", ["0001-01-01", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z", " 0001-01-01 "])
def test_a_date_of_year_one_means_no_date_yet(end: str) -> None:
    """Quirk 4: the year-1 sentinel, with or without a time."""
    assert read(jobEnd=end).job_end is None


def test_a_plausible_end_does_not_finish_a_running_job() -> None:
    """Quirk 4: the documentation's running job has a real-looking jobEnd."""
    job = read(jobEnd="2024-05-01T09:15:46.7654321Z")

    assert not job.finished
    assert job.job_end == "2024-05-01T09:15:46.7654321Z"


def test_dates_are_kept_unchanged_with_seven_digits_or_fewer() -> None:
    assert read().job_start == "2024-05-01T09:15:30.1234567Z"
    assert read(jobStart="2024-05-01T09:15:30.5235Z").job_start == "2024-05-01T09:15:30.5235Z"


def test_field_names_may_be_in_any_case() -> None:
    """Quirk 6: jobID beside jobId, resourceURI beside resourceUri."""
    job = JobStatus.from_json(
        {"jobID": JOB_ID.upper(), "JobStatus": "completed", "jobresult": "succeeded", "resourceURI": "https://x/y"},
        JOB_ID,
    )

    assert (job.job_id, job.finished, job.resource_uri) == (JOB_ID, True, "https://x/y")


def test_a_delete_job_succeeds_without_a_resource_uri() -> None:
    """Quirk 7."""
    job = read(jobStatus="completed", jobResult="succeeded")

    assert (job.outcome, job.resource_uri) == ("succeeded", None)


@pytest.mark.parametrize("errors", [[], {}, None, "", 7, [None]])
def test_missing_errors_have_many_forms(errors: object) -> None:
    """Quirk 8."""
    assert read(errors=errors).errors == []


def test_errors_are_kept_unchanged_nested_or_without_a_message() -> None:
    """Quirk 8: message may be missing; details may be a list, an object or missing."""
    errors = [
        {"code": "Conflict", "details": [{"code": "businessValidationError", "details": {}}]},
        {"resourceId": {"externalId": "a"}, "code": "invalidState"},
    ]

    assert read(errors=errors).errors == errors


def test_a_single_error_object_counts_as_a_list_of_one() -> None:
    assert read(errors={"code": "conflict"}).errors == [{"code": "conflict"}]


def test_enums_are_compared_without_case_and_kept_unchanged() -> None:
    """Quirk 9: casing differs between samples, and "cancelled" has two spellings."""
    job = read(jobStatus=" Completed", jobResult="Canceled ")

    assert (job.finished, job.outcome) == (True, "cancelled")
    assert (job.job_status, job.job_result) == ("Completed", "Canceled")


def test_an_unknown_status_or_result_does_not_finish_a_job() -> None:
    """Quirk 14: another `$version` may bring words that nobody has seen."""
    assert not read(jobStatus="archived", jobResult="succeeded").finished
    assert read(jobStatus="completed", jobResult="partiallySucceeded").outcome is None
    assert read(jobStatus="completed", jobResult=None).outcome is None


@pytest.mark.parametrize("value", [None, [], "completed", 7, {}, {"jobId": JOB_ID, "jobStatus": 3}])
def test_another_shape_is_unreadable(value: object) -> None:
    with pytest.raises(UpstreamUnreadable):
        JobStatus.from_json(value, JOB_ID)


def test_an_answer_about_another_job_is_unreadable() -> None:
    with pytest.raises(UpstreamUnreadable, match="another job"):
        read(jobId="99999999-2222-4333-8444-555555555555", jobStatus="completed", jobResult="succeeded")


_NAMES = ("jobId", "jobID", "jobStatus", " JobResult ", "jobStart", "jobEnd", "resourceUri", "errors", "message")


@settings(max_examples=100, deadline=None)
@given(json_bytes(names=_NAMES, texts=(JOB_ID, "completed", "succeeded", "0001-01-01")))
def test_any_answer_is_a_status_or_unreadable(body: bytes) -> None:
    with suppress(UpstreamUnreadable, InvalidJson):
        status = JobStatus.from_json(loads(body), JOB_ID)
        assert all(isinstance(error, dict) for error in status.errors)
