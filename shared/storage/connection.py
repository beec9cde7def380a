"""Opens Table Storage: the one place that knows how the app signs in to it."""

import requests
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient
from requests.adapters import HTTPAdapter

from shared.setting_reader import SettingsError
from shared.settings import Storage, StorageByConnectionString
from shared.storage.retrying import Waiting
from shared.storage.table import Table

# As many connections as handler threads (infra sets PYTHON_THREADPOOL_THREAD_COUNT) that may talk to storage at once.
POOLED_CONNECTIONS = 64


class Tables:
    """The app's storage account. Thread-safe; opens no connection until a table is first used."""

    def __init__(self, storage: Storage, waiting: Waiting | None = None) -> None:
        self._service = _open(storage)
        self._waiting = waiting

    def table(self, name: str) -> Table:
        return Table(self._service.get_table_client(name), self._waiting)


def _open(storage: Storage) -> TableServiceClient:
    session = requests.Session()
    adapter = HTTPAdapter(pool_maxsize=POOLED_CONNECTIONS)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    transport = RequestsTransport(session=session, session_owner=False)  # `table.py` gives each request its timeouts
    options = {"transport": transport, "retry_total": 0}  # `retrying.py` tries again
    if isinstance(storage, StorageByConnectionString):
        try:
            return TableServiceClient.from_connection_string(storage.connection_string, **options)
        except ValueError as error:
            raise SettingsError(["AzureWebJobsStorage should be a storage connection string"]) from error

    # Loaded only where an identity is used: azure.identity costs more to import than the rest of an idle tick.
    from azure.identity import ManagedIdentityCredential

    credential = ManagedIdentityCredential(client_id=storage.client_id)
    return TableServiceClient(endpoint=storage.table_endpoint, credential=credential, **options)
