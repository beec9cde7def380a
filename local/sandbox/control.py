"""The control endpoint /sandbox: what tests and people script the sandbox with. No authentication, JSON."""

from typing import Any

from aiohttp import web

from local.sandbox.answers import Refusal, json_answer
from local.sandbox.app_keys import STATE


def routes() -> list[web.RouteDef]:
    """The routes; they are neither logged nor hit by faults."""
    return [
        web.get("/sandbox", get_description, name="control.description"),
        web.post("/sandbox/reset", post_reset, name="control.reset"),
    ]


async def get_description(request: web.Request) -> web.Response:
    """Accounts and base URLs."""
    return json_answer({"tenantId": request.app[STATE].account.tenant_id})


async def post_reset(request: web.Request) -> web.Response:
    """Back to the start."""
    request.app[STATE].reset()
    return web.Response(status=204)


async def json_body(request: web.Request) -> dict[str, Any]:
    """The JSON object in the body; no body is an empty one."""
    if not request.can_read_body:
        return {}
    try:
        body = await request.json()
    except ValueError as error:
        raise Refusal(400, {"error": "the body is not valid JSON"}) from error
    if not isinstance(body, dict):
        raise Refusal(400, {"error": "the body must be a JSON object"})
    return body
