"""What is in the tables, as another system sees it: how many rows of each kind, and rows that should not be there."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.data.tables import TableClient

from tests.reliability.soak.scale import Scale

type Row = Mapping[str, Any]
_COLUMNS = (
    *("PartitionKey", "RowKey", "recordKey", "finishedAt", "removedAt", "setAsideAt", "nextPollAt", "goneAt"),
    *("privateOfferDocument", "errorsDocument", "seenDocument", "status", "lastAttemptAt"),
)
# The samples are taken less than this after the nightly clean-up.
SINCE_CLEAN_UP = timedelta(minutes=30)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END_OF_TIME_MICROSECONDS = 10**17
# A day's figures are in three rows, which are kept for a hundred days and a few more.
ROWS_A_DAY = 3
KEPT_DAYS = 102

_KNOWN = {
    *("pending", "asked", "setaside", "document"),
    *("finished at", "finished job", "finished removed", "finished changed", "finished day"),
    *("offers offer", "offers run", "offers cpp"),
    *("monitor state", "monitor timer", "monitor day", "monitor checks"),
}


@dataclass(frozen=True)
class Tables:
    """All rows of the three tables, with the columns that say what they are and what they refer to."""

    jobs: Sequence[Row]
    endpoints: Sequence[Row]
    deliveries: Sequence[Row]

    @classmethod
    def read(cls, connection_string: str, jobs_table: str) -> "Tables":
        """Read them from storage."""
        tables: list[list[Row]] = []
        for suffix in ("", "webhooks", "deliveries"):
            with TableClient.from_connection_string(connection_string, f"{jobs_table}{suffix}") as table:
                tables.append([dict(row) for row in table.list_entities(select=list(_COLUMNS))])
        return cls(*tables)

    def partition(self, name: str) -> list[Row]:
        """The rows of one partition of the jobs table."""
        return [row for row in self.jobs if row["PartitionKey"] == name]


def kind_of(row: Row) -> str:
    """What a row of the jobs table is: `finished at`, `offers offer`, `document`, ..."""
    partition, key = row["PartitionKey"], row["RowKey"]
    if partition.startswith("document~"):
        return "document"
    if partition in {"finished", "offers", "monitor"}:
        return f"{partition} {'event' if key.startswith('~') else key.partition('~')[0]}"
    return f"{partition} event" if key.startswith("~") else str(partition)


@dataclass(frozen=True)
class Stored:
    """What was in storage at the time of one sample."""

    jobs: int
    offers: int
    deliveries: int
    pending_deliveries: int
    dead_deliveries: int
    documents: int
    days: int
    set_aside: int
    endpoints: int
    faults: Mapping[str, int] = field(default_factory=dict)


def stored(tables: Tables, now: datetime, scale: Scale) -> Stored:
    """Count the rows, and those that should not be there."""
    kinds = Counter(kind_of(row) for row in tables.jobs)
    of_deliveries = Counter(row["RowKey"].partition("~")[0] for row in tables.deliveries)
    return Stored(
        jobs=sum(kinds[kind] for kind in ("pending", "finished at", "finished job", "finished removed"))
        + kinds["finished changed"]
        + kinds["asked"],
        offers=kinds["offers offer"],
        deliveries=len(tables.deliveries),
        pending_deliveries=of_deliveries["due"],
        dead_deliveries=of_deliveries["dead"],
        documents=len({(row["PartitionKey"], _document(row["RowKey"])) for row in tables.jobs if _is_document(row)}),
        days=kinds["finished day"] + kinds["monitor day"] + kinds["monitor checks"],
        set_aside=kinds["setaside"],
        endpoints=len(tables.endpoints),
        faults=dict(Counter(faults(tables, now, scale))),
    )


def faults(tables: Tables, now: datetime, scale: Scale) -> Iterator[str]:
    """What is wrong with each row that should be gone, or that lacks the row to which it belongs."""
    yield from _faults_of_jobs(tables, now, scale)
    yield from _faults_of_documents(tables)
    yield from _faults_of_deliveries(tables, now, scale)


def _faults_of_jobs(tables: Tables, now: datetime, scale: Scale) -> Iterator[str]:
    kept = timedelta(days=scale.job_history_days) + SINCE_CLEAN_UP
    finished = {row["RowKey"]: row for row in tables.partition("finished")}
    oldest: Mapping[str, Callable[[Row], datetime]] = {
        "finished at": lambda row: _moment_in(row["RowKey"]),
        "finished changed": lambda row: _moment_in(row["RowKey"]),
        "setaside": lambda row: _moment(row, "setAsideAt"),
        "offers offer": lambda row: _moment(row, "goneAt") if row.get("goneAt") else now,
    }
    for row in tables.jobs:
        kind, key = kind_of(row), row["RowKey"]
        if kind in oldest and oldest[kind](row) < now - kept:
            yield f"{kind}: outlives its retention"
        elif kind.endswith(" event"):
            yield f"{kind}: left in the outbox"
        elif kind == "finished at" and f"job~{key.rpartition('~')[2]}" not in finished:
            yield "finished at: no pointer to the record"
        elif kind == "finished job":
            job_id = key.removeprefix("job~")
            if row.get("recordKey") not in finished and f"removed~{job_id}" not in finished:
                yield "finished job: points to no record"
        elif kind not in _KNOWN:
            yield f"{kind}: an unknown kind of row"
        elif kind == "finished removed" and _moment(row, "removedAt") < now - timedelta(days=2):
            yield "finished removed: remembered for too long"
        elif kind == "asked" and _moment(row, "nextPollAt") < now - timedelta(days=1):
            yield "asked: remembered for too long"
        elif kind in {"finished day", "monitor day", "monitor checks"}:
            day = datetime.fromisoformat(key.partition("~")[2]).replace(tzinfo=UTC)
            if day < now - timedelta(days=KEPT_DAYS):
                yield f"{kind}: outlives its retention"


def _faults_of_documents(tables: Tables) -> Iterator[str]:
    """No process dies in a soak, and no two race: every document has a row that refers to it."""
    referred = {
        reference.partition("~")[0]
        for row in tables.jobs
        for name in ("privateOfferDocument", "errorsDocument", "seenDocument")
        if (reference := row.get(name))
    }
    present = {_document(row["RowKey"]) for row in tables.jobs if _is_document(row)}
    yield from ("document: no row refers to it" for _ in present - referred)
    yield from ("document: missing" for _ in referred - present)


def _faults_of_deliveries(tables: Tables, now: datetime, scale: Scale) -> Iterator[str]:
    kept = timedelta(days=scale.delivery_history_days) + SINCE_CLEAN_UP
    endpoints = {row["RowKey"]: row for row in tables.endpoints}
    for row in tables.endpoints:
        if row.get("removedAt") and _moment(row, "removedAt") < now - timedelta(hours=3):
            yield "endpoint: its removal is not complete"
    logs = {_id(row): row for row in tables.deliveries if row["RowKey"].startswith("log~")}
    keys = {(row["PartitionKey"], row["RowKey"]) for row in tables.deliveries}
    for row in tables.deliveries:
        kind, log = row["RowKey"].partition("~")[0], logs.get(_id(row))
        status = None if log is None else log["status"]
        if row["PartitionKey"] == "redelivery":
            yield "redelivery: not done"
        elif row["PartitionKey"] not in endpoints or endpoints[row["PartitionKey"]].get("removedAt"):
            yield f"{kind}: its endpoint was removed"
        elif log is None:
            yield f"{kind}: its delivery is gone"
        elif kind in {"due", "dead"} and status != {"due": "pending", "dead": "dead"}[kind]:
            yield f"{kind}: its delivery is {status}"
        elif kind == "log":
            needed = {"pending": ["body", "due"], "dead": ["body", "dead"]}.get(str(status), ["body"])
            for other in needed:
                if (row["PartitionKey"], f"{other}~{_id(row)[1]}") not in keys:
                    yield f"log: a {status} delivery without its {other} row"
            if status != "pending" and _moment(row, "lastAttemptAt") < now - kept:
                yield "log: outlives its retention"


def _id(row: Row) -> tuple[str, str]:
    """The endpoint and the delivery of a row of the deliveries table."""
    return row["PartitionKey"], row["RowKey"].rpartition("~")[2]


def _is_document(row: Row) -> bool:
    return kind_of(row) == "document"


def _document(key: str) -> str:
    return key.partition("~")[0]


def _moment(row: Row, column: str) -> datetime:
    moment = row[column]
    assert isinstance(moment, datetime), (column, row)
    return moment


def _moment_in(key: str) -> datetime:
    """The moment in the key of a record, counted back from the end of time so that the newest come first."""
    found = re.match(r"[a-z]+~(\d{17})~", key)
    assert found is not None, key
    return _EPOCH + timedelta(microseconds=_END_OF_TIME_MICROSECONDS - int(found[1]))


def left_over(tables: Tables) -> list[str]:
    """What is left of the work once all of it should be gone. Figures of days and the monitor's own rows stay."""
    staying = {"finished day", "offers run", "offers cpp", "monitor"}
    rows = [(kind_of(row), row["RowKey"]) for row in tables.jobs]
    found = [f"{kind} {key}" for kind, key in rows if kind not in staying and not kind.startswith("monitor ")]
    return found + [f"delivery {row['PartitionKey']} {row['RowKey']}" for row in tables.deliveries]
