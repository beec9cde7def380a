"""What a soak counts in the tables: each row that should not be there is a fault."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.jobs.history import key_of_moment
from tests.reliability.soak.scale import FULL
from tests.reliability.soak.storage import Row, Tables, faults, left_over, stored

NOW = datetime(2026, 11, 20, 3, 30, tzinfo=UTC)
OLD = NOW - timedelta(days=FULL.job_history_days, hours=1)
DOCUMENT = f"{'a' * 64}.{'b' * 32}"


def _row(partition: str, key: str, **columns: object) -> dict[str, Any]:
    return {"PartitionKey": partition, "RowKey": key, **columns}


def _record(moment: datetime, prefix: str = "at~") -> str:
    return f"{key_of_moment(moment, prefix)}~1"


def _delivery(status: str, at: datetime = NOW) -> list[Row]:
    log = _row("wh_1", "log~00000000000000~dlv_1", status=status, lastAttemptAt=at)
    kinds = {"pending": ["body", "due"], "dead": ["body", "dead"], "delivered": ["body"]}[status]
    return [log, *(_row("wh_1", f"{kind}~dlv_1") for kind in kinds)]


GOOD = Tables(
    jobs=[
        _row("pending", "2"),
        _row("finished", _record(NOW), privateOfferDocument=f"{DOCUMENT}~40000"),
        _row("finished", "job~1", recordKey=_record(NOW)),
        _row("finished", "job~3", recordKey=""),
        _row("finished", "removed~3", removedAt=NOW),
        _row("finished", _record(NOW, "changed~")),
        _row("finished", f"day~{NOW.date()}"),
        _row("document~1", f"{DOCUMENT}~000000"),
        _row("offers", "offer~1"),
        _row("offers", "offer~2", goneAt=NOW),
        _row("offers", "run"),
        _row("offers", "cpp~contoso~offer"),
        _row("monitor", "state"),
        _row("monitor", "timer~clean_up"),
        _row("monitor", f"day~{NOW.date()}"),
        _row("monitor", f"checks~{NOW.date()}"),
        _row("asked", "4", nextPollAt=NOW),
        _row("setaside", "not a job", setAsideAt=NOW),
    ],
    endpoints=[_row("endpoint", "wh_1")],
    deliveries=_delivery("delivered"),
)


def _with_job_row(row: Row) -> Tables:
    return replace(GOOD, jobs=[*GOOD.jobs, row])


def test_rows_that_are_where_they_belong_are_no_faults() -> None:
    for status in ("pending", "dead", "delivered"):
        assert list(faults(replace(GOOD, deliveries=_delivery(status)), NOW, FULL)) == []


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (_row("finished", _record(OLD, "changed~")), "finished changed: outlives its retention"),
        (_row("finished", "job~9", recordKey="at~9"), "finished job: points to no record"),
        (_row("finished", "job~9", recordKey=""), "finished job: points to no record"),
        (_row("finished", "removed~3", removedAt=OLD), "finished removed: remembered for too long"),
        (_row("finished", "day~2026-01-01"), "finished day: outlives its retention"),
        (_row("monitor", "checks~2026-01-01"), "monitor checks: outlives its retention"),
        (_row("pending", "~event~1"), "pending event: left in the outbox"),
        (_row("offers", "~event~1"), "offers event: left in the outbox"),
        (_row("offers", "offer~3", goneAt=OLD), "offers offer: outlives its retention"),
        (_row("asked", "5", nextPollAt=OLD), "asked: remembered for too long"),
        (_row("setaside", "other", setAsideAt=OLD), "setaside: outlives its retention"),
        (_row("document~1", f"{'c' * 64}.{'d' * 32}~000000"), "document: no row refers to it"),
        (_row("offers", "offer~4", privateOfferDocument=f"{'e' * 64}.{'f' * 32}~1"), "document: missing"),
        (_row("surprise", "1"), "surprise: an unknown kind of row"),
    ],
)
def test_a_row_of_a_job_or_an_offer_that_should_not_be_there_is_a_fault(row: Row, fault: str) -> None:
    assert list(faults(_with_job_row(row), NOW, FULL)) == [fault]


def test_a_record_that_outlives_its_retention_is_a_fault() -> None:
    rows = [_row("finished", _record(OLD)), _row("finished", "job~1", recordKey=_record(OLD))]
    assert list(faults(replace(GOOD, jobs=rows), NOW, FULL)) == ["finished at: outlives its retention"]


def test_a_record_without_a_pointer_is_a_fault() -> None:
    rows = [_row("finished", _record(NOW))]
    assert list(faults(replace(GOOD, jobs=rows), NOW, FULL)) == ["finished at: no pointer to the record"]


def test_a_delivery_that_outlives_its_retention_is_a_fault_unless_it_is_pending() -> None:
    assert list(faults(replace(GOOD, deliveries=_delivery("dead", OLD)), NOW, FULL)) == [
        "log: outlives its retention"
    ]
    assert list(faults(replace(GOOD, deliveries=_delivery("pending", OLD)), NOW, FULL)) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (_delivery("dead")[:-1], ["log: a dead delivery without its dead row"]),
        (_delivery("pending")[:-1], ["log: a pending delivery without its due row"]),
        (_delivery("delivered")[1:], ["body: its delivery is gone"]),
        ([*_delivery("delivered"), _row("wh_1", "due~dlv_1")], ["due: its delivery is delivered"]),
        ([_row("redelivery", "wh_1~1")], ["redelivery: not done"]),
        ([_row("wh_2", "body~dlv_2")], ["body: its endpoint was removed"]),
    ],
)
def test_a_row_without_its_delivery_or_its_endpoint_is_a_fault(rows: list[Row], expected: list[str]) -> None:
    assert list(faults(replace(GOOD, deliveries=rows), NOW, FULL)) == expected


def test_an_endpoint_whose_removal_is_never_completed_is_a_fault() -> None:
    endpoints = [*GOOD.endpoints, _row("endpoint", "wh_2", removedAt=OLD)]
    assert list(faults(replace(GOOD, endpoints=endpoints), NOW, FULL)) == ["endpoint: its removal is not complete"]


def test_rows_and_documents_are_counted() -> None:
    found = stored(replace(GOOD, deliveries=_delivery("pending")), NOW, FULL)
    assert (found.jobs, found.offers, found.deliveries, found.pending_deliveries) == (7, 2, 3, 1)
    assert (found.documents, found.days, found.set_aside, found.endpoints, found.faults) == (1, 3, 1, 1, {})


def test_figures_the_run_and_the_monitors_rows_are_not_left_over() -> None:
    stays = ("day~", "checks~", "state", "timer~", "run", "cpp~")
    rows = [row for row in GOOD.jobs if row["RowKey"].startswith(stays)]
    assert left_over(Tables(rows, GOOD.endpoints, [])) == []
    assert len(left_over(GOOD)) == len(GOOD.jobs) - len(rows) + len(GOOD.deliveries)
