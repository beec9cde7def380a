"""Azurite with its data on disk, killed and started again on the same port and folder.

Azurite writes its whole database to disk every five seconds and answers a write before that. Killed at any moment, it
would lose writes that it has acknowledged, which real storage does not do. So a kill takes four steps:

1. From a random moment on the proxy passes no more answers on. Requests are still carried out.
2. A marker row is written, and waited for in the file on disk. All that was acknowledged is older, so it is there.
3. SIGKILL. What was asked for in steps 1 and 2 is carried out or lost, and no host has been told which.
4. Azurite starts again and must have the marker.
"""

import random
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from azure.data.tables import TableServiceClient

from local.azurite import AzuritePorts, AzuriteProcess
from local.processes.ports import free_port
from tests.reliability.kills.proxy import StorageProxy, StorageRequest

MARKERS_TABLE = "killmarkers"
_DATABASE = "__azurite_db_table__.json"
_LONGEST_HOLD_SECONDS = 1.0
_SAVED_WITHIN_SECONDS = 30.0


@dataclass(frozen=True)
class StorageKill:
    """One kill of Azurite. `unanswered` are the requests that were under way, or came in steps 1 and 2."""

    at: float
    pid: int
    exit_status: int
    unanswered: int
    writes_unanswered: int
    marker_kept: bool


class DiskStorage:
    """Table storage that survives its process."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process = self._start()
        with self._service() as service:
            service.create_table(MARKERS_TABLE)

    @property
    def connection_string(self) -> str:
        """Leads to Azurite itself, past the proxy."""
        return self._process.connection_string

    def connection_string_through(self, port: int) -> str:
        return self._process.connection_string.replace(f":{self.port}/", f":{port}/")

    def kill(self, proxy: StorageProxy, choices: random.Random, pause: threading.Event) -> StorageKill:
        """The four steps."""
        began = time.monotonic()
        proxy.hold()
        pause.wait(choices.uniform(0, _LONGEST_HOLD_SECONDS))
        marker = uuid.uuid4().hex
        with self._service() as service:
            service.get_table_client(MARKERS_TABLE).create_entity({"PartitionKey": "kill", "RowKey": marker})
        self._wait_until_saved(marker, pause)
        pid, at = self._process.pid, time.monotonic()
        exit_status = self._process.child.kill()
        unanswered = [each for each in list(proxy.requests) if _was_under_way(each, began)]
        self._process = self._start()
        proxy.release()
        with self._service() as service:
            rows = service.get_table_client(MARKERS_TABLE).query_entities(f"RowKey eq '{marker}'")
            marker_kept = len(list(rows)) == 1
        writes = sum(each.writes for each in unanswered)
        return StorageKill(at, pid, exit_status, len(unanswered), writes, marker_kept)

    def stop(self) -> None:
        self._process.stop()

    def _start(self) -> AzuriteProcess:
        return AzuriteProcess(AzuritePorts(table=self.port), folder=self._folder)

    def _service(self) -> TableServiceClient:
        return TableServiceClient.from_connection_string(self._process.connection_string)

    def _wait_until_saved(self, marker: str, pause: threading.Event) -> None:
        file = self._folder / _DATABASE
        seen, ends = 0, time.monotonic() + _SAVED_WITHIN_SECONDS
        while time.monotonic() < ends:
            written_ns = file.stat().st_mtime_ns
            if written_ns != seen and marker.encode() in file.read_bytes():
                return
            seen = written_ns
            pause.wait(0.05)
        raise AssertionError("Azurite has not written its data to disk")


def _was_under_way(request: StorageRequest, since: float) -> bool:
    """Whether the request had no answer, and its sender was not killed before."""
    return not request.answered and request.at >= since - 5 and (request.cut_at is None or request.cut_at >= since)
