"""Azurite as tests and `make run` use it."""

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.data.tables import TableServiceClient

from local.azurite import AzuritePorts, AzuriteProcess
from local.processes.child import ChildFailedError
from local.processes.ports import free_port


def test_it_keeps_tables(azurite: str, jobs_table: str) -> None:
    with TableServiceClient.from_connection_string(azurite) as service:
        table = service.create_table(jobs_table)
        table.create_entity({"PartitionKey": "pending", "RowKey": "1"})
        assert table.get_entity("pending", "1")["RowKey"] == "1"


def test_with_all_ports_it_serves_blobs_and_queues_too() -> None:
    ports = AzuritePorts(table=free_port(), blob=free_port(), queue=free_port())
    with AzuriteProcess(ports) as process:
        assert f"BlobEndpoint=http://127.0.0.1:{ports.blob}/" in process.connection_string
        assert f"QueueEndpoint=http://127.0.0.1:{ports.queue}/" in process.connection_string


def test_once_stopped_nothing_answers() -> None:
    with AzuriteProcess() as process:
        connection_string = process.connection_string
    service = TableServiceClient.from_connection_string(connection_string, retry_total=0)
    with service, pytest.raises(ServiceRequestError):
        service.create_table("anything")


def test_a_port_in_use_is_an_error_that_says_so(azurite: str) -> None:
    taken = int(azurite.partition("127.0.0.1:")[2].partition("/")[0])
    with pytest.raises(ChildFailedError, match="EADDRINUSE"):
        AzuriteProcess(AzuritePorts(table=taken))
