"""HTTP answers: how bodies are written, and the error envelopes of the three services."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from aiohttp import web

type JsonObject = dict[str, Any]


class Refusal(Exception):
    """A request that is answered with an error. Raised anywhere below a handler, answered in one place."""

    def __init__(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def json_answer(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None, surplus_whitespace: bool = False
) -> web.Response:
    """A JSON answer; with surplus whitespace it is valid JSON still, only padded and indented."""
    text = json.dumps(body, indent=4 if surplus_whitespace else None)
    if surplus_whitespace:
        text = f"\r\n  {text}  \r\n\r\n"
    return web.Response(
        text=text, status=status, content_type="application/json", charset="utf-8", headers=dict(headers or {})
    )


def refusal_answer(refusal: Refusal) -> web.Response:
    """The answer of a refusal; a body of None is an empty body."""
    if refusal.body is None:
        return web.Response(status=refusal.status, headers=refusal.headers)
    return json_answer(refusal.body, status=refusal.status, headers=refusal.headers)


def service_headers(route: str, request_headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that a service puts on every answer, whatever it says."""
    request_id = str(uuid4())
    if route.startswith("product-ingestion"):  # Graph's front door
        return {
            "Cache-Control": "private",
            "Request-Id": request_id,
            "Client-Request-Id": request_headers.get("Client-Request-Id", request_id),
            "Strict-Transport-Security": "max-age=31536000",
        }
    if route.startswith("cloud-partner-portal"):  # as recorded in B6
        return {
            "Cache-Control": "no-cache",
            "Pragma": "no-cache",
            "Expires": "-1",
            "X-Content-Type-Options": "nosniff",
            "X-Ms-Correlation-Request-Id": request_id,
        }
    return {"Cache-Control": "no-store, no-cache", "X-Ms-Request-Id": request_id}


def ingestion_error(code: str, message: str, details: Sequence[JsonObject] = ()) -> JsonObject:
    """Product Ingestion's `response-error/2022-03-01` envelope (A8)."""
    return {"error": {"code": code, "message": message, "details": list(details)}}


def graph_error(code: str, message: str, now: datetime) -> JsonObject:
    """The error of the Graph front door, which checks the token before Product Ingestion sees the request (A8)."""
    request_id = str(uuid4())
    return {
        "error": {
            "code": code,
            "message": message,
            "innerError": {
                "date": f"{now:%Y-%m-%dT%H:%M:%S}",
                "request-id": request_id,
                "client-request-id": request_id,
            },
        }
    }


def portal_error(code: str, message: str) -> JsonObject:
    """CPP's error envelope (B6)."""
    return {"error": {"code": code, "message": message}}
