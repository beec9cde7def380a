"""The parts of the system as processes, started one after the other and stopped in reverse order."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import requests

from local.azurite import AzuritePorts, AzuriteProcess
from local.host.process import HostProcess
from local.processes.child import Child, ChildFailedError, python_command
from local.system.configuration import Configuration, SandboxAccess

START_SECONDS = 30
HISTORY_SECONDS = 120

type ShowLine = Callable[[str, str], None]


@dataclass(frozen=True)
class Parts:
    """The running parts. `sandbox` is None when the app works with the real Partner Center."""

    storage: str
    host: HostProcess
    receiver_url: str
    sandbox: SandboxAccess | None
    children: tuple[Child, ...]

    def fallen(self) -> Child | None:
        """A part that has ended by itself, if any."""
        return next((child for child in self.children if child.exit_code is not None), None)


@contextmanager
def running_parts(configuration: Configuration, show: ShowLine) -> Iterator[Parts]:
    """Start everything and stop it at the end. `show(part, line)` gets each line that a part prints."""
    ports = configuration.ports
    azurite_ports = AzuritePorts(
        table=ports["AZURITE_TABLE_PORT"], blob=ports["AZURITE_BLOB_PORT"], queue=ports["AZURITE_QUEUE_PORT"]
    )
    with (
        AzuriteProcess(azurite_ports) as azurite,
        _running_sandbox(configuration, show) as (sandbox_child, sandbox),
        _running_receiver(configuration, show) as (receiver_child, receiver_url),
    ):
        environment = configuration.host_environment(azurite.connection_string, sandbox)
        if sandbox is not None:
            _make_history({**configuration.environment, **environment}, sandbox, receiver_url)
        with HostProcess(
            environment,
            port=ports["FUNCTIONS_PORT"],
            timers=True,
            settings_file=True,
            on_line=lambda line: show("host", line),
        ) as host:
            children = (azurite.child, sandbox_child, receiver_child, host.child)
            yield Parts(
                storage=azurite.connection_string,
                host=host,
                receiver_url=receiver_url,
                sandbox=sandbox,
                children=tuple(child for child in children if child is not None),
            )


def _make_history(environment: Mapping[str, str], sandbox: SandboxAccess, receiver_url: str) -> None:
    """Fill the storage with two weeks of sample data. The receiver that shows what arrives gets nothing of it."""
    own = {name: value for name, value in environment.items() if name not in ("WEBHOOK_URL", "WEBHOOK_SECRET")}
    command = python_command("local.samples", "--sandbox", sandbox.url, "--receiver", receiver_url)
    child = Child("sample data", command, environment=own)
    try:
        child.wait_for("samples ready", timeout_seconds=HISTORY_SECONDS)
    finally:
        child.terminate(timeout_seconds=5)


@contextmanager
def _running_sandbox(
    configuration: Configuration, show: ShowLine
) -> Iterator[tuple[Child | None, SandboxAccess | None]]:
    if configuration.is_real:
        yield None, None
        return
    command = python_command("sandbox", "--port", str(configuration.ports["SANDBOX_PORT"]))
    with _running("sandbox", command, dict(os.environ), show) as child:
        ready = child.wait_for(r"sandbox ready: (https://\S+) \(CA: (.+)\)", timeout_seconds=START_SECONDS)
        url, ca_bundle = ready.groups()
        shell_line = child.wait_for("export CURL_CA_BUNDLE=.*", timeout_seconds=START_SECONDS)[0]
        description = requests.get(f"{url}/sandbox", verify=ca_bundle, timeout=10).json()
        yield (
            child,
            SandboxAccess(
                url=url,
                authority_host=description["authorityHost"],
                product_ingestion_url=description["productIngestionUrl"],
                cloud_partner_portal_url=description["cloudPartnerPortalUrl"],
                tenant_id=description["tenantId"],
                client_id=description["clientId"],
                client_secret=description["clientSecret"],
                ca_bundle=ca_bundle,
                shell_line=shell_line,
            ),
        )


@contextmanager
def _running_receiver(configuration: Configuration, show: ShowLine) -> Iterator[tuple[Child, str]]:
    environment = {**os.environ, "WEBHOOK_SECRET": configuration.webhook_secret}
    command = python_command("local.receiver", "--port", str(configuration.ports["RECEIVER_PORT"]))
    with _running("receiver", command, environment, show) as child:
        url = child.wait_for(r"receiver ready: (\S+)/webhook", timeout_seconds=START_SECONDS)[1]
        yield child, url


@contextmanager
def _running(name: str, command: list[str], environment: dict[str, str], show: ShowLine) -> Iterator[Child]:
    child = Child(name, command, environment=environment, on_line=lambda line: show(name, line))
    try:
        yield child
    finally:
        child.terminate(timeout_seconds=5)


def explain_fall(child: Child) -> ChildFailedError:
    """The error for a part that ended by itself."""
    return ChildFailedError(child.failure(f"{child.name} ended by itself with status {child.exit_code}"))
