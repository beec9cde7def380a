"""Bodies of control requests: read, and refused with a reason."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from sandbox.answers import JsonObject, Refusal


async def json_body(request: web.Request) -> JsonObject:
    """The JSON object in the body; no body is an empty one. Raises Refusal."""
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
def faults_named() -> Iterator[None]:
    """Answers 400 with the reason when the state refuses what the body holds."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(400, {"error": str(error)}) from error
