"""The HTTPS server: one port for the token endpoint, both APIs and the control endpoint."""

import asyncio
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from local.sandbox import (
    catalogue,
    cloud_partner_portal,
    control,
    ingestion_requests,
    product_ingestion,
    token_endpoint,
)
from local.sandbox.answers import Refusal, ingestion_error, json_answer, refusal_answer, service_headers
from local.sandbox.app_keys import STATE
from local.sandbox.certificates import CertificateAuthority
from local.sandbox.fault_kinds import FAULT_KINDS
from local.sandbox.faults import Fault
from local.sandbox.faulty_calls import FaultyCall
from local.sandbox.request_log import HEADERS_OF_INTEREST, LoggedRequest
from local.sandbox.state import SandboxState

HOST = "localhost"
LISTEN_ADDRESS = "127.0.0.1"
START_TIMEOUT_SECONDS = 20.0
BACKLOG = 256
MAX_REQUEST_BYTES = 8 * 1_048_576

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_application(state: SandboxState) -> web.Application:
    """The web application over a state."""
    application = web.Application(middlewares=[log_and_spoil], client_max_size=MAX_REQUEST_BYTES)
    application[STATE] = state
    for module in (token_endpoint, product_ingestion, catalogue, cloud_partner_portal, control):
        application.add_routes(module.routes())
    return application


@web.middleware
async def log_and_spoil(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Logs the request on arrival, waits the set latency, and lets a fault have its way with the answer."""
    route = request.match_info.route.name or "unknown"
    if route.startswith("control"):
        return await _answer(request, handler)
    state = request.app[STATE]
    entry = _logged(request, route, state)
    with state.lock:
        state.log.append(entry)
        fault = state.faults.take(route=route, method=request.method, path=request.path, job_id=entry.job_id)
        latency_seconds = state.settings.latency_milliseconds / 1000
    if latency_seconds > 0:
        await asyncio.sleep(latency_seconds)
    if fault is None:
        response = await _answer(request, handler)
    else:
        entry.fault = fault.kind
        response = await _spoiled(fault, request, handler, route, state)
    entry.status = response.status
    if not response.prepared:
        response.headers.update(service_headers(route, request.headers))
    return response


async def _spoiled(
    fault: Fault, request: web.Request, handler: Handler, route: str, state: SandboxState
) -> web.StreamResponse:
    async def answer() -> web.Response:
        response = await _answer(request, handler)
        return response if isinstance(response, web.Response) else web.Response()

    return await FAULT_KINDS[fault.kind](FaultyCall(fault, request, route, state.clock(), answer))


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return refusal_answer(refusal)
    except web.HTTPException as error:  # aiohttp's own: no such route, no such method, a body too large
        code = "methodNotAllowed" if error.status == 405 else "notFound"
        return json_answer(ingestion_error(code, error.reason), status=error.status)


def _logged(request: web.Request, route: str, state: SandboxState) -> LoggedRequest:
    job_id = request.match_info.get("job_id")
    return LoggedRequest(
        number=state.log.next_number(),
        method=request.method,
        path=request.path,
        query=request.query_string,
        route=route,
        job_id=job_id.lower() if job_id else None,
        arrived_at=state.clock(),
        arrived_monotonic=time.monotonic(),
        token_audience=state.tokens.audience_of(request.headers.get("Authorization")),
        headers={name: request.headers[name] for name in HEADERS_OF_INTEREST if name in request.headers},
    )


class Sandbox:
    """A running sandbox and all that a caller needs to reach it."""

    def __init__(self, port: int, directory: Path) -> None:
        """Prepares everything and listens nowhere yet; `start` does all of it. Port 0 takes a free one."""
        self._authority = CertificateAuthority()
        self.state = SandboxState(self._authority.client_public_key)
        self._socket = socket.create_server((LISTEN_ADDRESS, port), backlog=BACKLOG)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"https://{HOST}:{self.port}"
        self.authority_host = self.url
        self.product_ingestion_url = f"{self.url}{ingestion_requests.PREFIX}"
        self.cloud_partner_portal_url = f"{self.url}{cloud_partner_portal.PREFIX}"
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
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(sandbox.serve(stop, started.set))
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    thread = threading.Thread(target=run, name="sandbox", daemon=True)
    thread.start()
    if not started.wait(START_TIMEOUT_SECONDS):
        raise RuntimeError(f"the sandbox did not start within {START_TIMEOUT_SECONDS} seconds")
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_TIMEOUT_SECONDS)
