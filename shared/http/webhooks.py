"""`/webhooks`: endpoints."""

import json
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from shared.clock import Clock
from shared.egress.guard import check_endpoint_url
from shared.egress.urls import origin, prepared_url
from shared.events.event import EVERY_EVENT, TEST_EVENT_TYPE, Event, pattern_faults
from shared.http.deliveries import check_editable, find_endpoint, unknown_webhook
from shared.http.messages import NO_CONTENT, Request, Response, json_response
from shared.http.operations import operation
from shared.http.problems import OF_A_WEBHOOK, OF_AN_EDITABLE_WEBHOOK, ProblemError, invalid_request
from shared.http.webhook_models import NewWebhook, WebhookChange, WebhookPath
from shared.storage.errors import RowChanged, StorageError
from shared.webhooks.endpoint import Endpoint, header_faults, new_endpoint_id
from shared.webhooks.endpoints import ENDPOINTS_MAX
from shared.webhooks.records import (
    TestRecord,
    WebhookList,
    WebhookRecord,
    WebhookWithSecret,
    record_of_test,
    webhook_record,
    webhook_with_secret,
)
from shared.webhooks.signing import new_secret, secret_faults
from shared.webhooks.webhooks import Webhooks

# How often a change that loses against another change is made again.
CHANGE_TRIES = 5
# How long a caller waits for a removal; retry cycles delete what is left then.
REMOVING_SECONDS = 5.0
type Patterns = list[str]
type HeaderPairs = list[tuple[str, str]]
_log = logging.getLogger("offer_monitor.webhooks")


