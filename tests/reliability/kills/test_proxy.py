"""The proxy before storage: it passes requests on, notes those whose sender is gone, and holds answers back."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from azure.core.exceptions import AzureError
from azure.data.tables import TableClient

from tests.reliability.kills.proxy import StorageProxy, cut_off, storage_proxy

_SECONDS = 10


@pytest.fixture
def proxy(azurite: str) -> Iterator[StorageProxy]:
    port = int(azurite.partition("127.0.0.1:")[2].partition("/")[0])
    with storage_proxy(port, hosts=2, latency_seconds=0.0) as running:
        yield running


@contextmanager
def table_through(proxy: StorageProxy, azurite: str, host: int, name: str) -> Iterator[TableClient]:
    direct = azurite.partition("127.0.0.1:")[2].partition("/")[0]
    storage = azurite.replace(f":{direct}/", f":{proxy.ports[host]}/")
    with TableClient.from_connection_string(storage, name, retry_total=0, read_timeout=1) as client:
        yield client


def wait_for(happened: Callable[[], bool]) -> None:
    ends, pause = time.monotonic() + _SECONDS, threading.Event()
    while not happened():
        assert time.monotonic() < ends
        pause.wait(0.01)


def test_requests_are_answered_and_belong_to_the_host_of_the_port(
    azurite: str, proxy: StorageProxy, jobs_table: str
) -> None:
    with table_through(proxy, azurite, 1, jobs_table) as client:
        client.create_table()
        client.create_entity({"PartitionKey": "a", "RowKey": "b" * 100, "long": "c" * 30_000})
        assert [row["long"] for row in client.list_entities()] == ["c" * 30_000]
    assert [(each.host, each.method, each.answered) for each in proxy.requests] == [
        (1, "POST", True),
        (1, "POST", True),
        (1, "GET", True),
    ]
    assert proxy.writes_begun == [0, 2]
    assert cut_off(proxy.requests) == []


def test_held_back_answers_do_not_arrive_though_the_request_is_carried_out(
    azurite: str, proxy: StorageProxy, jobs_table: str
) -> None:
    with table_through(proxy, azurite, 0, jobs_table) as client:
        client.create_table()
        proxy.hold()
        with pytest.raises(AzureError):
            client.create_entity({"PartitionKey": "a", "RowKey": "b"})
        assert proxy.requests[-1].answered is False
    with TableClient.from_connection_string(azurite, jobs_table) as direct:
        wait_for(lambda: len(list(direct.list_entities())) == 1)


def test_a_request_whose_sender_is_gone_before_the_answer_is_cut_off(proxy: StorageProxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.ports[0])) as connection:
        connection.sendall(b"POST /devstoreaccount1/$batch HTTP/1.1\r\nContent-Length: 100\r\n")
        wait_for(lambda: len(proxy.requests) == 1)
    wait_for(lambda: len(cut_off(proxy.requests)) == 1)
    assert proxy.requests[0].writes
