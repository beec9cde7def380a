"""Rows that other systems put into the jobs table: whatever they hold, they harm no other row."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import pytest
from azure.core.rest import HttpRequest

from sandbox.server import Sandbox
from shared.jobs.errors import JobMadeNoOffer
from shared.jobs.filter import JobFilter
from shared.jobs.job import JobState, Operation
from shared.jobs.job_rows import JOB_COLUMNS
from shared.storage.errors import ChangeRefused
from shared.storage.table import Change, Write
from tests.instance import Instance

ABSURD: list[Any] = [
    "0001-01-01T00:00:00+01:00",
    "x" * 30_000,
    -(2**62),
    2**31 - 1,
    float("nan"),
    float("-inf"),
    True,
    b"\x00\xff",
    uuid.uuid4(),
    datetime(1601, 1, 1, tzinfo=UTC),
    datetime(2999, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
]
ALL = JobFilter()
OURS = ["nextPollAt", "lastPolledAt", "retryAfterUntil", "registeredAt", "pollCount", "state", "stalled", "errors"]


def put(instance: Instance, key: str, **columns: Any) -> None:  # noqa: ANN401 - columns of any type
    instance.table.upsert({"PartitionKey": "pending", "RowKey": key, **columns})


def test_jobs_with_absurd_optional_columns_are_followed_to_the_end(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    jobs = [fresh_sandbox.state.add_job() for _ in ABSURD]
    for job_id, value in zip(jobs, ABSURD, strict=True):
        put(instance, job_id, operation=value, label=value, externalId=value, someColumn=value)
    instance.tick()
    assert {instance.job(job_id).state for job_id in jobs} == {JobState.SUCCEEDED}


def test_absurd_values_in_the_apps_own_columns_harm_no_other_job_and_no_call(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    good = fresh_sandbox.state.add_job()
    instance.register(good)
    hostile = [str(uuid.uuid4()) for _ in ABSURD for _ in OURS]
    values = [(column, value) for value in ABSURD for column in OURS]
    for job_id, (column, value) in zip(hostile, values, strict=True):
        put(instance, job_id, **{column: value})
    instance.listing.page(JobFilter(external_id="x"), limit=500, cursor=None)
    instance.listing.page(JobFilter(), limit=500, cursor=None)
    for job_id in hostile[:: len(OURS)]:
        instance.registry.find(job_id)
        instance.registry.remove(job_id)
    instance.tick()
    assert instance.job(good).state is JobState.SUCCEEDED


def test_absurd_records_harm_no_call(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    [record] = [row for _, row in instance.history.scan("", "", ALL, at_once=1)]
    assert record is not None
    columns = cycle(["state", "registeredAt", "finishedAt", "lastPolledAt", "errors", "privateOfferDocument"])
    for value, column in zip(ABSURD, columns, strict=False):
        instance.table.upsert({**record, column: value})
        instance.listing.page(JobFilter(), limit=10, cursor=None)
        instance.registry.find(job_id)
        instance.history.last_polls(instance.clock.now())
    for value in ABSURD:
        instance.table.upsert({"PartitionKey": "finished", "RowKey": f"job~{job_id}", "recordKey": value})
        assert instance.registry.find(job_id) is None


def test_absurd_outbox_rows_are_set_aside_and_harm_no_other_job(instance: Instance, fresh_sandbox: Sandbox) -> None:
    keys = [f"~finished~{uuid.UUID(int=number)}" for number in range(len(ABSURD))]
    for key, value in zip(keys, ABSURD, strict=True):
        put(instance, key, finishedEventId=value, registeredAt=value, state="failed")
    put(instance, "~finished~no-job", finishedEventId="evt_1", registeredAt=instance.clock.now())
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    assert instance.job(job_id).state is JobState.SUCCEEDED
    assert {row.row_key for row in instance.set_aside_rows.page(None, 50)} == {*keys, "~finished~no-job"}


def test_absurd_rows_of_remembered_requests_keep_no_job_from_being_polled(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    polled = [fresh_sandbox.state.add_job() for _ in ABSURD]
    looked_up = [fresh_sandbox.state.add_job(outcome="failed") for _ in ABSURD]
    for job_id, value in zip([*polled, *looked_up], [*ABSURD, *ABSURD], strict=True):
        instance.table.upsert({"PartitionKey": "asked", "RowKey": job_id, "nextPollAt": value, "answer": value})
    for job_id in polled:
        instance.register(job_id)
    instance.tick()
    assert {instance.job(job_id).state for job_id in polled} == {JobState.SUCCEEDED}
    for job_id in looked_up:
        with pytest.raises(JobMadeNoOffer):
            instance.job_offers.private_offer(job_id)


def test_a_record_from_the_future_does_not_keep_a_job_that_was_put_back_from_being_polled(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    instance.tick()
    [record] = [row for _, row in instance.history.scan("", "", ALL, at_once=1)]
    assert record is not None
    instance.table.upsert({**record, "lastPolledAt": datetime(2999, 1, 1, tzinfo=UTC)})
    put(instance, job_id)
    instance.clock.advance(61)
    instance.tick()
    assert list(instance.table.rows("PartitionKey eq 'pending'")) == []


def test_a_job_with_a_key_in_upper_case_is_found_before_a_tick_has_renamed_it(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    job_id = fresh_sandbox.state.add_job()
    put(instance, job_id.upper(), label="upper")
    assert instance.job(job_id).label == "upper"
    assert instance.registry.register(job_id, operation=Operation.CREATE, label=None, external_id=None)[1] is False
    assert instance.manual_check.check(job_id).state is JobState.SUCCEEDED


def test_hundreds_of_keys_in_upper_case_are_renamed_at_once(instance: Instance) -> None:
    jobs = [str(uuid.UUID(int=number + 2**127)) for number in range(510)]
    instance.table.commit_each(
        [[Change(Write.INSERT, {"PartitionKey": "pending", "RowKey": job_id.upper()})] for job_id in jobs]
    )
    rows = instance.row_repair.in_lower_case(instance.pending_rows())
    assert sorted(row.row_key for row in rows) == sorted(jobs)


def test_of_two_rows_for_one_job_the_one_in_lower_case_stays(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    instance.register(job_id)
    put(instance, job_id.upper(), label="surplus")
    misspelt = [row for row in instance.pending_rows() if row.row_key != job_id]
    assert instance.row_repair.in_lower_case(misspelt) == []  # the right one is not among those read
    assert [row["RowKey"] for row in instance.table.rows("PartitionKey eq 'pending'")] == [job_id]
    assert instance.job(job_id).label == "a label"


def test_a_row_too_large_for_the_columns_of_a_job_is_set_aside(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = fresh_sandbox.state.add_job()
    put(instance, job_id, huge="x" * 30_000)
    [row] = instance.pending_rows()
    commit = instance.table.commit

    def refusing(changes: Sequence[Change]) -> list[str]:
        if any(change.row["RowKey"] == job_id and change.write is Write.MERGE for change in changes):
            raise ChangeRefused("too large")
        return commit(changes)

    monkeypatch.setattr(instance.table, "commit", refusing)
    instance.row_repair.set_aside_refused([row])
    assert instance.registry.find(job_id) is None
    [aside] = instance.set_aside_rows.page(None, 10)
    assert aside.row_key == job_id


def test_columns_of_other_systems_do_not_enter_the_history(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    put(instance, job_id, customer="Contoso", label="kept")
    instance.tick()
    [record] = [row for _, row in instance.history.scan("", "", ALL, at_once=1)]
    assert record is not None
    assert record.keys() - {"PartitionKey", "RowKey"} <= JOB_COLUMNS
    assert record["label"] == "kept"


def test_the_errors_of_a_pending_job_survive_a_failed_poll(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    errors = [{"code": "conflict", "message": "x" * 40_000}]
    instance.register(job_id)
    row = instance.pending.get(job_id)
    assert row is not None
    instance.pending.write([(row, replace(row.job, errors=errors))], instance.clock.now())
    fresh_sandbox.state.fault("server_error", route="product-ingestion")
    instance.tick()
    assert instance.job(job_id).poll_count == 1
    assert instance.job(job_id).errors == errors
    fresh_sandbox.state.clear_faults()
    fresh_sandbox.state.fault("not_found", route="product-ingestion")
    for _ in range(5):
        instance.clock.advance(120)
        instance.tick()
    assert instance.job(job_id).state is JobState.LOST
    assert instance.job(job_id).errors == errors


def test_a_row_whose_key_cannot_be_in_a_url_stops_no_other_job(instance: Instance, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job()
    instance.register(job_id)
    row = {"PartitionKey": "pending", "RowKey": "\ud800"}
    request = HttpRequest(
        "POST", instance.table._url, json=row, headers={"Accept": "application/json;odata=nometadata"}
    )
    assert instance.table._send_request(request).status_code < 300
    report = instance.tick()
    assert (report.failure, report.finished) == (None, 1)
    assert not instance.set_aside_rows.remove("\ud800")
