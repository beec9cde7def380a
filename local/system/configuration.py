"""The configuration of `make run`: ports, and the settings of the functions host."""

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.host.local_settings import read_local_settings
from local.processes.ports import holder, is_free
from local.samples.offers import WATCHED_CPP_OFFERS

# Each port's setting, its default, and the part that listens there.
_PORTS = {
    "FUNCTIONS_PORT": (7071, "the functions host"),
    "SANDBOX_PORT": (7443, "the sandbox"),
    "RECEIVER_PORT": (7072, "the webhook receiver"),
    "AZURITE_TABLE_PORT": (10002, "Azurite's tables"),
    "AZURITE_BLOB_PORT": (10000, "Azurite's blobs"),
    "AZURITE_QUEUE_PORT": (10001, "Azurite's queues"),
}
# The receiver's secret is new at each start. The host's keys, `local` and `master`, are not secret.
_WEBHOOK_SECRET_BYTES = 32
_THREADS_OF_THE_HOST = "32"


class ConfigurationError(Exception):
    """The system cannot be started like this. The message has one line for each fault."""


@dataclass(frozen=True)
class SandboxAccess:
    """How the app reaches the sandbox and signs in there."""

    url: str
    authority_host: str
    product_ingestion_url: str
    cloud_partner_portal_url: str
    tenant_id: str
    client_id: str
    client_secret: str
    ca_bundle: str
    shell_line: str = ""  # to paste into a shell before calling the sandbox with curl


@dataclass(frozen=True)
class Configuration:
    """`environment` is this process's own, completed from `local.settings.json`."""

    environment: Mapping[str, str]
    ports: Mapping[str, int]
    webhook_secret: str

    @property
    def is_real(self) -> bool:
        """Whether to work with the real Partner Center: any of its settings is set."""
        return any(name.startswith("PARTNER_CENTER_") and value for name, value in self.environment.items())

    @property
    def function_key(self) -> str:
        """The key of the functions host."""
        return self.environment.get("FUNCTIONS_KEY") or "local"

    @property
    def master_key(self) -> str:
        """The key of the functions host for admin calls."""
        return self.environment.get("FUNCTIONS_MASTER_KEY") or "master"

    @property
    def jobs_table(self) -> str:
        """The name of the jobs table."""
        return self.environment.get("JOBS_TABLE") or "jobs"

    def check_ports(self) -> None:
        """Raise ConfigurationError if a port is in use. The message names the process that uses it."""
        faults = []
        for setting, port in self.ports.items():
            if (setting == "SANDBOX_PORT" and self.is_real) or is_free(port):
                continue
            by = holder(port) or "another program"
            part = _PORTS[setting][1]
            faults.append(f"Port {port}, for {part}, is in use by {by}: stop it, or set {setting} to another port.")
        if faults:
            raise ConfigurationError("\n".join(faults))

    def host_environment(self, storage: str, sandbox: SandboxAccess | None) -> dict[str, str]:
        """The settings for the functions host. It inherits all others from the developer's environment."""
        settings = {"AzureWebJobsStorage": storage, "WEBHOOK_ALLOW_PRIVATE_NETWORKS": "true"}
        settings |= self._unless_set("PUBLIC_URL", f"http://localhost:{self.ports['FUNCTIONS_PORT']}")
        settings |= self._unless_set("PYTHON_THREADPOOL_THREAD_COUNT", _THREADS_OF_THE_HOST)
        if sandbox is None and self.environment.get("WEBHOOK_URL"):
            del settings["WEBHOOK_ALLOW_PRIVATE_NETWORKS"]
            return settings
        settings["WEBHOOK_URL"] = f"http://127.0.0.1:{self.ports['RECEIVER_PORT']}/webhook"
        settings["WEBHOOK_SECRET"] = self.webhook_secret
        if sandbox is None:
            return settings
        return settings | {
            "PARTNER_CENTER_TENANT_ID": sandbox.tenant_id,
            "PARTNER_CENTER_CLIENT_ID": sandbox.client_id,
            "PARTNER_CENTER_CLIENT_SECRET": sandbox.client_secret,
            "AZURE_AUTHORITY_HOST": sandbox.authority_host,
            "PRODUCT_INGESTION_URL": sandbox.product_ingestion_url,
            "CLOUD_PARTNER_PORTAL_URL": sandbox.cloud_partner_portal_url,
            "REQUESTS_CA_BUNDLE": sandbox.ca_bundle,
            "WATCH_CPP_OFFERS": WATCHED_CPP_OFFERS,
        }

    def _unless_set(self, setting: str, value: str) -> dict[str, str]:
        return {} if self.environment.get(setting) else {setting: value}


def read_configuration(app_directory: Path, environment: Mapping[str, str] = os.environ) -> Configuration:
    """Read the environment and `local.settings.json`. Raises ConfigurationError if a port is invalid."""
    merged = {**read_local_settings(app_directory / "local.settings.json"), **environment}
    ports, faults = {}, []
    for setting, (default, _part) in _PORTS.items():
        text = merged.get(setting) or str(default)
        if text.isdecimal() and 0 < int(text) < 65536:
            ports[setting] = int(text)
        else:
            faults.append(f"{setting} should be a port number; it is {text!r}.")
    if faults:
        raise ConfigurationError("\n".join(faults))
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(_WEBHOOK_SECRET_BYTES)).decode()
    return Configuration(environment=merged, ports=ports, webhook_secret=secret)
