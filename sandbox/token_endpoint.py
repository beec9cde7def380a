"""Entra's endpoints over HTTP: OpenID configuration, v1 and v2 token endpoints, managed identity."""

import base64
import binascii
from urllib.parse import unquote_plus

from aiohttp import web

from sandbox.answers import json_answer
from sandbox.state import STATE


def routes() -> list[web.RouteDef]:
    """The routes. Faults and the request log use their names."""
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
    form |= _basic_credentials(request.headers.get("Authorization", ""))
    with state.lock:
        body = state.tokens.issue(request.match_info["tenant"], form, version=version)
    return json_answer(body)


def _basic_credentials(authorization: str) -> dict[str, str]:
    """`client_id` and `client_secret` from a Basic Authorization header; empty for any other header.

    Both are form-encoded inside the header (RFC 6749, section 2.3.1).
    """
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return {}
    return {"client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}
