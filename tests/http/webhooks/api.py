"""Calls of the webhook handlers without a host."""

from typing import Any

from shared.http import operations
from shared.http.deliveries import DeliveryHandlers
from shared.http.messages import Request, Response
from shared.http.operations import Handler
from shared.http.webhooks import WebhookHandlers
from shared.json_codec import dumps, loads
from tests.http.declared_answers import assert_declared
from tests.webhooks.samples import event

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BASE = "https://monitor.example/api/webhooks"


class Api:
    """Calls the handlers as the app does."""

    def __init__(self, handlers: WebhookHandlers) -> None:
        self.handlers = handlers
        of_deliveries = DeliveryHandlers(handlers.webhooks)
        self._of_deliveries: dict[str, Handler] = {
            "deliveries": of_deliveries.list,
            "delivery": of_deliveries.read,
            "redeliver": of_deliveries.redeliver,
            "redeliver_dead": of_deliveries.redeliver_dead,
        }

    def call(self, name: str, *route: str, body: object = None, **query: str) -> Response:
        request = Request(
            url=BASE,
            route=dict(zip(["webhookId", "deliveryId"], route, strict=False)),
            query=query,
            body=dumps(body).encode() if body is not None else b"",
        )
        handler: Handler = self._of_deliveries.get(name) or getattr(self.handlers, name)
        response = operations.answer(lambda: handler, request)
        assert_declared(lambda: handler, response)
        return response

    def json(self, name: str, *route: str, body: object = None, **query: str) -> Any:  # noqa: ANN401 - a JSON value
        response = self.call(name, *route, body=body, **query)
        assert response.status in {200, 201, 202}, response.body
        return loads(response.body)

    def register(self, url: str, **fields: object) -> Any:  # noqa: ANN401 - a JSON value
        return self.json("register", body={"url": url, **fields})


def deliver(api: Api, *event_ids: str) -> None:
    """Announce an event for each id and wait for the first attempts."""
    api.handlers.webhooks.announcer.announce([event(event_id=event_id) for event_id in event_ids])
    api.handlers.webhooks.deliverer.finish(5)
