"""The form of answers: JSON bodies, member names, dates, and each service's headers and error envelopes."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from aiohttp import web

type JsonObject = dict[str, Any]

YEAR_ONE_DATE = "0001-01-01"
YEAR_ONE_DATE_TIME = "0001-01-01T00:00:00"
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


class Refusal(Exception):
    """An error answer. Any code below a handler may raise it; the application turns it into a response."""

    def __init__(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def json_answer(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None, surplus_whitespace: bool = False
) -> web.Response:
    """A JSON answer. With `surplus_whitespace` it is indented and between blank lines."""
    text = json.dumps(body, indent=4 if surplus_whitespace else None)
    if surplus_whitespace:
        text = f"\r\n  {text}  \r\n\r\n"
    return web.Response(
        text=text, status=status, content_type="application/json", charset="utf-8", headers=dict(headers or {})
    )


def refusal_answer(refusal: Refusal) -> web.Response:
    """The response for a refusal. A body of None means an empty body."""
    if refusal.body is None:
        return web.Response(status=refusal.status, headers=refusal.headers)
    return json_answer(refusal.body, status=refusal.status, headers=refusal.headers)


def service_headers(route: str, request_headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that a service puts on each of its answers."""
    request_id = str(uuid4())
    if route.startswith("product-ingestion"):  # Microsoft Graph's front door
        return {
            "Cache-Control": "private",
            "Request-Id": request_id,
            "Client-Request-Id": request_headers.get("Client-Request-Id", request_id),
            "Strict-Transport-Security": "max-age=31536000",
        }
    if route.startswith("cloud-partner-portal"):  # as recorded by a public client
        return {
            "Cache-Control": "no-cache",
            "Pragma": "no-cache",
            "Expires": "-1",
            "X-Content-Type-Options": "nosniff",
            "X-Ms-Correlation-Request-Id": request_id,
        }
    return {"Cache-Control": "no-store, no-cache", "X-Ms-Request-Id": request_id}


def ingestion_error(code: str, message: str, details: Sequence[JsonObject] = ()) -> JsonObject:
    """Product Ingestion's error envelope, schema `response-error/2022-03-01`."""
    return {"error": {"code": code, "message": message, "details": list(details)}}


def not_simulated(what: str) -> Refusal:
    """501 `notImplemented`: the real service supports this request, but the sandbox does not simulate it."""
    return Refusal(501, ingestion_error("notImplemented", f"The sandbox does not simulate {what}."))


def graph_error(code: str, message: str, now: datetime) -> JsonObject:
    """The error of Microsoft Graph's front door, which checks the token before Product Ingestion sees the request."""
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
    """The Cloud Partner Portal API's error envelope."""
    return {"error": {"code": code, "message": message}}


def snake_case(body: Mapping[str, object]) -> JsonObject:
    """The members with Python names: `retryAfterSeconds` becomes `retry_after_seconds`. Not recursive."""
    return {_HUMP.sub(r"_\1", name).lower(): value for name, value in body.items()}


def camel_case(values: Mapping[str, object]) -> JsonObject:
    """The members with JSON names: `retry_after_seconds` becomes `retryAfterSeconds`. Not recursive."""
    return {re.sub(r"_(\w)", lambda match: match.group(1).upper(), name): value for name, value in values.items()}


def seven_digits(moment: datetime) -> str:
    """.NET's round-trip form: `2024-05-01T09:15:30.1234567Z`. The seventh digit is invented and never zero."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}{1 + moment.microsecond % 9}Z"


def trimmed(moment: datetime) -> str:
    """A time without the trailing zeros of its fraction, as `.5235Z` or `.5Z`."""
    fraction = f"{moment.microsecond:06d}"[:4].rstrip("0") or "5"  # at most four digits, so that zeros are common
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def without_zone(moment: datetime) -> str:
    """Three digits and no zone, as in lists of CPP offers: `2024-06-02T12:25:56.651`. It means UTC."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}"


def date_only(moment: datetime) -> str:
    """`2024-05-01`."""
    return f"{moment:%Y-%m-%d}"
