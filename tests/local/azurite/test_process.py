"""Azurite as tests and `make run` use it."""

from pathlib import Path

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.data.tables import TableServiceClient

from local.azurite import AzuritePorts, AzuriteProcess
from local.processes.child import ChildFailedError
from local.processes.ports import free_port, is_free


def test_it_keeps_tables(azurite: str, jobs_table: str) -> None:
    with TableServiceClient.from_connection_string(azurite) as service:
        table = service.create_table(jobs_table)
        table.create_entity({"PartitionKey": "pending", "RowKey": "1"})
        assert table.get_entity("pending", "1")["RowKey"] == "1"


def test_with_a_folder_it_begins_with_what_it_had_saved_there(tmp_path: Path) -> None:
    ports = AzuritePorts(table=free_port())
    with AzuriteProcess(ports, folder=tmp_path) as first:
        with TableServiceClient.from_connection_string(first.connection_string) as service:
            service.create_table("kept").create_entity({"PartitionKey": "pending", "RowKey": "1"})
        first.child.interrupt()  # on this signal it saves
    with (
        AzuriteProcess(ports, folder=tmp_path) as second,
        TableServiceClient.from_connection_string(second.connection_string) as service,
    ):
        assert service.get_table_client("kept").get_entity("pending", "1")["RowKey"] == "1"


@pytest.fixture(scope="module")
def stopped() -> tuple[str, AzuritePorts]:
    """The connection string and the ports of an Azurite that has served all services and is stopped."""
    ports = AzuritePorts(table=free_port(), blob=free_port(), queue=free_port())
    with AzuriteProcess(ports) as process:
        assert not any(is_free(port) for port in (ports.table, ports.blob, ports.queue) if port is not None)
    return process.connection_string, ports


def test_with_all_ports_it_serves_blobs_and_queues_too(stopped: tuple[str, AzuritePorts]) -> None:
    connection_string, ports = stopped
    assert f"BlobEndpoint=http://127.0.0.1:{ports.blob}/" in connection_string
    assert f"QueueEndpoint=http://127.0.0.1:{ports.queue}/" in connection_string


def test_once_stopped_it_does_not_answer(stopped: tuple[str, AzuritePorts]) -> None:
    service = TableServiceClient.from_connection_string(stopped[0], retry_total=0)
    with service, pytest.raises(ServiceRequestError):
        service.create_table("anything")


def test_a_port_in_use_is_an_error_with_the_reason(azurite: str) -> None:
    taken = int(azurite.partition("127.0.0.1:")[2].partition("/")[0])
    with pytest.raises(ChildFailedError, match="EADDRINUSE"):
        AzuriteProcess(AzuritePorts(table=taken))
