"""`/set-aside`: rows that were put into the jobs table and are not jobs can be seen and removed."""

import json
from typing import Any

import pytest

from shared.jobs.set_aside import SetAsideRows
from shared.storage.table import Table
from tests.clock import FakeClock
from tests.http.api import Api

JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"


def put(table: Table, key: str, **columns: Any) -> None:  # noqa: ANN401 - columns of any type
    table.upsert({"PartitionKey": "pending", "RowKey": key, **columns})


def keys(api: Api, **query: str) -> list[str]:
    """The row keys on all pages."""
    found: list[str] = []
    while True:
        answer = api.set_aside(**query)
        assert answer.status == 200
        found += [row["rowKey"] for row in answer.json["rows"]]
        if answer.json["nextCursor"] is None:
            return found
        query["cursor"] = answer.json["nextCursor"]


def test_a_row_that_is_not_a_job_is_listed_with_its_reason_and_can_be_removed(api: Api, table: Table) -> None:
    assert api.set_aside().json == {"rows": [], "nextCursor": None}
    put(table, JOB_ID, pollCount="many")
    api.process.poll_pending_jobs()
    row = {"rowKey": JOB_ID, "setAsideAt": "2026-11-20T09:00:00Z", "reason": "its pollCount is not a count"}
    assert api.set_aside().json == {"rows": [row], "nextCursor": None}
    assert api.remove_set_aside(JOB_ID).status == 204
    assert api.set_aside().json == {"rows": [], "nextCursor": None}
    assert api.remove_set_aside(JOB_ID).status == 404


def test_rows_come_page_by_page(api: Api, table: Table) -> None:
    for number in range(5):
        put(table, f"no job {number}")
    api.process.poll_pending_jobs()
    expected = [f"no job {number}" for number in range(5)]
    for limit in ("1", "2", "5", "6"):
        assert keys(api, limit=limit) == expected


ODD_KEYS = ["no job", "a'b", "100 %", "{x}", "\u00e9\U0001f600", "%2F", "a+b&c=d", "~", "", ".", "..", "x" * 500]


def test_a_row_of_any_key_can_be_removed_by_the_key_that_the_list_shows(api: Api, table: Table) -> None:
    for key in ODD_KEYS:
        put(table, key)
    api.process.poll_pending_jobs()
    shown = keys(api, limit="4")
    assert len(shown) == len(ODD_KEYS)
    assert not {"", ".", ".."} & set(shown)
    for key in shown:
        assert api.remove_set_aside(key).status == 204
    assert keys(api) == []


def test_a_row_that_is_set_aside_keeps_its_columns_within_bounds(api: Api, table: Table) -> None:
    put(table, "no job", price=2.5, **{f"column{number}": "\u00e9" * 10_000 for number in range(10)})
    put(table, "wide", **{f"column{number}": "x" * 1000 for number in range(240)})
    api.process.poll_pending_jobs()
    row, wide = table.get("setaside", "no job"), table.get("setaside", "wide")
    assert row is not None
    assert wide is not None
    assert (row["price"], row["column9"]) == (2.5, "\u00e9" * 2000)
    assert len(wide) < 110


@pytest.mark.parametrize("value", [10**30, -(2**63), b"\x00", float("inf"), True])
def test_a_row_is_set_aside_whatever_it_holds(api: Api, table: Table, value: object) -> None:
    rows = SetAsideRows(table, api.process.clock, changed=lambda: None)
    put(table, "no job")
    row = table.get("pending", "no job")
    assert row is not None
    row["odd"] = value
    assert rows.add([(row, "odd")]) == 1
    put(table, "no job")
    row = table.get("pending", "no job")
    assert row is not None
    row["refused"] = object()  # as storage refuses what a row cannot hold
    assert rows.add([(row, "odd")]) == 1
    assert [each.row_key for each in rows.page(None, 10)] == ["no job"]


def test_health_counts_rows_after_the_next_tick(api: Api, table: Table, clock: FakeClock) -> None:
    def counted() -> Any:  # noqa: ANN401 - a part of the answer
        return api.health_details().json["setAside"]

    api.process.poll_pending_jobs()
    put(table, "first")
    clock.advance(60)
    api.process.poll_pending_jobs()
    put(table, "second")
    clock.advance(60)
    api.process.poll_pending_jobs()
    newest = {"rowKey": "second", "at": "2026-11-20T09:02:00Z", "reason": "its row key is not a job id"}
    assert counted() == {"count": 2, "newest": newest}
    api.remove_set_aside("second")
    api.process.poll_pending_jobs()
    assert counted()["count"] == 1
    assert counted()["newest"]["rowKey"] == "first"


def test_a_row_that_makes_way_for_a_registration_is_counted_too(api: Api, table: Table) -> None:
    api.process.poll_pending_jobs()
    put(table, JOB_ID, pollCount="many")
    assert api.register({"jobId": JOB_ID}).status == 202
    api.process.poll_pending_jobs()
    assert api.health_details().json["setAside"]["count"] == 1


def test_an_idle_tick_makes_one_query_and_one_write(api: Api, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    put(table, "no job")
    for _ in range(2):
        api.process.poll_pending_jobs()
    made: list[str] = []
    send = Table._send

    def counted(self: Table, request: Any) -> Any:  # noqa: ANN401 - passed on
        made.append(request.method)
        return send(self, request)

    monkeypatch.setattr(Table, "_send", counted)
    api.process.poll_pending_jobs()
    assert made == ["GET", "POST"]


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ({"limit": "0"}, 1),
        ({"limit": "501", "cursor": "", "state": "all"}, 3),
        ({"cursor": "%%%"}, 1),
        ({"cursor": "gA"}, 1),
        ({"cursor": ""}, 1),
    ],
)
def test_every_fault_of_a_listing_is_named(api: Api, query: dict[str, str], faults: int) -> None:
    answer = api.set_aside(**query)
    assert (answer.status, len(answer.faults)) == (400, faults)


@pytest.mark.parametrize("value", [5, b"bytes", "x" * 30_000])
def test_a_set_aside_row_that_someone_changed_does_not_break_the_list(api: Api, table: Table, value: object) -> None:
    table.upsert({"PartitionKey": "setaside", "RowKey": "changed", "setAsideAt": value, "reason": value})
    [row] = api.set_aside().json["rows"]
    assert row["rowKey"] == "changed"
    assert len(json.dumps(row)) < 40_000
    assert api.remove_set_aside("changed").status == 204


def test_a_key_longer_than_storage_allows_is_404(api: Api) -> None:
    assert api.remove_set_aside("x" * 100_000).status == 404
