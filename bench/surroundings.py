"""The services around the measured app, each in its own process: storage, upstream and a webhook receiver."""

import base64
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from azure.data.tables import TableServiceClient

from local.azurite import AzuriteProcess
from local.processes.child import Child, python_command
from shared.settings import StorageByConnectionString
from shared.storage.table import Table, Tables

START_SECONDS = 30
TIMEOUT_SECONDS = 60
_SECRET = "whsec_" + base64.b64encode(b"an invented secret for the benchmark").decode()


class SandboxControl:
    """Controls the sandbox over its control endpoint."""

    def __init__(self, url: str, ca_bundle: str) -> None:
        self.url = url
        self.ca_bundle = ca_bundle
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ca_bundle
        self.account = self._get("/sandbox")

    @property
    def product_ingestion_url(self) -> str:
        return str(self.account["productIngestionUrl"])

    def reset(self, latency_seconds: float) -> None:
        """Forget all jobs, offers and requests."""
        self._send("POST", "/sandbox/reset")
        self.set_latency(latency_seconds)

    def set_latency(self, seconds: float) -> None:
        """Delay each answer by `seconds` from now on."""
        self._send("PATCH", "/sandbox/settings", {"latencyMilliseconds": seconds * 1000})

    def add_jobs(self, count: int, **course: object) -> list[str]:
        """Add jobs of one kind (`seconds`, `outcome`; see sandbox/README.md) and return their ids."""
        job_ids: list[str] = (
            self._send("POST", "/sandbox/jobs", {"count": count, **course})["jobIds"] if count else []
        )
        return job_ids

    def add_private_offer(self) -> str:
        """Add a sample offer and return its id."""
        return str(self._send("POST", "/sandbox/private-offers", {})["privateOfferId"])

    def count_requests(self, route: str) -> int:
        """The number of requests to this route, or service, since `forget_requests`."""
        return int(self._get(f"/sandbox/requests?limit=0&route={route}")["count"])

    def forget_requests(self) -> None:
        """Start counting from here."""
        self._send("DELETE", "/sandbox/requests")

    def status_asked_at(self) -> dict[str, float]:
        """When each job's status was last requested (seconds since 1970)."""
        found = self._get("/sandbox/requests?limit=100000&route=product-ingestion.job-status")["requests"]
        return {entry["jobId"]: datetime.fromisoformat(entry["arrivedAt"]).timestamp() for entry in found}

    def token(self) -> str:
        """A token for Product Ingestion, for the baselines."""
        answer = self._session.post(
            f"{self.url}/{self.account['tenantId']}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self.account["clientId"],
                "client_secret": self.account["clientSecret"],
                "scope": "https://graph.microsoft.com/.default",
            },
            timeout=TIMEOUT_SECONDS,
        )
        return str(answer.json()["access_token"])

    def _get(self, path: str) -> dict[str, Any]:
        return self._send("GET", path)

    def _send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        answer = self._session.request(method, f"{self.url}{path}", json=body, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        content: dict[str, Any] = answer.json() if answer.content else {}
        return content


@dataclass(frozen=True)
class Arrival:
    """A received webhook: its time of arrival (seconds since 1970), its id and its job."""

    at: float
    webhook_id: str
    job_id: str


@dataclass(frozen=True)
class Surroundings:
    """The running services, and the settings that make the app use them."""

    storage: str
    storage_port: int
    sandbox: SandboxControl
    receiver_url: str

    def environment(self, jobs_table: str, *, with_endpoint: bool = False) -> dict[str, str]:
        """The app's settings; `with_endpoint` makes the receiver an endpoint for every event."""
        account = self.sandbox.account
        settings = {
            "AzureWebJobsStorage": self.storage,
            "JOBS_TABLE": jobs_table,
            "PARTNER_CENTER_TENANT_ID": account["tenantId"],
            "PARTNER_CENTER_CLIENT_ID": account["clientId"],
            "PARTNER_CENTER_CLIENT_SECRET": account["clientSecret"],
            "AZURE_AUTHORITY_HOST": account["authorityHost"],
            "PRODUCT_INGESTION_URL": account["productIngestionUrl"],
            "CLOUD_PARTNER_PORTAL_URL": account["cloudPartnerPortalUrl"],
            "REQUESTS_CA_BUNDLE": self.sandbox.ca_bundle,
            "WEBHOOK_ALLOW_PRIVATE_NETWORKS": "true",
        }
        if with_endpoint:
            settings |= {"WEBHOOK_URL": f"{self.receiver_url}/fast", "WEBHOOK_SECRET": _SECRET}
        return settings

    @contextmanager
    def jobs_table(self) -> Iterator[str]:
        """The name of a new jobs table, removed afterwards because Azurite slows down as it fills."""
        name = f"bench{uuid.uuid4().hex[:16]}"
        try:
            yield name
        finally:
            remove_tables(self.storage, [name, f"{name}webhooks", f"{name}deliveries"])

    def table(self, name: str) -> Table:
        """A table, as the app opens it."""
        return Tables(StorageByConnectionString(self.storage)).table(name)

    def arrivals(self) -> list[Arrival]:
        """The webhooks received since `forget_arrivals`."""
        answer = requests.get(f"{self.receiver_url}/arrivals", timeout=TIMEOUT_SECONDS)
        return [Arrival(one["at"], one["webhookId"], one["jobId"]) for one in answer.json()]

    def forget_arrivals(self) -> None:
        """Forget the webhooks received so far."""
        requests.delete(f"{self.receiver_url}/arrivals", timeout=TIMEOUT_SECONDS)


@contextmanager
def running_surroundings() -> Iterator[Surroundings]:
    """Start all services on free ports, and stop them at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        AzuriteProcess() as azurite,
        _running("sandbox", "--port", "0", "--directory", directory) as sandbox,
        _running("bench.receiver") as receiver,
    ):
        url = sandbox.wait_for(r"sandbox ready: (https://\S+)", timeout_seconds=START_SECONDS)[1]
        yield Surroundings(
            storage=azurite.connection_string,
            storage_port=azurite.ports.table,
            sandbox=SandboxControl(url, str(Path(directory) / "ca.pem")),
            receiver_url=receiver.wait_for(r"receiver ready: (\S+)", timeout_seconds=START_SECONDS)[1],
        )


@contextmanager
def _running(module: str, *arguments: str) -> Iterator[Child]:
    child = Child(module, python_command(module, *arguments))
    try:
        yield child
    finally:
        child.terminate(timeout_seconds=5)


def remove_tables(storage: str, names: Sequence[str]) -> None:
    """Remove tables; a missing one is not an error."""
    with TableServiceClient.from_connection_string(storage) as service:
        for name in names:
            service.delete_table(name)