@dataclass(frozen=True)
class WebhookHandlers:
    """The handlers of `/webhooks`. Each raises its domain's errors; `dispatch` turns them into problems."""

    webhooks: Webhooks
    clock: Clock

    @operation(body=NewWebhook, answers={201: WebhookWithSecret}, problems=("too-many-webhooks",))
    def register(self, request: Request, body: NewWebhook) -> Response:
        """Register an endpoint. Only this answer and a rotation's show the secret."""
        self._check(url=body.url, events=body.events, headers=_header_pairs(request), secret=body.secret)
        if len(self.webhooks.endpoints.all()) >= ENDPOINTS_MAX:
            raise ProblemError(
                HTTPStatus.CONFLICT, "too-many-webhooks", f"There are {ENDPOINTS_MAX} webhooks already."
            )
        endpoint = Endpoint(
            id=new_endpoint_id(),
            url=prepared_url(body.url),
            secret=body.secret or new_secret(),
            created_at=self.clock.now(),
            events=_patterns(body.events),
            description=body.description or None,
            format=body.format or "standard",
            headers=tuple((body.headers or {}).items()),
        )
        self.webhooks.endpoints.add(endpoint)
        location = request.url.partition("?")[0].rstrip("/") + f"/{endpoint.id}"
        return json_response(webhook_with_secret(endpoint), HTTPStatus.CREATED, {"Location": location})

    @operation(answers={200: WebhookList})
    def list(self, _: Request) -> Response:
        """List the endpoints."""
        records = [webhook_record(endpoint) for endpoint in self.webhooks.endpoints.all()]
        return json_response(WebhookList(webhooks=records))

    @operation(parameters=WebhookPath, answers={200: WebhookRecord}, problems=OF_A_WEBHOOK)
    def read(self, _: Request, path: WebhookPath) -> Response:
        """Read an endpoint."""
        return json_response(webhook_record(find_endpoint(self.webhooks, path.webhook_id)))

    @operation(
        parameters=WebhookPath,
        body=WebhookChange,
        answers={200: WebhookRecord},
        problems=OF_AN_EDITABLE_WEBHOOK,
    )
    def change(self, request: Request, path: WebhookPath, body: WebhookChange) -> Response:
        """Change an endpoint. Members that the body leaves out stay as they are."""
        endpoint = self._editable_endpoint(path.webhook_id)
        self._check(url=body.url, events=body.events, headers=_header_pairs(request))

        def changed(endpoint: Endpoint) -> Endpoint:
            given = body.model_fields_set
            if "url" in given and body.url is not None:
                url = prepared_url(body.url)
                # Headers hold credentials for one origin and must not reach another.
                headers = endpoint.headers if origin(url) == origin(endpoint.url) else ()
                # The old URL's answers say nothing about the new one.
                endpoint = replace(endpoint, url=url, headers=headers, failing_since=None)
            if body.headers is not None:
                endpoint = replace(endpoint, headers=tuple(body.headers.items()))
            if "events" in given:
                endpoint = replace(endpoint, events=_patterns(body.events))
            if "description" in given:
                endpoint = replace(endpoint, description=body.description or None)
            if "format" in given:
                endpoint = replace(endpoint, format=body.format or "standard")
            if body.enabled is not None:
                endpoint = endpoint.enabled_again() if body.enabled else replace(endpoint, enabled=False)
            return endpoint

        return json_response(webhook_record(self._write(endpoint, changed)))

    @operation(parameters=WebhookPath, answers={204: None}, problems=("webhook-unknown", "webhook-from-settings"))
    def remove(self, _: Request, path: WebhookPath) -> Response:
        """Remove an endpoint, also one that cannot be read, and its deliveries."""
        endpoint_id = path.webhook_id
        check_editable(self.webhooks, endpoint_id)
        if not self.webhooks.removal.mark(endpoint_id):
            raise unknown_webhook()
        ends = time.monotonic() + REMOVING_SECONDS
        try:
            self.webhooks.removal.clean(endpoint_id, lambda: time.monotonic() < ends)
        except StorageError as error:
            _log.warning("the deliveries of a removed webhook are left to the next cycle: %s", error)
        return NO_CONTENT

    @operation(parameters=WebhookPath, answers={200: WebhookWithSecret}, problems=OF_AN_EDITABLE_WEBHOOK)
    def rotate_secret(self, _: Request, path: WebhookPath) -> Response:
        """Give an endpoint a new secret. The old one signs too for 24 hours."""
        endpoint = self._editable_endpoint(path.webhook_id)
        secret = new_secret()
        rotated = self._write(endpoint, lambda one: one.with_secret(secret, self.clock.now()))
        return json_response(webhook_with_secret(rotated))

    @operation(parameters=WebhookPath, answers={200: TestRecord}, problems=OF_A_WEBHOOK)
    def test(self, _: Request, path: WebhookPath) -> Response:
        """Send an endpoint `webhook.test` once, now, and answer with the result."""
        endpoint = find_endpoint(self.webhooks, path.webhook_id)
        event = Event(
            id=f"evt_{uuid.uuid4().hex}",
            type=TEST_EVENT_TYPE,
            created_at=self.clock.now(),
            data={"webhook": {"id": endpoint.shown_id, "description": endpoint.description}},
        )
        attempt = self.webhooks.sender.send(endpoint, event.id, self.webhooks.formats.payload(event, endpoint.format))
        if attempt.succeeded and (endpoint.failing_since is not None or endpoint.from_settings):
            # A PATCH cannot enable the endpoint of the settings; a test that succeeds does.
            self.webhooks.endpoints.record_success(endpoint)
        return json_response(record_of_test(attempt))

    def _editable_endpoint(self, endpoint_id: str) -> Endpoint:
        check_editable(self.webhooks, endpoint_id)
        return find_endpoint(self.webhooks, endpoint_id)

    def _write(self, endpoint: Endpoint, change: Callable[[Endpoint], Endpoint]) -> Endpoint:
        """Change an endpoint, again if another change came between. Raises RowChanged if it keeps changing."""
        current: Endpoint | None = endpoint
        for _ in range(CHANGE_TRIES):
            if current is None:
                raise unknown_webhook()
            try:
                return self.webhooks.endpoints.change(change(current))
            except RowChanged:
                current = self.webhooks.endpoints.get(endpoint.id)
        raise RowChanged("the webhook kept changing")

    def _check(
        self, *, url: str | None, events: Patterns | None, headers: HeaderPairs, secret: str | None = None
    ) -> None:
        """Raise a problem that names every fault which the body's shape does not show."""
        faults = []
        if url is not None:
            of_url = check_endpoint_url(
                url, allow_private=self.webhooks.allow_private, resolver=self.webhooks.resolver
            )
            faults += [f"url: {fault}" for fault in of_url]
        faults += [f"events: {fault}" for fault in pattern_faults(events or ())]
        faults += [f"headers: {fault}" for fault in header_faults(headers)]
        faults += [f"secret: {fault}" for fault in (secret_faults(secret) if secret is not None else ())]
        if faults:
            raise invalid_request(faults, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _header_pairs(request: Request) -> HeaderPairs:
    """The headers in a body that has the right shape, including a name that it gives twice."""
    members: list[tuple[str, HeaderPairs]] = json.loads(request.body, object_pairs_hook=list)
    return [pair for name, headers in members if name == "headers" for pair in headers]


def _patterns(events: Patterns | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(events)) if events else (EVERY_EVENT,)
