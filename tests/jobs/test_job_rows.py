"""A job and its row."""

from datetime import UTC, datetime, timedelta

import pytest
from azure.data.tables import TableEntity

from shared.jobs.job import Job
from shared.jobs.job_rows import columns_of, job_of, pending_row
from shared.models.vocabulary import JobState, Operation
from shared.storage.columns import BadRow

NOW = datetime(2026, 11, 20, 9, 0, 0, 123456, tzinfo=UTC)
JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"


def stored(key: str = JOB_ID, stamped_at: datetime = NOW, **columns: object) -> TableEntity:
    row = TableEntity(PartitionKey="pending", RowKey=key, **columns)
    row._metadata = {"etag": "W/1", "timestamp": stamped_at}
    return row


def test_a_job_is_read_back_as_it_was_written() -> None:
    job = Job(
        job_id=JOB_ID,
        registered_at=NOW,
        next_poll_at=NOW + timedelta(seconds=60),
        state=JobState.FAILED,
        operation=Operation.UPGRADE,
        label="a label",
        external_id="crm-1",
        finished_at=NOW,
        job_status="completed",
        job_result="failed",
        job_start="2021-12-21T21:29:54.9702903Z",
        resource_uri="https://example.com",
        poll_count=3,
        last_polled_at=NOW,
        consecutive_poll_failures=1,
        not_found_in_a_row=1,
        last_poll_error="an error",
        detail_attempts=2,
        stalled=True,
    )
    assert job_of(columns_of(job), JOB_ID, registered_at=NOW) == job


def test_a_bare_row_is_a_job_registered_when_it_was_put_there() -> None:
    row = pending_row(stored(stamped_at=NOW - timedelta(minutes=3)), NOW)
    assert row.job.registered_at == NOW - timedelta(minutes=3)
    assert row.job.next_poll_at <= NOW
    assert row.job.operation is Operation.UNKNOWN
    assert row.never_polled


def test_storage_whose_clock_is_ahead_does_not_delay_a_new_job() -> None:
    assert pending_row(stored(stamped_at=NOW + timedelta(seconds=10)), NOW).job.next_poll_at == NOW


def test_an_operation_is_read_in_any_case_and_an_unknown_one_is_unknown() -> None:
    assert pending_row(stored(operation="Create"), NOW).job.operation is Operation.CREATE
    assert pending_row(stored(operation="frobnicate"), NOW).job.operation is Operation.UNKNOWN


@pytest.mark.parametrize(
    "columns",
    [
        {"key": "no guid"},
        {"nextPollAt": "soon"},
        {"pollCount": -1},
        {"pollCount": True},
        {"stalled": "yes"},
        {"state": "succeeded"},
        {"state": "nonsense"},
    ],
)
def test_a_row_with_a_wrong_key_or_type_is_bad_and_the_reason_names_the_column(columns: dict[str, object]) -> None:
    with pytest.raises(BadRow, match="its (row key|" + "|".join(columns) + ")"):
        pending_row(stored(**columns), NOW)  # type: ignore[arg-type] # wrong on purpose


def test_a_lone_surrogate_from_upstream_is_made_storable() -> None:
    job = Job(job_id=JOB_ID, registered_at=NOW, next_poll_at=NOW, job_status="\ud800running")
    columns_of(job)["jobStatus"].encode("utf-8")


def test_a_claim_is_told_from_a_slowed_down_job() -> None:
    until = NOW + timedelta(seconds=95)
    assert pending_row(stored(nextPollAt=until, claimedUntil=until), NOW).claimed
    assert not pending_row(stored(nextPollAt=until, claimedUntil=NOW), NOW).claimed
    assert not pending_row(stored(nextPollAt=until), NOW).claimed
