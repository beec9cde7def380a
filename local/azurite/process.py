"""Starts and stops Azurite from node_modules: only tables for tests, all three services for `make run`."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from local.processes.child import REPOSITORY, Child, ChildFailedError
from local.processes.ports import free_port

START_SECONDS = 30
_PACKAGE = REPOSITORY / "node_modules" / "azurite" / "dist" / "src"
_LIFELINE = REPOSITORY / "local" / "processes" / "lifeline.cjs"
_ACCOUNT = "devstoreaccount1"
# The key that Microsoft publishes for its emulator. It is the same everywhere, and not a secret.
_ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True)
class AzuritePorts:
    """The ports on which Azurite listens. Without `blob` and `queue` it serves only tables."""

    table: int
    blob: int | None = None
    queue: int | None = None


class AzuriteProcess:
    """A running Azurite. Without a folder its data is gone when the `with` block ends or `stop()` is called."""

    def __init__(self, ports: AzuritePorts | None = None, *, folder: Path | None = None) -> None:
        """Start it and wait until it answers. Raises ChildFailedError if it does not start.

        With `folder` it keeps its data there, and begins with what is there. It writes to disk every five seconds,
        and not when it is stopped: a write that it has answered may be lost in between.
        """
        self.ports = ports or AzuritePorts(table=free_port())
        self.child = Child("azurite", _command(self.ports, folder))
        try:
            services = {"Table": self.ports.table, "Blob": self.ports.blob, "Queue": self.ports.queue}
            for service in [name for name, port in services.items() if port is not None]:
                self.child.wait_for(f"{service} service (is )?successfully", timeout_seconds=START_SECONDS)
        except ChildFailedError:
            self.child.kill()
            raise

    @property
    def connection_string(self) -> str:
        """The connection string for `AzureWebJobsStorage` and for the storage clients."""
        endpoints = {"Table": self.ports.table, "Blob": self.ports.blob, "Queue": self.ports.queue}
        return f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_ACCOUNT_KEY};" + "".join(
            f"{service}Endpoint=http://127.0.0.1:{port}/{_ACCOUNT};"
            for service, port in endpoints.items()
            if port is not None
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.child.pid

    def kill(self) -> None:
        """End it at once, for tests in which storage goes away."""
        self.child.kill()

    def stop(self) -> None:
        """End it, without saving."""
        self.child.terminate(timeout_seconds=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _command(ports: AzuritePorts, folder: Path | None) -> list[str]:
    node = shutil.which("node")
    if node is None or not _PACKAGE.is_dir():
        raise ChildFailedError("Azurite is not installed here: `make setup` installs it (Node 20 or newer, npm).")
    whole = ports.blob is not None and ports.queue is not None
    script = _PACKAGE / ("azurite.js" if whole else "table/main.js")
    options = ["--tablePort", str(ports.table)]
    if whole:
        options += ["--blobPort", str(ports.blob), "--queuePort", str(ports.queue)]
    options += ["--inMemoryPersistence"] if folder is None else ["--location", str(folder)]
    flags = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    return [node, "--require", str(_LIFELINE), str(script), *options, *flags]
