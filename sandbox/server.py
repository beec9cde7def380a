"""The HTTPS server: one port for the token endpoint, both APIs and the control endpoint."""

import asyncio
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox import cloud_partner_portal, ingestion_requests
from sandbox.application import make_application
from sandbox.certificates import CertificateAuthority
from sandbox.state import SandboxState

HOST = "localhost"
LISTEN_ADDRESS = "127.0.0.1"
START_TIMEOUT_SECONDS = 20.0
BACKLOG = 256


class Sandbox:
    """A running sandbox and all that a caller needs to reach it."""

    def __init__(self, port: int, directory: Path) -> None:
        """Takes the port (0: a free one) and writes the certificates to the directory; `serve` answers requests."""
        self._authority = CertificateAuthority()
        self.state = SandboxState(self._authority.client_public_key)
        self._socket = socket.create_server((LISTEN_ADDRESS, port), backlog=BACKLOG)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"https://{HOST}:{self.port}"
        self.authority_host = self.url
        self.product_ingestion_url = f"{self.url}{ingestion_requests.PREFIX}"
        self.cloud_partner_portal_url = f"{self.url}{cloud_partner_portal.PREFIX}"
        self.managed_identity_endpoint = f"{self.url}/msi/token"  # what App Service calls IDENTITY_ENDPOINT
        self.tenant_id = self.state.account.tenant_id
        self.client_id = self.state.account.client_id
        self.client_secret = self.state.account.client_secret
        directory.mkdir(parents=True, exist_ok=True)
        self.ca_bundle = str(directory / "ca.pem")
        self.client_certificate = str(directory / "client.pem")
        Path(self.ca_bundle).write_bytes(self._authority.authority_pem)
        Path(self.client_certificate).write_bytes(self._authority.client_pem)

    async def serve(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Serves until `stop` is set; calls `ready` when it accepts connections."""
        runner = web.AppRunner(make_application(self.state), access_log=None, handler_cancellation=True)
        await runner.setup()
        server = await asyncio.get_running_loop().create_server(
            _protocol_factory(runner), sock=self._socket, ssl=self._authority.server_context(), backlog=BACKLOG
        )
        try:
            ready()
            await stop.wait()
        finally:
            server.close()
            server.abort_clients()  # callers that keep connections alive, and those that a fault keeps waiting
            await runner.cleanup()
            await server.wait_closed()

    @classmethod
    @contextmanager
    def start(cls, port: int = 0) -> Iterator["Sandbox"]:
        """Runs a sandbox in a thread of its own for as long as the context lasts; its files go with it."""
        directory = Path(tempfile.mkdtemp(prefix="sandbox-"))
        try:
            sandbox = cls(port, directory)
            with _running(sandbox):
                yield sandbox
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def _protocol_factory(runner: web.AppRunner) -> web.Server:
    if runner.server is None:
        raise RuntimeError("the runner has not been set up")
    return runner.server


@contextmanager
def _running(sandbox: Sandbox) -> Iterator[None]:
    """Serves in a thread with an event loop of its own; an error in it comes out here."""
    started: Future[Callable[[], object]] = Future()

    async def serve() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        await sandbox.serve(stop, lambda: started.set_result(lambda: loop.call_soon_threadsafe(stop.set)))

    with ThreadPoolExecutor(1, thread_name_prefix="sandbox") as thread:
        serving = thread.submit(asyncio.run, serve())
        either: list[Future[Any]] = [started, serving]
        wait(either, START_TIMEOUT_SECONDS, return_when=FIRST_COMPLETED)
        if serving.done():
            serving.result()
        ask_to_stop = started.result(0)
        try:
            yield
        finally:
            ask_to_stop()
            serving.result()
