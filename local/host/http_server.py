"""HTTP around the functions: allowed callers, routes, keys and the host's own addresses."""

import asyncio
import hmac
import json
import logging
import time
from dataclasses import dataclass

from aiohttp import web
from azure_functions_runtime.bindings.datumdef import Datum

from local.host.allowed_hosts import AllowedHosts
from local.host.http_messages import ResponseError, query_pairs, request_datum, to_response
from local.host.invocations import Invocations
from local.host.routing import decode_path
from local.host.timers import timer_payload
from local.host.triggers import HttpFunction, Triggers

BODY_LIMIT_BYTES = 100 * 1024 * 1024  # the real host's default, FUNCTIONS_REQUEST_BODY_SIZE_LIMIT

logger = logging.getLogger("http")


@dataclass(frozen=True)
class Keys:
    """`function` gives access to functions of level FUNCTION; `master` also to level ADMIN and to admin calls."""

    function: str
    master: str

    def level_of(self, given: str | None) -> str:
        """The level of a caller with this key: ADMIN, FUNCTION or ANONYMOUS."""
        for level, key in (("ADMIN", self.master), ("FUNCTION", self.function)):
            if given and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), key.encode()):
                return level
        return "ANONYMOUS"


class HttpServer:
    """Answers every request of one host."""

    def __init__(
        self, triggers: Triggers, invocations: Invocations, *, keys: Keys, allowed_hosts: AllowedHosts
    ) -> None:
        self._routes = triggers.routes
        self._functions = {name.lower(): function for name, function in triggers.functions.items()}
        self._invocations = invocations
        self._keys = keys
        self._allowed_hosts = allowed_hosts

    def application(self) -> web.Application:
        """The aiohttp application: one handler for all requests, because Azure's routing differs from aiohttp's."""
        application = web.Application(client_max_size=BODY_LIMIT_BYTES)
        application.router.add_route("*", r"/{any:[\s\S]*}", self._answer)  # a decoded path may contain line breaks
        return application

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        started = time.monotonic()
        path, _, query = request.raw_path.partition("?")
        response = await self._dispatch(request, path, query)
        duration_ms = (time.monotonic() - started) * 1000
        # Without the query, which may contain a key.
        logger.info("%s %s %d %.0f ms", request.method, path, response.status, duration_ms)
        return response

    async def _dispatch(self, request: web.Request, raw_path: str, query: str) -> web.Response:
        path = decode_path(raw_path)
        if path is None or not _headers_are_utf8(request):
            return web.Response(status=400)
        if refusal := self._allowed_hosts.refusal(request):
            return refusal
        if path == "/":
            return web.Response(text="The functions host is running.\n")
        level = self._keys.level_of(_given_key(request, query))
        parts = path.rstrip("/").split("/")[1:]
        if parts and parts[0].lower() == "admin":
            return await self._admin(request, parts[1:], level)
        found = self._routes.find(request.method, path)
        if found is None:
            return web.Response(status=404)
        target, route_parameters = found
        if level not in ("ADMIN", target.auth_level) and target.auth_level != "ANONYMOUS":
            return web.Response(status=401)
        return await self._run(request, target, route_parameters)

    async def _run(
        self, request: web.Request, target: HttpFunction, route_parameters: dict[str, str]
    ) -> web.Response:
        if (request.content_length or 0) > BODY_LIMIT_BYTES:
            logger.error("The body is larger than %d bytes, which Azure answers with 500", BODY_LIMIT_BYTES)
            return web.Response(status=500)
        trigger = await request_datum(request, route_parameters)
        # As on Azure, a caller that hangs up does not stop the function.
        outcome = await asyncio.shield(self._invocations.start(target.function, trigger, reason=""))
        if outcome.error is not None:
            return web.Response(status=500)
        try:
            return to_response(outcome.returned)
        except ResponseError as error:
            logger.error("The answer of %s cannot be sent: %s", target.function.name, error)  # noqa: TRY400 - says it all
            return web.Response(status=500)

    async def _admin(self, request: web.Request, parts: list[str], level: str) -> web.Response:
        """`POST /admin/functions/{name}`: start a function without an HTTP trigger, and do not wait for its end."""
        if level != "ADMIN":
            text = "An admin call needs the master key (FUNCTIONS_MASTER_KEY), not a function key.\n"
            return web.Response(status=403 if level == "FUNCTION" else 401, text=text)
        if request.method != "POST" or len(parts) != 2 or parts[0].lower() != "functions":
            return web.Response(status=404)
        if not _is_json_type(request.content_type):
            return web.Response(status=415, text="The call needs the header Content-Type: application/json.\n")
        if not _is_invocation(await request.read()):
            return web.Response(status=400, text='The body should be {} or {"input": ""}.\n')
        function = self._functions.get(parts[1].lower())
        if function is None:
            return web.Response(status=404)
        if function.trigger["type"] != "timerTrigger":
            return web.Response(status=400, text=f"{function.name} has an HTTP trigger: call its own address.\n")
        trigger = Datum(value=timer_payload(None, None, is_past_due=False), type="json")
        self._invocations.start(function, trigger, reason="by hand")
        return web.Response(status=202)


def _given_key(request: web.Request, query: str) -> str | None:
    """The key in the header, or else the first `code` in the query. An empty header counts too."""
    header = request.headers.get("x-functions-key")
    if header is not None:
        return header
    return next((value for name, value in query_pairs(query) if name.lower() == "code"), None)


def _headers_are_utf8(request: web.Request) -> bool:
    """Whether Kestrel would accept the headers. aiohttp turns bytes that are not UTF-8 into surrogates."""
    return not any("\udc80" <= character <= "\udcff" for value in request.headers.values() for character in value)


def _is_json_type(content_type: str) -> bool:
    return content_type in ("application/json", "text/json") or (
        content_type.startswith("application/") and content_type.endswith("+json")
    )


def _is_invocation(body: bytes) -> bool:
    """Whether the body is a JSON object whose `input`, if any, is a plain value."""
    try:
        content = json.loads(body)
    except ValueError:
        return False
    return isinstance(content, dict) and not any(
        isinstance(value, (dict, list)) for name, value in content.items() if name.lower() == "input"
    )
