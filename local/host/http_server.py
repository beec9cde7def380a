"""HTTP around the functions: routes, keys, the request as a function sees it, and its answer on the wire."""

import asyncio
import hmac
import json
import logging
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl

from aiohttp import web
from azure_functions_runtime.bindings.datumdef import Datum

from local.host.invocations import Invocations
from local.host.routing import RouteTable, decode_path
from local.host.runtime import IndexedFunction
from local.host.timers import timer_payload

BODY_LIMIT_BYTES = 100 * 1024 * 1024  # the real host's default, FUNCTIONS_REQUEST_BODY_SIZE_LIMIT

logger = logging.getLogger("http")


@dataclass(frozen=True)
class HttpFunction:
    """An HTTP function and whether a caller needs a key."""

    function: IndexedFunction
    is_anonymous: bool


class HttpServer:
    """Answers every request of one host. `functions` holds all functions by name, HTTP or not."""

    def __init__(
        self,
        routes: RouteTable[HttpFunction],
        functions: dict[str, IndexedFunction],
        invocations: Invocations,
        *,
        key: str,
    ) -> None:
        self._routes = routes
        self._functions = {name.lower(): function for name, function in functions.items()}
        self._invocations = invocations
        self._key = key

    def application(self) -> web.Application:
        """The aiohttp application: one handler, since Azure's routing is not aiohttp's."""
        application = web.Application(client_max_size=BODY_LIMIT_BYTES)
        application.router.add_route("*", r"/{any:[\s\S]*}", self._answer)  # a decoded path may hold line breaks
        return application

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        started = time.monotonic()
        path, _, query = request.raw_path.partition("?")
        response = await self._dispatch(request, path, query)
        duration_ms = (time.monotonic() - started) * 1000
        # Without the query: it may hold a key.
        logger.info("%s %s %d %.0f ms", request.method, path, response.status, duration_ms)
        return response

    async def _dispatch(self, request: web.Request, path: str, query: str) -> web.Response:
        parts = decode_path(path)
        if parts is None or not _headers_are_utf8(request):
            return web.Response(status=400)
        if not parts:
            return web.Response(text="The functions host is running.\n")
        parameters = query_parameters(query)
        if parts[0].lower() == "admin":
            return await self._admin(request, parts[1:], parameters)
        found = self._routes.find(request.method, parts)
        if found is None:
            return web.Response(status=404)
        target, route_parameters = found
        if not target.is_anonymous and not self._has_key(request, parameters):
            return web.Response(status=401)
        trigger = await _request_datum(request, path, query, route_parameters, parameters)
        # A caller that hangs up does not stop the function, as on Azure.
        outcome = await asyncio.shield(self._invocations.start(target.function, trigger, reason=""))
        return web.Response(status=500) if outcome.error is not None else _response(outcome.returned)

    def _has_key(self, request: web.Request, parameters: dict[str, str]) -> bool:
        given = request.headers.get("x-functions-key") or parameters.get("code", "")
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._key.encode())

    async def _admin(self, request: web.Request, parts: list[str], parameters: dict[str, str]) -> web.Response:
        """`POST /admin/functions/{name}` starts a function without HTTP trigger; nobody waits for its end."""
        if not self._has_key(request, parameters):
            return web.Response(status=401)
        if request.method != "POST" or len(parts) != 2 or parts[0].lower() != "functions":
            return web.Response(status=404)
        function = self._functions.get(parts[1].lower())
        if function is None:
            return web.Response(status=404)
        if function.trigger["type"] != "timerTrigger":
            return web.Response(status=400, text=f"{function.name} has an HTTP trigger: call its own address.\n")
        body = await request.read()
        if body and not _is_json_object(body):
            return web.Response(status=400, text='The body should be a JSON object, such as {"input": ""}.\n')
        trigger = Datum(value=timer_payload(None, None, is_past_due=False), type="json")
        self._invocations.start(function, trigger, reason="by hand")
        return web.Response(status=202)


def query_parameters(query: str) -> dict[str, str]:
    """Query parameters as the real host passes them: repeated ones joined by commas, empty ones left out."""
    joined: dict[str, str] = {}
    names: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        known = names.setdefault(name.lower(), name)
        joined[known] = f"{joined[known]},{value}" if known in joined else value
    return {name: value for name, value in joined.items() if value}


async def _request_datum(
    request: web.Request, path: str, query: str, route_parameters: dict[str, str], parameters: dict[str, str]
) -> Datum:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        known = name.lower()
        headers[known] = f"{headers[known]},{value}" if known in headers else value
    url = f"{request.scheme}://{request.host}{path}" + (f"?{query}" if query else "")
    return Datum(
        type="http",
        value={
            "method": _string(request.method),
            "url": _string(url),
            "headers": {name: _string(value) for name, value in headers.items()},
            "params": {name: _string(value) for name, value in route_parameters.items()},
            "query": {name: _string(value) for name, value in parameters.items()},
            "body": Datum(value=await request.read(), type="bytes"),
        },
    )


def _response(returned: Datum | None) -> web.Response:
    """What a function returned, as the real host puts it on the wire."""
    if returned is None or returned.value is None:
        return web.Response(status=204)
    if returned.type != "http":
        return web.Response(text=str(returned.value))
    answer = returned.value
    headers = {name: value.value for name, value in answer["headers"].items() if name.lower() != "content-length"}
    response = web.Response(
        status=int(answer["status_code"].value), body=answer["body"].value or None, headers=headers
    )
    cookies: list[SimpleCookie] = answer.get("cookies") or []
    for cookie in cookies:
        for morsel in cookie.values():
            response.headers.add("Set-Cookie", morsel.OutputString())
    return response


def _headers_are_utf8(request: web.Request) -> bool:
    """Kestrel refuses other headers; aiohttp hides such bytes in surrogates."""
    return not any("\udc80" <= character <= "\udcff" for value in request.headers.values() for character in value)


def _string(value: str) -> Datum:
    return Datum(value=value, type="string")


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
