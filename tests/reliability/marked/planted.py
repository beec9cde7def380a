"""Leaks every kind of secret by every way out, on purpose. Only tests/reliability/test_secrets.py runs this."""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
import requests

from local.azurite import process as azurite_process
from local.processes.child import Child
from sandbox.sample_offers import signed_link
from sandbox.server import Sandbox
from sandbox.tokens import GRAPH_AUDIENCE, Account
from shared.egress.guard import NetworkGuard
from shared.http import operations
from shared.http.messages import Request, Response, json_response
from shared.log import log_event
from shared.setting_reader import SettingReader
from shared.settings import ClientCertificate, StorageByConnectionString, load_settings
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Table, Tables
from shared.upstream.errors import UpstreamError
from shared.upstream.transport import Transport
from shared.webhooks.signing import new_secret
from tests.app.app import KEY
from tests.reliability.marked import marks
from tests.reliability.marked.evidence import FOLDER_VARIABLE, records_in
from tests.reliability.marked.marking import HOST_PORTS
from tests.sandbox_settings import sandbox_settings
from tests.upstream.conftest import credential, settings, sleeper, transport
from tests.upstream.recording_server import RecordingServer, recording, reply
from tests.upstream.test_credentials import get_token, pem
from tests.webhooks.receiver import Receiver, receiving

__all__ = ["credential", "settings", "sleeper", "transport"]
SECRETS = (*marks.KINDS, *marks.NOTED)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with recording() as running:
        yield running


@pytest.fixture
def table(azurite: str, jobs_table: str) -> Table:
    return Tables(StorageByConnectionString(azurite)).table(jobs_table)


@pytest.fixture(params=SECRETS)
def secret(request: pytest.FixtureRequest, fresh_sandbox: Sandbox, receiver: Receiver) -> str:
    """A secret of each kind, made as the suite makes it."""
    kind: str = request.param
    account = Account()
    make: dict[str, Callable[[], str]] = {
        "client secret": lambda: account.client_secret,
        "access token": lambda: fresh_sandbox.state.tokens.new_token(GRAPH_AUDIENCE),
        "federated assertion": lambda: account.federated_assertion,
        "identity header": lambda: account.managed_identity_header,
        "storage key": lambda: str(vars(azurite_process)["_ACCOUNT_KEY"]),
        "function key": lambda: KEY,
        "webhook secret": new_secret,
        "endpoint URL": lambda: urlsplit(receiver.url).query.partition("=")[2],
        "client assertion": lambda: _signed_assertion(fresh_sandbox),
        "certificate key": lambda: _noted("certificate key"),
        "signed link": lambda: signed_link("terms.pdf"),
    }
    return make.get(kind, lambda: marks.new_mark(kind))()


def _signed_assertion(sandbox: Sandbox) -> str:
    assert get_token(load_settings(sandbox_settings(sandbox)), ClientCertificate(pem(sandbox), None))
    return _noted("client assertion")


def _noted(kind: str) -> str:
    known = [record for record in records_in(Path(os.environ[FOLDER_VARIABLE])) if record.kind == "known"]
    return [record.parts["value"] for record in known if record.about == kind][-1]


@dataclass(frozen=True)
class Planted:
    """A handler that answers with a secret."""

    secret: str

    def __call__(self, _: Request) -> Response:
        return json_response({"detail": self.secret})


def test_log(secret: str) -> None:
    log_event(logging.getLogger("offer_monitor.planted"), "planted", level=logging.DEBUG, value=secret)


def test_error(secret: str) -> None:
    with suppress(StorageUnreachable):
        raise StorageUnreachable(secret)


def test_answer(secret: str) -> None:
    operations.answer(lambda: Planted(secret), Request(url="http://localhost/"))


def test_answer_of_a_host(secret: str, server: RecordingServer) -> None:
    HOST_PORTS.add(urlsplit(server.url).port or 0)
    server.answers = [reply("200 OK", json.dumps({"detail": secret}).encode())]
    assert requests.get(server.url, timeout=10).status_code == 200


def test_row(secret: str, table: Table) -> None:
    table.upsert({"PartitionKey": "pending", "RowKey": "planted", "label": secret})


def test_storage_request(secret: str, table: Table) -> None:
    assert list(table.rows("label eq @label", {"label": secret})) == []


def test_webhook(secret: str, receiver: Receiver) -> None:
    guard = NetworkGuard(allow_private=True)
    guard.post(receiver.url, json.dumps({"data": secret}).encode(), {"webhook-id": "evt_1"})
    guard.close()


def test_upstream_request(secret: str, transport: Transport) -> None:
    with suppress(UpstreamError):
        transport.get_once("planted?" + urlencode({"q": secret}))


def test_output(secret: str) -> None:
    printing = "import os; print(os.environ['PLANTED'])"
    environment = {**os.environ, "PLANTED": secret}
    child = Child("functions host", [sys.executable, "-c", printing], environment=environment)
    assert child.wait_until_ended(timeout_seconds=30) == 0


def test_setting(secret: str) -> None:
    assert SettingReader({"JOBS_TABLE": secret}).text("JOBS_TABLE")
