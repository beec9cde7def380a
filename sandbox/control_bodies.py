"""The bodies of control requests, and the errors that answer bad ones."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from sandbox.answers import JsonObject, Refusal

NO_CONTENT = 204


async def json_body(request: web.Request) -> JsonObject:
    """The JSON object in the body; empty without a body. Raises Refusal."""
    if not request.can_read_body:
        return {}
    try:
        body = await request.json()
    except ValueError as error:
        raise Refusal(400, {"error": "the body is not valid JSON"}) from error
    if not isinstance(body, dict):
        raise Refusal(400, {"error": "the body must be a JSON object"})
    return body


@contextmanager
def refused_with_reason() -> Iterator[None]:
    """Turns the state's errors into 400 with the reason."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(400, {"error": str(error)}) from error
