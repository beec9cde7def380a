"""The receiver's routes. Any POST is a webhook, except those that control the receiver.

`GET /received` lists the requests, `DELETE /received` forgets them, `POST /secrets` replaces the secrets, and
`POST /behaviour` makes the next requests fail or wait, to see what a sender does then. The two receivers under
`/samples` are for webhooks that nobody watches: they keep and show nothing.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web

from local.receiver.verification import is_verified, member_of, offer_id_of, parse_event

BODY_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True)
class ReceivedEvent:
    """One received request. The fields are in camelCase because `GET /received` shows them."""

    receivedAt: str  # noqa: N815 - a JSON member
    webhookId: str | None  # noqa: N815 - a JSON member
    type: str | None
    jobId: str | None  # noqa: N815 - a JSON member
    offerId: str | None  # noqa: N815 - a JSON member
    verified: bool
    answered: int
    body: str


@dataclass
class Behaviour:
    """How to answer the next `times` requests. Afterwards the answer is 204 at once."""

    status: int = HTTPStatus.NO_CONTENT
    times: int = 0
    delay_seconds: float = 0.0


class Receiver:
    """Keeps the received requests. `show` gets one line for each."""

    def __init__(self, secrets: Sequence[str], show: Callable[[str], None]) -> None:
        self._secrets = list(secrets)
        self._show = show
        self._received: list[ReceivedEvent] = []
        self._behaviour = Behaviour()

    def application(self) -> web.Application:
        """The aiohttp application."""
        application = web.Application(client_max_size=BODY_LIMIT_BYTES)
        application.add_routes(
            [
                web.get("/received", self._list_received),
                web.delete("/received", self._forget_received),
                web.post("/secrets", self._replace_secrets),
                web.post("/behaviour", self._change_behaviour),
                web.post("/samples/accepting", _accept),
                web.post("/samples/failing", _fail),
                web.post("/{any:.*}", self._receive),
            ]
        )
        return application

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        event = parse_event(body)
        verified = is_verified(body, request.headers, self._secrets)
        status, delay_seconds = self._next_answer()
        received = ReceivedEvent(
            receivedAt=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            webhookId=request.headers.get("webhook-id"),
            type=event.get("type"),
            jobId=member_of(event, "job").get("jobId"),
            offerId=offer_id_of(event),
            verified=verified,
            answered=status,
            body=body.decode("utf-8", "replace"),
        )
        again = any(received.webhookId == earlier.webhookId for earlier in self._received)
        self._received.append(received)
        self._show(_line(received, event, again=again))
        await asyncio.sleep(delay_seconds)
        return web.Response(status=status)

    def _next_answer(self) -> tuple[int, float]:
        if self._behaviour.times <= 0:
            return HTTPStatus.NO_CONTENT, 0.0
        self._behaviour.times -= 1
        return self._behaviour.status, self._behaviour.delay_seconds

    async def _list_received(self, _request: web.Request) -> web.Response:
        return web.json_response([asdict(received) for received in self._received])

    async def _forget_received(self, _request: web.Request) -> web.Response:
        self._received.clear()
        return web.Response(status=204)

    async def _replace_secrets(self, request: web.Request) -> web.Response:
        secrets = (await _json_object(request)).get("secrets")
        if not isinstance(secrets, list) or not all(isinstance(secret, str) for secret in secrets):
            raise web.HTTPBadRequest(text='The body should be {"secrets": ["whsec_...", ...]}.\n')
        self._secrets = secrets
        return web.Response(status=204)

    async def _change_behaviour(self, request: web.Request) -> web.Response:
        wanted = await _json_object(request)
        try:
            status = int(wanted.get("status", HTTPStatus.NO_CONTENT))
            behaviour = Behaviour(status, int(wanted.get("times", 1)), float(wanted.get("delaySeconds", 0)))
        except (TypeError, ValueError):
            raise web.HTTPBadRequest(text="status, times and delaySeconds should be numbers.\n") from None
        if not 200 <= behaviour.status <= 599:
            raise web.HTTPBadRequest(text="status should be between 200 and 599.\n")
        self._behaviour = behaviour
        return web.Response(status=204)


async def _accept(_request: web.Request) -> web.Response:
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _fail(_request: web.Request) -> web.Response:
    return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text="The ticket database is read-only.\n")


async def _json_object(request: web.Request) -> dict[str, Any]:
    try:
        content = json.loads(await request.read())
    except ValueError:
        raise web.HTTPBadRequest(text="The body should be JSON.\n") from None
    if not isinstance(content, dict):
        raise web.HTTPBadRequest(text="The body should be a JSON object.\n")
    return content


def _line(received: ReceivedEvent, event: dict[str, Any], *, again: bool) -> str:
    """`09:02:00 job.succeeded Contoso renewal: succeeded, verified`."""
    about = _about(received, event)
    verdict = "verified" if received.verified else "NOT VERIFIED"
    notes = [
        *(["again"] if again else []),
        *([f"answered {received.answered}"] if received.answered != HTTPStatus.NO_CONTENT else []),
    ]
    return f"{received.receivedAt[11:19]} {received.type or 'no event'} {about}{', '.join([verdict, *notes])}"


def _about(received: ReceivedEvent, event: dict[str, Any]) -> str:
    """What the event is about, and how it stands: `Contoso renewal: succeeded, `; empty if it does not say."""
    job, offer = member_of(event, "job"), member_of(event, "privateOffer")
    if received.jobId:
        return f"{job.get('label') or received.jobId}: {job.get('state')}, "
    if offer:
        return f"{offer.get('name') or received.offerId}: {offer.get('subState') or offer.get('state')}, "
    return f"{received.offerId}: {member_of(event, 'to').get('status')}, " if received.offerId else ""
