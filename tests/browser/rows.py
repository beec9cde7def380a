"""Fills the jobs table with copies of a row that the app has written."""

import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from sandbox.server import Sandbox
from tests.app.app import App, JobsTable

_WRITERS = 8


def job_id_of(number: int) -> str:
    """The id of a copied job."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://contoso.example/copies/{number}"))


def add_pending_jobs(app: App, table: JobsTable, sandbox: Sandbox, count: int) -> None:
    """Add jobs `Renewal 1`, `Renewal 2`, ..., each registered a second before the one with the next number."""
    first = sandbox.state.add_job(seconds=None)
    app.register(first, operation="create", label="Renewal")
    app.tick()
    row = _only(table, "pending", lambda row: row["RowKey"] == first)
    _insert(
        table,
        (
            {
                **row,
                "RowKey": job_id_of(number),
                "label": f"Renewal {number}",
                "registeredAt": row["registeredAt"] - timedelta(seconds=count - number),
            }
            for number in range(1, count + 1)
        ),
    )
    app.delete(f"jobs/{first}")


def add_finished_jobs(app: App, table: JobsTable, sandbox: Sandbox, count: int) -> None:
    """Add succeeded jobs `Done 1`, `Done 2`, ..., each finished a second before the one with the next number."""
    first = sandbox.state.add_job()
    app.register(first, operation="create", label="Done")
    app.tick()
    row = _only(table, "finished", lambda row: row["RowKey"].startswith("at~"))
    _, inverted, _ = row["RowKey"].split("~")
    second = 10**6  # keys count microseconds, backwards

    def rows(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        job_id = job_id_of(number)
        ago = count - number + 1
        key = f"at~{int(inverted) + ago * second}~{job_id}"
        moments = {name: row[name] - timedelta(seconds=ago) for name in ("registeredAt", "finishedAt")}
        pointer = {"PartitionKey": "finished", "RowKey": f"job~{job_id}", "recordKey": key}
        return {**row, **moments, "RowKey": key, "label": f"Done {number}"}, pointer

    _insert(table, itertools.chain.from_iterable(map(rows, range(1, count + 1))))


def _only(table: JobsTable, partition: str, is_wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - a predicate
    [row] = [row for row in table.rows(partition) if is_wanted(row)]
    return row


def _insert(table: JobsTable, rows: Any) -> None:  # noqa: ANN401 - an iterable of rows
    def write(some: tuple[dict[str, Any], ...]) -> None:
        table.client.submit_transaction([("create", row) for row in some])

    with ThreadPoolExecutor(_WRITERS) as threads:
        list(threads.map(write, itertools.batched(rows, 100, strict=False)))
