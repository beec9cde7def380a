"""The large fields of a job are read as they were stored, byte for byte."""

from dataclasses import replace

import pytest

from shared.jobs.job import Job, job_record
from shared.jobs.large_fields import LargeFields
from shared.json_codec import dumps_bytes
from shared.storage.documents import Documents
from shared.storage.large_columns import LONGEST_COLUMN_BYTES
from shared.storage.table import Table
from tests.clock import FakeClock

JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"
OFFERS = {
    "digits and spaces": b'{ "percent": 2.0,\n\t"version": 636576975611768314 }',
    "letters of every length": '{"name": "Zürich 東京 \U0001f600"}'.encode(),
    "escapes, including a lone surrogate": rb'{"name": "\ud800 \u00fc \/"}',
    "a column's worth": b'{"notes":"' + b"x" * (LONGEST_COLUMN_BYTES - 12) + b'"}',
    "a byte more than that": b'{"notes":"' + b"x" * (LONGEST_COLUMN_BYTES - 11) + b'"}',
    "a column's worth of long letters": '{{"notes":"{}"}}'.format("\U0001f600" * 7496).encode(),
    "more than an entity": '{{"notes":"{}"}}'.format("ü" * 600_000).encode(),
}


@pytest.fixture
def large_fields(table: Table) -> LargeFields:
    return LargeFields(Documents(table))


@pytest.fixture
def job(clock: FakeClock) -> Job:
    return Job(job_id=JOB_ID, registered_at=clock.now(), next_poll_at=clock.now())


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_an_offer_is_read_and_shown_as_the_bytes_that_were_stored(
    table: Table, large_fields: LargeFields, job: Job, offer: bytes
) -> None:
    table.insert({"PartitionKey": "p", "RowKey": "r"} | large_fields.columns(replace(job, private_offer=offer)))
    row = table.get("p", "r")
    assert row is not None
    stored = large_fields.load(job, row)
    assert stored.private_offer == offer
    assert b'"privateOffer":' + offer + b',"pollCount"' in dumps_bytes(job_record(stored))


@pytest.mark.parametrize("column", ["[]", '{"a":', "null", '{"a":NaN}', "{}{}", '"x"', "[" * 100_000])
def test_a_column_that_is_not_a_json_object_is_never_passed_on_as_an_offer(
    large_fields: LargeFields, job: Job, column: str
) -> None:
    assert large_fields.load(job, {"privateOffer": column}).private_offer is None
