"""The table wrapper against Azurite."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from azure.core.rest import HttpRequest

from shared.settings import StorageByConnectionString
from shared.storage.errors import ChangeRefused, RowChanged, RowMissing, StorageUnreachable
from shared.storage.retrying import ending_within
from shared.storage.table import Change, Table, Tables, Write, etag_of
from tests.storage.faulty_storage import Fault, faulty_storage
from tests.storage.time_that_flies import TimeThatFlies

CONNECTION = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=Zg==;TableEndpoint={}/a;"


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that answers every request with these bytes, as some proxy may."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _handle  # noqa: N815 - as http.server names them

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in http.server
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture
def table(azurite: str, jobs_table: str) -> Table:
    return Tables(StorageByConnectionString(azurite)).table(jobs_table)


def row(key: str, **columns: object) -> dict[str, object]:
    return {"PartitionKey": "p", "RowKey": key, **columns}


def test_a_table_that_does_not_exist_yet_reads_as_empty(table: Table) -> None:
    assert table.get("p", "1") is None
    assert list(table.rows("PartitionKey eq 'p'")) == []


def test_a_table_is_created_by_the_first_write(table: Table) -> None:
    assert table.insert(row("1", label="a"))
    stored = table.get("p", "1")
    assert stored is not None
    assert stored["label"] == "a"


def test_a_transaction_creates_the_table_too(table: Table) -> None:
    table.commit([Change(Write.INSERT, row("1")), Change(Write.INSERT, row("2"))])
    assert [each["RowKey"] for each in table.rows("PartitionKey eq 'p'")] == ["1", "2"]


def test_a_second_insert_returns_false_and_keeps_the_first(table: Table) -> None:
    assert table.insert(row("1", label="first"))
    assert not table.insert(row("1", label="second"))
    stored = table.get("p", "1")
    assert stored is not None
    assert stored["label"] == "first"


def test_a_merge_on_a_stale_etag_is_refused_and_changes_nothing(table: Table) -> None:
    table.insert(row("1", label="a"))
    read = table.get("p", "1")
    assert read is not None
    table.merge(row("1", label="b"), etag_of(read))
    with pytest.raises(RowChanged):
        table.merge(row("1", label="c"), etag_of(read))
    now = table.get("p", "1")
    assert now is not None
    assert now["label"] == "b"


def test_a_merge_returns_the_etag_for_the_next_one(table: Table) -> None:
    table.insert(row("1", label="a"))
    read = table.get("p", "1")
    assert read is not None
    etag = table.merge(row("1", label="b"), etag_of(read))
    table.merge(row("1", label="c"), etag)


def test_a_merge_without_an_etag_needs_an_existing_row(table: Table) -> None:
    with pytest.raises(RowMissing):
        table.commit([Change(Write.MERGE, row("1", label="b"))])
    assert table.get("p", "1") is None


def test_deleting_a_changed_row_is_refused(table: Table) -> None:
    table.insert(row("1", label="a"))
    read = table.get("p", "1")
    assert read is not None
    table.merge(row("1", label="b"), etag_of(read))
    with pytest.raises(RowChanged):
        table.delete("p", "1", etag_of(read))


def test_deleting_a_missing_row_is_not_an_error(table: Table) -> None:
    table.insert(row("1"))
    read = table.get("p", "1")
    assert read is not None
    table.delete("p", "1", etag_of(read))
    table.delete("p", "1", etag_of(read))
    table.delete("p", "1")
    assert table.get("p", "1") is None


def test_all_rows_are_read_across_pages(table: Table) -> None:
    table.commit_each([[Change(Write.INSERT, row(f"{n:03}"))] for n in range(250)])
    assert len(list(table.rows("PartitionKey eq 'p'", page_size=100))) == 250


def test_a_lost_race_affects_only_its_own_group(table: Table) -> None:
    table.insert(row("007"))
    groups = [[Change(Write.INSERT, row(f"{n:03}")), Change(Write.INSERT, row(f"{n:03}b"))] for n in range(60)]
    results = table.commit_each(groups)
    assert [index for index, etags in enumerate(results) if isinstance(etags, RowChanged)] == [7]
    assert table.get("p", "007b") is None
    assert table.get("p", "059b") is not None


def test_a_deleted_row_affects_only_its_own_group(table: Table) -> None:
    table.insert(row("1"))
    table.insert(row("2"))
    first, second = table.get("p", "1"), table.get("p", "2")
    assert first is not None
    assert second is not None
    table.delete("p", "1")
    results = table.commit_each(
        [
            [Change(Write.MERGE, row("1", label="x"), etag_of(first))],
            [Change(Write.MERGE, row("2", label="x"), etag_of(second))],
        ]
    )
    assert [isinstance(result, RowChanged) for result in results] == [True, False]


def test_big_rows_are_spread_over_transactions_within_the_service_limit(table: Table) -> None:
    wide = {f"c{n}": "x" * 30_000 for n in range(10)}
    results = table.commit_each([[Change(Write.INSERT, row(f"{n:02}", **wide))] for n in range(25)])
    assert all(isinstance(result, list) for result in results)


def test_a_value_that_a_column_cannot_hold_affects_only_its_own_row(table: Table) -> None:
    results = table.commit_each([[Change(Write.INSERT, row("1", count=2**63))], [Change(Write.INSERT, row("2"))]])
    assert [isinstance(result, ChangeRefused) for result in results] == [True, False]


def test_a_request_to_storage_that_hangs_ends_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.storage.table.READ_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr("shared.storage.retrying.DEFAULT_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as tarpit:
        port = tarpit.getsockname()[1]
        account = (
            f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:{port}/a;"
        )
        with pytest.raises(StorageUnreachable):
            Tables(StorageByConnectionString(account)).table("jobs").get("p", "1")


def test_missing_storage_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.storage.retrying.DEFAULT_SECONDS", 0.0)
    nowhere = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:9/a;"
    with pytest.raises(StorageUnreachable):
        Tables(StorageByConnectionString(nowhere)).table("jobs").get("p", "1")


@pytest.mark.parametrize("key", ["a'b", "a b", "é€", "%27", "x)y,z('", "😀", "a=b&c", "~|`^"])
def test_a_row_of_any_key_is_written_changed_read_and_deleted(table: Table, key: str) -> None:
    table.insert(row(key, label="a"))
    read = table.get("p", key)
    assert read is not None
    table.merge(row(key, label="b"), etag_of(read))
    assert [each["label"] for each in table.rows("RowKey eq @key", {"key": key})] == ["b"]
    table.delete("p", key)
    assert table.get("p", key) is None


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_write_that_storage_cannot_take_at_the_moment_is_retried(
    azurite: str, jobs_table: str, status: int, inside: bool
) -> None:
    with faulty_storage(azurite) as front:
        table = Tables(StorageByConnectionString(front.connection_string)).table(jobs_table)
        table.insert(row("1"))
        front.faults.append(Fault(status, inside=inside))
        assert table.insert(row("2", label="kept"))
        assert [each["RowKey"] for each in table.rows("PartitionKey eq 'p'")] == ["1", "2"]
        assert not front.faults


def test_a_page_that_fails_at_first_is_retried_without_missing_a_row(azurite: str, jobs_table: str) -> None:
    with faulty_storage(azurite) as front:
        table = Tables(StorageByConnectionString(front.connection_string)).table(jobs_table)
        table.commit_each([[Change(Write.INSERT, row(f"{n:02}"))] for n in range(30)])
        front.faults.append(Fault(method="GET", text="NextRowKey"))
        read = [each["RowKey"] for each in table.rows("PartitionKey eq 'p'", page_size=10)]
        assert read == [f"{n:02}" for n in range(30)]
        assert not front.faults


def test_a_request_waits_no_longer_than_the_enclosing_block_allows(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.insert(row("1"))
    send, timeouts = table._send_request, []

    def noted(request: HttpRequest, **options: float) -> object:
        timeouts.append(options["connection_timeout"] + options["read_timeout"])
        return send(request, **options)

    monkeypatch.setattr(table, "_send_request", noted)
    with ending_within(2):
        assert table.get("p", "1") is not None
    with ending_within(0), pytest.raises(StorageUnreachable):
        table.get("p", "1")
    assert len(timeouts) == 1
    assert timeouts[0] <= 2


def test_the_sdks_private_pipeline_signs_a_request_and_sends_it_unchanged(table: Table) -> None:
    """`TableClient._client.send_request` may change with any version of azure-data-tables."""
    table.insert(row("1", label="a"))
    url = f"{table._url}(PartitionKey='p',RowKey='1')"
    unsigned = requests.get(url, timeout=10)
    signed = table._client._client.send_request(HttpRequest("GET", url, headers={"Accept": "application/json"}))

    assert unsigned.status_code == 403
    assert signed.status_code == 200
    assert signed.request.headers["Accept"] == "application/json"
    assert signed.json()["label"] == "a"


@pytest.mark.parametrize("answer", [b"{}", b'{"value":{}}', b'{"value":[1]}', b"[]", b"<html>", b""])
def test_an_answer_that_is_not_storages_own_counts_as_unreachable(answer: bytes) -> None:
    with answering(answer) as url:
        proxied = Tables(StorageByConnectionString(CONNECTION.format(url)), TimeThatFlies().waiting).table("jobs")
        with pytest.raises(StorageUnreachable):
            list(proxied.rows("PartitionKey eq 'p'"))
        with pytest.raises(StorageUnreachable):
            proxied.insert(row("1"))
