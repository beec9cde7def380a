"""A job and its row."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.jobs.finish_counts import FinishCounts
from shared.jobs.history import FINISHED_PARTITION, History
from shared.jobs.job import Job, JobState, Operation, job_record
from shared.jobs.job_rows import JOB_COLUMNS, columns_of, job_of, pending_row
from shared.jobs.large_fields import LargeFields
from shared.jobs.pending_jobs import PendingJobs
from shared.json_codec import dumps_bytes
from shared.polling.rules import PollRules
from shared.storage.documents import Documents
from shared.storage.errors import RecordBroken
from shared.storage.partition import Partition
from shared.storage.rows import BadRow, StoredRow
from shared.storage.table import Table
from shared.upstream.errors import UpstreamTimeout
from tests.clock import FakeClock

NOW = datetime(2026, 11, 20, 9, 0, 0, 123456, tzinfo=UTC)
JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"


def stored(key: str = JOB_ID, stamped_at: datetime = NOW, **columns: Any) -> StoredRow:  # noqa: ANN401 - of any type
    return StoredRow({"PartitionKey": "pending", "RowKey": key, **columns}, {"etag": "W/1", "timestamp": stamped_at})


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
        {"nextPollAt": datetime.max.replace(tzinfo=UTC)},
        {"lastPolledAt": datetime.min.replace(tzinfo=UTC)},
        {"retryAfterUntil": "0001-01-01T00:00:00+01:00"},
    ],
)
def test_a_row_with_a_wrong_key_or_type_is_bad_and_the_reason_names_the_column(columns: dict[str, Any]) -> None:
    with pytest.raises(BadRow, match="its (row key|" + "|".join(columns) + ")"):
        pending_row(stored(**columns), NOW)


def test_a_lone_surrogate_from_upstream_is_made_storable() -> None:
    job = Job(job_id=JOB_ID, registered_at=NOW, next_poll_at=NOW, job_status="\ud800running")
    columns_of(job)["jobStatus"].encode("utf-8")


def test_a_claim_is_told_from_a_slowed_down_job() -> None:
    until = NOW + timedelta(seconds=95)
    assert pending_row(stored(nextPollAt=until, claimedUntil=until), NOW).claimed
    assert not pending_row(stored(nextPollAt=until, claimedUntil=NOW), NOW).claimed
    assert not pending_row(stored(nextPollAt=until), NOW).claimed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4711, "4711"),
        (2**40, "1099511627776"),
        (4711000000.0, "4711000000"),
        (47.11, "47.11"),
        (UUID("b3f49dff-381f-480d-a10e-17f4ce49b65f"), "b3f49dff-381f-480d-a10e-17f4ce49b65f"),
        ("", None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (1e300, None),
        (b"bytes", None),
        (NOW, None),
    ],
)
def test_an_optional_column_of_another_type_is_taken_as_text_or_dropped(value: object, text: str | None) -> None:
    job = pending_row(stored(label=value, externalId=value, operation=value), NOW).job
    assert (job.label, job.external_id, job.operation) == (text, text, Operation.UNKNOWN)


def test_moments_further_ahead_than_the_app_writes_them_silence_no_job() -> None:
    far = datetime(2999, 1, 1, tzinfo=UTC)
    polled_at = NOW - timedelta(seconds=30)
    row = pending_row(stored(nextPollAt=far, lastPolledAt=polled_at, retryAfterUntil=far.isoformat()), NOW)
    assert (row.job.next_poll_at, row.job.retry_after_until) == (polled_at + timedelta(seconds=60), None)
    row = pending_row(stored(nextPollAt=far, lastPolledAt=far, registeredAt=far, pollCount=1), NOW)
    assert (row.job.next_poll_at, row.job.last_polled_at) == (NOW + timedelta(seconds=60), NOW)
    assert row.job.registered_at == NOW
    assert pending_row(stored(nextPollAt=far), NOW).job.next_poll_at == NOW


def test_what_upstream_asked_for_stays_as_it_is() -> None:
    until = NOW + timedelta(days=1)
    job = pending_row(stored(nextPollAt=until, retryAfterUntil=until.isoformat()), NOW).job
    assert (job.next_poll_at, job.retry_after_until) == (until, until)


@pytest.mark.parametrize(("others", "is_job"), [(252 - len(JOB_COLUMNS), True), (253 - len(JOB_COLUMNS), False)])
def test_a_row_without_room_for_a_jobs_columns_is_bad(others: int, is_job: bool) -> None:
    columns: dict[str, Any] = {f"column{number}": number for number in range(others)}
    row = stored(label="one of ours", **columns)
    if is_job:
        assert pending_row(row, NOW).job.label == "one of ours"
    else:
        with pytest.raises(BadRow, match="other columns"):
            pending_row(row, NOW)


def test_whatever_goes_wrong_while_a_row_is_read_makes_it_bad() -> None:
    with pytest.raises(BadRow, match="cannot be read"):
        pending_row(StoredRow({"PartitionKey": "pending"}, {}), NOW)


EXTREME_MOMENTS = st.sampled_from(
    [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), datetime(1601, 1, 1, tzinfo=UTC), NOW]
)
EXTREME_TEXTS = st.sampled_from(
    ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-14:00", "pending", "succeeded", "1" * 400, "[" * 200, "\ud800"]
)
VALUES = st.one_of(
    st.text(),
    EXTREME_TEXTS,
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.booleans(),
    st.binary(),
    st.uuids(),
    st.datetimes(timezones=st.just(UTC)),
    EXTREME_MOMENTS,
    st.none(),
)
ROWS = st.dictionaries(st.sampled_from(sorted(JOB_COLUMNS)), VALUES)
KEYS = st.one_of(st.just(JOB_ID), st.just(JOB_ID.upper()), st.text())


@settings(deadline=None)
@given(columns=ROWS, key=KEYS)
def test_any_row_is_a_job_that_can_be_shown_written_and_polled_or_a_bad_row(
    columns: dict[str, Any], key: str
) -> None:
    try:
        row = pending_row(stored(key=key, **columns), NOW)
    except BadRow:
        return
    dumps_bytes(job_record(row.job))
    assert columns_of(row.job).keys() <= JOB_COLUMNS
    assert row.job.next_poll_at <= NOW + timedelta(days=1, minutes=1)
    polled = PollRules(timedelta(hours=24), timedelta(days=30), 5).after_failed_status(
        row.job, UpstreamTimeout("no answer", api="x"), NOW
    )
    assert polled.next_poll_at <= NOW + timedelta(days=1)
    columns_of(polled)


@settings(deadline=None)
@given(columns=ROWS, key=KEYS)
def test_any_outbox_row_and_any_record_is_a_finished_job_or_a_bad_row(columns: dict[str, Any], key: str) -> None:
    bodies = LargeFields(NoDocuments())
    finished: dict[str, Any] = {"state": "failed", "registeredAt": NOW, "finishedAt": NOW, "finishedEventId": "evt_1"}
    for base in (finished, {}):
        counts = FinishCounts(Partition(NO_TABLE, FINISHED_PARTITION))
        for read in (PendingJobs(NO_TABLE, bodies, FakeClock()).whole_event, History(NO_TABLE, bodies, counts).read):
            try:
                found = read(stored(key=f"~finished~{key}", **(base | columns)))
            except BadRow:
                continue
            job = found if isinstance(found, Job) else found.job
            assert not job.pending
            dumps_bytes(job_record(job))


NO_TABLE = cast("Table", None)


class NoDocuments(Documents):
    """Of documents that are all gone."""

    def __init__(self) -> None:
        super().__init__(NO_TABLE)

    def get(self, owner: str, reference: str) -> bytes:
        raise RecordBroken(f"{owner} {reference[:5]}")
