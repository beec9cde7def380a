"""The running app as a test uses it: HTTP from outside, ticks fired by hand, its table as other systems see it."""

import itertools
import json
import queue
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import requests
from azure.data.tables import TableClient, UpdateMode

from local.host.process import HostProcess
from sandbox.server import Sandbox
from tests.sandbox_settings import sandbox_settings

KEY = "local"
TICK_SECONDS = 60.0
_CYCLE = re.compile(r"offer_monitor\S*: poll_cycle (\{.*\})$")
_END = re.compile(r"(poll_pending_jobs|watch_offers) (succeeded|failed)")


def environment_of(sandbox: Sandbox, storage: str, jobs_table: str, **settings: str) -> dict[str, str]:
    """The app's settings for the sandbox, overridden by `settings`."""
    own = {"JOBS_TABLE": jobs_table, "REQUESTS_CA_BUNDLE": str(sandbox.ca_bundle)}
    return sandbox_settings(sandbox, storage, **own, **settings)


class App:
    """One host with the app in Microsoft's runtime. It stops at the end of the `with` block."""

    def __init__(self, environment: Mapping[str, str], *, timers: bool = False) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._session = requests.Session()
        self.host = HostProcess(environment, timers=timers, on_line=self._lines.put)

    def ask(self, method: str, path: str, *, key: str | None = KEY, **options: Any) -> requests.Response:  # noqa: ANN401 - as in requests
        """Send any request; `path` follows the host and is not encoded."""
        headers = {**({} if key is None else {"x-functions-key": key}), **options.pop("headers", {})}
        request = self._session.prepare_request(
            requests.Request(method, f"{self.host.url}/", headers=headers, **options)
        )
        query = (request.url or "").partition("?")[2]
        request.url = f"{self.host.url}/{path}" + (f"?{query}" if query else "")
        return self._session.send(request, timeout=60)

    def get(self, path: str, **query: str) -> requests.Response:
        return self.ask("GET", f"api/{path}", params=query)

    def post(self, path: str, body: object = None) -> requests.Response:
        return self.ask("POST", f"api/{path}", json=body)

    def delete(self, path: str) -> requests.Response:
        return self.ask("DELETE", f"api/{path}")

    def register(self, job_id: str, **fields: object) -> None:
        """Register a job that must not be known yet."""
        assert self.post("jobs", {"jobId": job_id, **fields}).status_code == 202

    def job(self, job_id: str) -> dict[str, Any]:
        """The record of a job that must be known."""
        answer = self.get(f"jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        record: dict[str, Any] = answer.json()
        return record

    def fire(self, function: str = "poll_pending_jobs") -> None:
        """Start a timer's function without waiting for it."""
        answer = self.ask("POST", f"admin/functions/{function}", key=self.host.master_key, json={})
        assert answer.status_code == 202

    def tick(self) -> dict[str, Any]:
        """Run one poll cycle to its end and return the fields of its log line."""
        self.fire()
        return self.tick_ended()

    def tick_ended(self) -> dict[str, Any]:
        """Wait for the end of a tick that was fired and return the fields of its log line."""
        cycle: dict[str, Any] = {}
        for line in self._lines_to_the_end_of("poll_pending_jobs"):
            if found := _CYCLE.search(line):
                cycle = json.loads(found[1])
        return cycle

    def watch(self) -> None:
        """Look at the offers once."""
        self.fire("watch_offers")
        for _ in self._lines_to_the_end_of("watch_offers"):
            pass

    def _lines_to_the_end_of(self, function: str) -> Iterator[str]:
        while True:
            line = self._lines.get(timeout=TICK_SECONDS)
            yield line
            if (ended := _END.search(line)) and ended[1] == function:
                assert ended[2] == "succeeded", line
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()
        self.host.__exit__(kind, error, trace)
        if kind is None:
            assert not self.host.dropped_lines


class JobsTable:
    """The jobs table as another system sees it."""

    def __init__(self, storage: str, name: str) -> None:
        self.client = TableClient.from_connection_string(storage, name)

    def rows(self, partition: str) -> list[dict[str, Any]]:
        found = self.client.query_entities("PartitionKey eq @partition", parameters={"partition": partition})
        return [dict(row) for row in found]

    def put(self, row_key: str, **columns: object) -> None:
        """Put a row into `pending`, as any system may (docs/promises.md, promise 8)."""
        self.client.upsert_entity({"PartitionKey": "pending", "RowKey": row_key, **columns}, mode=UpdateMode.REPLACE)

    def put_jobs(self, job_ids: Sequence[str]) -> None:
        """Put rows with nothing but a job id into `pending`."""
        for some in itertools.batched(job_ids, 100, strict=False):
            self.client.submit_transaction(
                [("upsert", {"PartitionKey": "pending", "RowKey": job_id}) for job_id in some]
            )

    def let_time_pass(self, minutes: float = 2) -> None:
        """Move the times of every pending job into the past: each may be polled again, claims have run out."""
        moments = ("nextPollAt", "claimedUntil", "lastPolledAt")
        back = timedelta(minutes=minutes)
        for partition in ("pending", "asked"):
            earlier = [
                {
                    "PartitionKey": partition,
                    "RowKey": row["RowKey"],
                    **{name: row[name] - back for name in moments if name in row},
                }
                for row in self.rows(partition)
            ]
            for some in itertools.batched(earlier, 100, strict=False):
                self.client.submit_transaction([("update", row, {"mode": UpdateMode.MERGE}) for row in some])

    def empty(self) -> None:
        """Remove every row."""
        rows = [dict(row) for row in self.client.list_entities(select=["PartitionKey", "RowKey"])]
        for _, of_one_partition in itertools.groupby(rows, key=lambda row: row["PartitionKey"]):
            for some in itertools.batched(of_one_partition, 100, strict=False):
                self.client.submit_transaction([("delete", row) for row in some])

    def create(self) -> None:
        self.client.create_table()


def utc(text: str) -> datetime:
    """A time of the API."""
    return datetime.fromisoformat(text).astimezone(UTC)
