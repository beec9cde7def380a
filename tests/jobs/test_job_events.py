"""The rows of events about jobs: which are read, and as what."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.app import Stores
from shared.jobs.job import Job, JobState
from shared.jobs.job_events import JobEvent, job_event
from shared.jobs.job_rows import columns_of
from shared.storage.rows import BadRow
from shared.storage.table import Row

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
CREATED = NOW + timedelta(minutes=5)
JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"
JOB = Job(job_id=JOB_ID, registered_at=NOW, next_poll_at=NOW, label="a label")
ENDED = JOB.finished(JobState.LOST, NOW + timedelta(minutes=4))


def read(stores: Stores, job: Job, columns: Row) -> JobEvent:
    """The event of a job in a stored row with these columns; None leaves one out."""
    key = f"~finished~{JOB_ID}" if job is ENDED else "~event~evt_1"
    event_type = "job.lost" if job is ENDED else "job.stalled"
    about = {"eventId": "evt_1", "createdAt": CREATED, "type": event_type, "jobId": JOB_ID}
    row = {"PartitionKey": "pending", "RowKey": key} | columns_of(job) | about | columns
    stores.jobs_table.insert({name: value for name, value in row.items() if value is not None})
    [found] = stores.jobs_table.rows("PartitionKey eq 'pending'")
    return job_event(found)


@pytest.mark.parametrize(("job", "event_type"), [(ENDED, "job.lost"), (JOB, "job.stalled")], ids=["end", "stalled"])
def test_an_event_is_read_with_its_job(stores: Stores, job: Job, event_type: str) -> None:
    event = read(stores, job, {})
    assert (event.id, event.type, event.created_at, event.job) == ("evt_1", event_type, CREATED, job)
    assert event.finishes is (job is ENDED)
    assert event.columns["label"] == "a label"
    assert "eventId" not in event.columns


def test_an_event_is_named_after_the_state_in_which_its_job_ended(stores: Stores) -> None:
    assert read(stores, ENDED, {"state": "expired", "type": "job.lost"}).type == "job.expired"


def test_an_end_without_its_time_happened_when_its_job_ended(stores: Stores) -> None:
    assert read(stores, ENDED, {"createdAt": None}).created_at == ENDED.finished_at


def test_a_stalled_event_without_its_time_happened_when_its_job_was_registered(stores: Stores) -> None:
    assert read(stores, JOB, {"createdAt": None}).created_at == NOW


def test_the_id_that_version_1_0_0_wrote_is_read_where_there_is_no_other(stores: Stores) -> None:
    assert read(stores, ENDED, {"eventId": None, "finishedEventId": "evt_old"}).id == "evt_old"


def test_the_id_that_version_1_0_0_wrote_gives_way_to_a_newer_one(stores: Stores) -> None:
    assert read(stores, ENDED, {"finishedEventId": "evt_old"}).id == "evt_1"


@pytest.mark.parametrize(
    "columns",
    [
        {"eventId": None},
        {"eventId": "not an id"},
        {"registeredAt": None},
        {"state": "pending"},
        {"state": None},
        {"finishedAt": None},
        {"createdAt": "yesterday"},
        {"RowKey": "~finished~somewhere"},
        {"RowKey": "~finished~"},
    ],
    ids=str,
)
def test_an_end_that_lacks_what_it_needs_is_a_bad_row(stores: Stores, columns: Row) -> None:
    with pytest.raises(BadRow):
        read(stores, ENDED, columns)


@pytest.mark.parametrize(
    "columns",
    [
        {"eventId": None, "finishedEventId": "evt_old"},
        {"jobId": None},
        {"jobId": "not a job id"},
        {"type": "job.lost"},
        {"type": None},
        {"state": "lost"},
        {"registeredAt": None},
    ],
    ids=str,
)
def test_a_stalled_event_that_lacks_what_it_needs_is_a_bad_row(stores: Stores, columns: Row) -> None:
    with pytest.raises(BadRow):
        read(stores, JOB, columns)
