"""The web application: all routes, and what is done before and after each request's handler."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox import catalogue, cloud_partner_portal, control, control_offers, product_ingestion, token_endpoint
from sandbox.answers import Refusal, ingestion_error, json_answer, refusal_answer, service_headers
from sandbox.fault_kinds import FAULT_KINDS
from sandbox.faults import Fault, FaultyCall
from sandbox.request_log import HEADERS_OF_INTEREST, LoggedRequest
from sandbox.state import STATE, SandboxState

MAX_REQUEST_BYTES = 8 * 1_048_576

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_application(state: SandboxState) -> web.Application:
    """The web application that serves `state`."""
    application = web.Application(middlewares=[log_and_answer], client_max_size=MAX_REQUEST_BYTES)
    application[STATE] = state
    for module in (token_endpoint, product_ingestion, catalogue, cloud_partner_portal, control, control_offers):
        application.add_routes(module.routes())
    names = (route.name for route in application.router.routes() if route.name)
    state.route_names = frozenset(name for name in names if not name.startswith("control."))
    return application


@web.middleware
async def log_and_answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Logs the request on arrival, waits for the configured latency, and applies a matching fault to the answer."""
    route = request.match_info.route.name or "unknown"
    if route.startswith("control."):
        return await _answer(request, handler)
    state = request.app[STATE]
    entry = _logged(request, route, state)
    with state.lock:
        state.log.append(entry)
        target = f"{request.path}?{request.query_string}"
        fault = state.faults.take(route=route, method=request.method, path=target, job_id=entry.job_id)
        latency_seconds = state.settings.latency_milliseconds / 1000
    if latency_seconds > 0:
        await asyncio.sleep(latency_seconds)
    if fault is None:
        response = await _answer(request, handler)
    else:
        entry.fault = fault.kind
        response = await _answer_with_fault(fault, request, handler, route, state)
    entry.status = response.status
    if not response.prepared:
        response.headers.update(service_headers(route, request.headers))
    return response


async def _answer_with_fault(
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
    except web.HTTPException as error:  # aiohttp's own: unknown route, wrong method, body too large
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
