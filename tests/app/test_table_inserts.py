"""Jobs that other systems put into the table, and rows that are not jobs."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from azure.data.tables import EdmType, EntityProperty

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable

WIDE_INTEGER = EntityProperty(2**40, EdmType.INT64)
NOT_JOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "no guid": ("not-a-guid", {}),
    "a guid without hyphens": (uuid.uuid4().hex, {}),
    "empty": ("", {}),
    "quotes": ("O'Neil \"&<>", {}),
    "long": ("x" * 500, {}),
    "another script": ("\u0436\U0001f600", {}),
    "an invalid outbox row": ("~finished~x", {}),
    "an outbox row of a job": (f"~finished~{uuid.uuid4()}", {"registeredAt": "now", "finishedEventId": 7}),
    "a text for a time": (str(uuid.uuid4()), {"nextPollAt": "tomorrow"}),
    "a number for a time": (str(uuid.uuid4()), {"registeredAt": 5}),
    "a number for a text": (str(uuid.uuid4()), {"jobStatus": 5}),
    "a text for a count": (str(uuid.uuid4()), {"pollCount": "many"}),
    "a negative count": (str(uuid.uuid4()), {"pollCount": -1}),
    "a wide integer": (str(uuid.uuid4()), {"pollCount": WIDE_INTEGER}),
    "bytes": (str(uuid.uuid4()), {"jobStatus": b"running"}),
    "a text for a flag": (str(uuid.uuid4()), {"stalled": "yes"}),
    "a state that a pending job cannot have": (str(uuid.uuid4()), {"state": "succeeded"}),
    "an unknown state": (str(uuid.uuid4()), {"state": "sleeping"}),
}
JUNK_BESIDE: dict[str, dict[str, Any]] = {
    "unknown columns": {"colour": "blue", "size": 5, "blob": b"x" * 1000, "moment": datetime(2020, 1, 1, tzinfo=UTC)},
    "optional columns that are numbers": {
        "operation": 5,
        "label": 2.5,
        "externalId": EntityProperty(2**40, EdmType.INT64),
    },
    "optional columns of other types": {"operation": b"create", "label": True, "externalId": b"\x00"},
    "a GUID for an external id": {"externalId": uuid.uuid4()},
    "moments in the far future": {
        "nextPollAt": datetime(2999, 1, 1, tzinfo=UTC),
        "retryAfterUntil": "2999-01-01T00:00:00+00:00",
    },
    "an unknown operation": {"operation": "Teleport"},
    "an operation in another case": {"operation": "CREATE"},
    "bytes for an operation": {"operation": b"create"},
    "a number and a GUID for texts": {"label": 5, "externalId": uuid.uuid4()},
    "a wide number for an external id": {"externalId": EntityProperty(2**40, EdmType.INT64)},
    "a flag and a time for texts": {"label": True, "externalId": datetime(2020, 1, 1, tzinfo=UTC)},
    "errors that are not JSON": {"errors": "boom"},
    "errors of another type": {"errors": 5},
    "errors of another shape": {"errors": "{}"},
    "an offer that is not JSON": {"privateOffer": "boom"},
    "an offer of another shape": {"privateOffer": "[1]"},
    "a document that is not there": {"errorsDocument": "0" * 64 + "~1"},
    "a document of another type": {"privateOfferDocument": 5},
    "a text as long as a column": {"label": "x" * 32_000},
    "a time of long ago": {
        "registeredAt": datetime(1601, 1, 1, tzinfo=UTC),
        "nextPollAt": datetime(1601, 1, 1, tzinfo=UTC),
    },
}


def test_a_row_with_a_job_id_and_nothing_else_is_a_job(app: App, fresh_sandbox: Sandbox, table: JobsTable) -> None:
    job_id = fresh_sandbox.state.add_job()
    table.put(job_id)
    assert app.job(job_id)["state"] == "pending"
    assert app.get("jobs").json()["jobs"][0]["jobId"] == job_id
    app.tick()
    assert app.job(job_id)["state"] == "succeeded"
    assert table.rows("pending") == []


def test_the_optional_columns_of_an_inserted_job_stay_with_it(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    job_id = fresh_sandbox.state.add_job()
    table.put(job_id, operation="update", label="L\u00e4bel", externalId="crm'1")
    app.tick()
    record = app.get("jobs", state="succeeded", externalId="crm'1").json()["jobs"][0]
    assert (record["jobId"], record["operation"], record["label"]) == (job_id, "update", "L\u00e4bel")


def test_a_row_key_in_upper_case_is_the_same_job_in_lower_case(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    table.put(job_id.upper(), label="inserted")
    app.tick()
    assert [row["RowKey"] for row in table.rows("pending")] == [job_id]
    assert (app.job(job_id)["label"], app.job(job_id.upper())["pollCount"]) == ("inserted", 1)
    table.put(job_id.upper())
    app.tick()
    assert [row["RowKey"] for row in table.rows("pending")] == [job_id]
    assert len(fresh_sandbox.state.status_requests(job_id)) == 1


def test_a_hundred_inserted_jobs_are_polled_in_one_tick(app: App, fresh_sandbox: Sandbox, table: JobsTable) -> None:
    job_ids = [fresh_sandbox.state.add_job() for _ in range(110)]
    table.put_jobs(job_ids)
    assert app.tick()["finished"] == 110
    assert all(len(fresh_sandbox.state.status_requests(job_id)) == 1 for job_id in job_ids)


def test_unreadable_rows_are_set_aside_stop_no_other_job_and_can_be_removed(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    for row_key, columns in NOT_JOBS.values():
        table.put(row_key, **columns)
    job_id = fresh_sandbox.state.add_job()
    app.register(job_id)
    assert [record["jobId"] for record in app.get("jobs", state="all").json()["jobs"]] == [job_id]
    cycle = app.tick()
    assert (cycle["outcome"], cycle["setAside"], cycle["finished"]) == ("ok", len(NOT_JOBS), 1)
    assert app.job(job_id)["state"] == "succeeded"
    aside = {row["RowKey"]: row for row in table.rows("setaside")}
    for case, (row_key, columns) in NOT_JOBS.items():
        assert aside[row_key]["reason"], case
        assert {name: aside[row_key][name] for name in columns} == columns, case
    assert table.rows("pending") == []
    assert app.get("health/details").json()["setAside"]["count"] == len(NOT_JOBS)
    for row in app.get("set-aside").json()["rows"]:
        assert app.delete(f"set-aside/{quote(row['rowKey'], safe='')}").status_code == 204, row
    assert table.rows("setaside") == []


def test_a_job_can_be_registered_in_place_of_an_unreadable_row_with_its_id(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    job_id = fresh_sandbox.state.add_job()
    table.put(job_id, nextPollAt="tomorrow")
    app.register(job_id, label="mine")
    app.tick()
    assert (app.job(job_id)["state"], app.job(job_id)["label"]) == ("succeeded", "mine")
    assert [row["nextPollAt"] for row in table.rows("setaside")] == ["tomorrow"]


def test_a_job_with_junk_in_its_optional_columns_is_polled_like_any_other(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    jobs = {case: fresh_sandbox.state.add_job() for case in JUNK_BESIDE}
    for case, job_id in jobs.items():
        table.put(job_id, **JUNK_BESIDE[case])
        assert app.get(f"jobs/{job_id}").status_code == 200, case
    assert {record["jobId"] for record in app.get("jobs").json()["jobs"]} == set(jobs.values())
    cycle = app.tick()
    assert (cycle["pending"], cycle["finished"]) == (len(jobs), len(jobs))
    assert app.get("health/details").json()["pending"] == 0
    for case, job_id in jobs.items():
        assert app.job(job_id)["state"] == "succeeded", case


def test_a_row_with_the_most_columns_that_storage_takes_stops_no_other_job(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    wide = {f"column{number}": "x" * 3900 for number in range(252)}
    table.put("no-job", **wide)
    table.put(fresh_sandbox.state.add_job(), **wide)
    job_id = fresh_sandbox.state.add_job()
    table.put(job_id)
    app.tick()
    assert app.job(job_id)["state"] == "succeeded"


def test_a_job_pending_for_a_day_is_flagged_and_one_pending_for_a_month_expires(
    app: App, fresh_sandbox: Sandbox, table: JobsTable
) -> None:
    old, older = (fresh_sandbox.state.add_job(seconds=None) for _ in range(2))
    now = datetime.now(UTC)
    table.put(old, registeredAt=now - timedelta(hours=25))
    table.put(older, registeredAt=now - timedelta(days=31))
    assert app.tick()["finished"] == 1
    assert (app.job(old)["state"], app.job(old)["stalled"]) == ("pending", True)
    assert app.job(older)["state"] == "expired"
    assert app.get(f"jobs/{older}/private-offer").status_code == 404
    table.let_time_pass()
    assert app.tick()["polled"] == 1
    assert sum("job_stalled" in line for line in app.host.lines if old in line) == 1
