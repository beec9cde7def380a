"""How a job progresses and how its status is written."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.dialects import DIALECTS
from sandbox.jobs import Job, JobStore, Profile

START = datetime(2026, 11, 20, 9, 0, 0, 123456, tzinfo=UTC)


def job_of(profile: Profile, *, dialect: str = "private-offer", operation: str = "create") -> Job:
    return JobStore().add(START, profile=replace(profile, dialect=dialect), operation=operation)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_job_goes_from_not_started_over_running_to_completed() -> None:
    job = job_of(Profile(seconds=15, not_started_seconds=2))
    told = [(status["jobStatus"], status["jobResult"]) for status in map(job.status, map(after, (0, 2, 15)))]
    assert told == [("notStarted", "pending"), ("running", "pending"), ("completed", "succeeded")]


def test_a_job_without_a_duration_never_ends() -> None:
    assert job_of(Profile(seconds=None)).status(after(1e7))["jobResult"] == "pending"


def test_a_completed_job_keeps_its_end() -> None:
    job = job_of(Profile(seconds=15))
    assert job.status(after(15))["jobEnd"] == job.status(after(900))["jobEnd"] == "2026-11-20T09:00:15.1234564Z"


def test_a_resource_uri_names_the_job_on_another_host() -> None:
    job = job_of(Profile(seconds=0))
    uri = job.status(START)["resourceUri"]
    assert uri == f"https://product-ingestion.mp.microsoft.com/configure/{job.job_id}"


def test_a_delete_job_has_no_resource_uri() -> None:
    assert "resourceUri" not in job_of(Profile(seconds=0), operation="delete").status(START)


def test_a_failed_job_has_nested_errors_and_no_resource_uri() -> None:
    status = job_of(Profile(seconds=0, outcome="failed")).status(START)
    assert status["errors"][0]["details"][0]["details"][0]["code"] == "invalidState"
    assert "resourceUri" not in status


@pytest.mark.parametrize(
    ("dialect", "end"),
    [
        ("private-offer", "0001-01-01"),
        ("core", "0001-01-01T00:00:00"),
        ("trimmed", "2026-11-20T09:00:15.5234Z"),
        ("spaced", None),
    ],
)
def test_the_end_of_a_running_job_is_a_placeholder_a_wrong_time_or_missing(dialect: str, end: str | None) -> None:
    assert job_of(Profile(seconds=None), dialect=dialect).status(after(5)).get("jobEnd") == end


def test_the_schema_of_a_completed_job_starts_with_a_space() -> None:
    job = job_of(Profile(seconds=15))
    assert not job.status(after(1))["$schema"].startswith(" ")
    assert job.status(after(15))["$schema"].startswith(" https://")


def test_the_core_dialect_writes_job_id_with_a_capital_d() -> None:
    status = job_of(Profile(), dialect="core").status(START)
    assert "jobID" in status
    assert "jobId" not in status


def test_the_pascal_dialect_writes_its_values_in_pascal_case() -> None:
    status = job_of(Profile(seconds=0, outcome="cancelled"), dialect="pascal").status(START)
    assert (status["jobStatus"], status["jobResult"]) == ("Completed", "Cancelled")


@pytest.mark.parametrize(("dialect", "innermost"), [("private-offer", []), ("pascal", {}), ("core", None)])
def test_empty_details_are_a_list_an_object_or_missing(dialect: str, innermost: object) -> None:
    errors = job_of(Profile(seconds=0, outcome="failed"), dialect=dialect).status(START)["errors"]
    assert errors[0]["details"][0]["details"][0].get("details") == innermost


def test_jobs_take_turns_in_the_dialects_when_asked_to() -> None:
    store = JobStore()
    names = [store.add(START, profile=Profile(dialect="in-turn")).dialect.name for _ in range(7)]
    assert set(names) == set(DIALECTS)
    assert names[0] == names[6]


def test_a_job_is_found_by_its_id_in_any_case() -> None:
    store = JobStore()
    job = store.add(START, profile=Profile())
    assert store.find(job.job_id.upper()) is job


def test_the_last_entry_of_a_script_is_repeated() -> None:
    job = JobStore().add(START, profile=Profile(), script=["running", "succeeded"])
    told = [(job.next_script_entry(), job.status(START)["jobResult"])[1] for _ in range(3)]
    assert told == ["pending", "succeeded", "succeeded"]


def test_an_outcome_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="outcome must be one of"):
        Profile(outcome="exploded")
