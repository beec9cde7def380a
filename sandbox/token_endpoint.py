"""Entra's endpoints over HTTP: OpenID configuration, the v1 and v2 token endpoints, a managed identity's."""

from aiohttp import web

from sandbox.answers import json_answer
from sandbox.app_keys import STATE


def routes() -> list[web.RouteDef]:
    """The routes; their names are those that faults and the request log use."""
    return [
        web.get("/{tenant}/v2.0/.well-known/openid-configuration", get_openid, name="tokens.openid-configuration"),
        web.post("/{tenant}/oauth2/v2.0/token", post_token_v2, name="tokens.token"),
        web.post("/{tenant}/oauth2/token", post_token_v1, name="tokens.token-v1"),
        web.get("/msi/token", get_managed_identity, name="tokens.managed-identity"),
    ]


async def get_openid(request: web.Request) -> web.Response:
    """The OpenID configuration of the tenant."""
    state = request.app[STATE]
    with state.lock:
        return json_answer(state.tokens.openid_configuration(request.match_info["tenant"], f"https://{request.host}"))


async def post_token_v2(request: web.Request) -> web.Response:
    """Client credentials with `scope`."""
    return await _token(request, version=2)


async def post_token_v1(request: web.Request) -> web.Response:
    """Client credentials with `resource`."""
    return await _token(request, version=1)


async def get_managed_identity(request: web.Request) -> web.Response:
    """App Service's managed identity endpoint, for federated credentials."""
    state = request.app[STATE]
    return json_answer(state.tokens.managed_identity_answer(request.query, request.headers.get("X-IDENTITY-HEADER")))


async def _token(request: web.Request, *, version: int) -> web.Response:
    state = request.app[STATE]
    form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    with state.lock:
        body = state.tokens.issue(request.match_info["tenant"], form, version=version)
    return json_answer(body)
