"""The HTTPS server: one port for the token endpoint, both APIs and the control endpoint."""

import asyncio
import fcntl
import shlex
import shutil
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sandbox import cloud_partner_portal, product_ingestion
from sandbox.application import make_application
from sandbox.state import SandboxSettings, SandboxState
from sandbox.tokens import GRAPH_AUDIENCE, PORTAL_AUDIENCE

HOST = "localhost"
LISTEN_ADDRESS = "127.0.0.1"
START_TIMEOUT_SECONDS = 20.0
BACKLOG = 256


class CertificateAuthority:
    """The authority, the server's TLS certificate and a client certificate for Entra sign-in, new at each start.

    The client certificate is RSA, because Entra accepts only RS256 and PS256.
    """

    def __init__(self) -> None:
        self._authority = trustme.CA(organization_name="Offer Monitor sandbox")
        self._server = self._authority.issue_cert("localhost", "127.0.0.1", "::1")
        client = self._authority.issue_cert("partner-center-client", key_type=trustme.KeyType.RSA)
        self.authority_pem = self._authority.cert_pem.bytes()
        self.client_pem = client.private_key_and_cert_chain_pem.bytes()
        self._client_certificate = x509.load_pem_x509_certificate(client.cert_chain_pems[0].bytes())

    @property
    def client_public_key(self) -> RSAPublicKey:
        """The key that checks client assertions signed with the client certificate."""
        key = self._client_certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise TypeError("the client certificate must have an RSA key")
        return key

    def server_context(self) -> ssl.SSLContext:
        """The TLS context of the server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.configure_cert(context)
        return context


class CertificateFiles:
    """`ca.pem` and `client.pem` in a directory, while the sandbox runs."""

    def __init__(self, directory: Path, authority: CertificateAuthority) -> None:
        """Writes the files. Raises BlockingIOError if they belong to another running sandbox."""
        directory = directory.absolute()
        self._new_directories = [each for each in (directory, *directory.parents) if not each.exists()]
        directory.mkdir(parents=True, exist_ok=True)
        self.ca, self.client = directory / "ca.pem", directory / "client.pem"
        self._ca_file = self.ca.open("a+b")
        try:
            fcntl.flock(self._ca_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._ca_file.close()
            raise BlockingIOError(
                error.errno, f"another sandbox uses {directory}; choose another --directory"
            ) from None
        self._ca_file.truncate(0)
        self._ca_file.write(authority.authority_pem)
        self._ca_file.flush()
        self.client.write_bytes(authority.client_pem)

    def remove(self) -> None:
        """Removes the files, and the directories that it created if they are empty."""
        self.ca.unlink(missing_ok=True)
        self.client.unlink(missing_ok=True)
        self._ca_file.close()
        for directory in self._new_directories:
            if directory.exists() and not any(directory.iterdir()):
                directory.rmdir()


class Sandbox:
    """A running sandbox, with everything that a caller needs to reach it."""

    def __init__(self, port: int, directory: Path, settings: SandboxSettings | None = None) -> None:
        """Binds the port (0: a free one) and writes the certificates to the directory; `serve` answers requests.

        Raises OSError if the port or the directory is in use.
        """
        self._authority = CertificateAuthority()
        self.state = SandboxState(self._authority.client_public_key, settings=settings)
        self._socket = socket.create_server((LISTEN_ADDRESS, port), backlog=BACKLOG)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"https://{HOST}:{self.port}"
        self.authority_host = self.url
        self.product_ingestion_url = f"{self.url}{product_ingestion.PREFIX}"
        self.cloud_partner_portal_url = f"{self.url}{cloud_partner_portal.PREFIX}"
        self.managed_identity_endpoint = f"{self.url}/msi/token"  # what App Service calls IDENTITY_ENDPOINT
        self.tenant_id = self.state.account.tenant_id
        self.client_id = self.state.account.client_id
        self.client_secret = self.state.account.client_secret
        try:
            self._files = CertificateFiles(directory, self._authority)
        except OSError:
            self._socket.close()
            raise
        self.ca_bundle = str(self._files.ca)
        self.client_certificate = str(self._files.client)

    def shell_line(self) -> str:
        """A line that sets up a shell for the README's curl examples, with new tokens."""
        tokens = self.state.tokens
        values = {
            "CURL_CA_BUNDLE": self.ca_bundle,
            "SANDBOX": self.url,
            "TENANT": self.tenant_id,
            "TOKEN": tokens.new_token(GRAPH_AUDIENCE),
            "CPP_TOKEN": tokens.new_token(PORTAL_AUDIENCE),
        }
        return "export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in values.items())

    async def serve(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Serves until `stop` is set; calls `ready` when it accepts connections."""
        try:
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
                server.abort_clients()  # callers that keep connections alive or wait for a fault to end
                await runner.cleanup()
                await server.wait_closed()
        finally:
            self._socket.close()
            self._files.remove()

    @classmethod
    @contextmanager
    def start(cls, port: int = 0, settings: SandboxSettings | None = None) -> Iterator["Sandbox"]:
        """Runs a sandbox in a separate thread within the `with` block, with its files in a new folder."""
        directory = Path(tempfile.mkdtemp(prefix="sandbox-"))
        try:
            sandbox = cls(port, directory, settings)
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
    """Serves in a separate thread with its own event loop. Errors there are raised here."""
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
