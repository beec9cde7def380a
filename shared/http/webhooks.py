"""`/webhooks`: endpoints, and the deliveries to them."""

import base64
import binascii
import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from shared.clock import Clock
from shared.egress.guard import check_endpoint_url
from shared.egress.urls import prepared_url
from shared.events.event import EVERY_EVENT, TEST_EVENT_TYPE, Event, pattern_faults
from shared.http.messages import NO_CONTENT, Request, Response, json_response
from shared.http.models import NewWebhook, WebhookChange
from shared.http.problems import ProblemError, invalid_request
from shared.http.reading import Parameters, read_body, takes_parameters
from shared.storage.errors import RecordBroken, RowChanged, StorageError
from shared.webhooks.delivery import DeliveryStatus
from shared.webhooks.endpoint import SETTINGS_ENDPOINT_ID, Endpoint, new_endpoint_id
from shared.webhooks.endpoints import ENDPOINTS_MAX
from shared.webhooks.formats import body_of
from shared.webhooks.records import (
    DeliveryList,
    WebhookList,
    delivery_record,
    record_of_test,
    webhook_record,
    webhook_with_secret,
)
from shared.webhooks.signing import new_secret, secret_faults
from shared.webhooks.webhooks import Webhooks

DEFAULT_LIMIT = 50
HIGHEST_LIMIT = 200
# A change that loses against another is made again on what that left.
CHANGE_TRIES = 5
# How long a removal may keep its caller waiting; what is left then is deleted by the next cycle.
REMOVING_SECONDS = 5.0
# Those of the monitor's own making are wh_ and 24 hexadecimal digits; a row put there by hand can be removed as well.
_ENDPOINT_ID = re.compile(r"wh_[0-9A-Za-z_-]{1,100}", re.ASCII)
_DELIVERY_ID = re.compile(r"dlv_[0-9a-f]{32}", re.ASCII)
type Patterns = list[str]
_log = logging.getLogger("offer_monitor.webhooks")


@dataclass(frozen=True)
class WebhookHandlers:
    """The handlers of `/webhooks`; each raises the errors of its domain, which the edge turns into problems."""

    webhooks: Webhooks
    clock: Clock

    def register(self, request: Request) -> Response:
        """POST /webhooks: 201; the only answer but a rotation's that shows the secret."""
        body = read_body(request, NewWebhook)
        self._check(url=body.url, events=body.events, secret=body.secret)
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
        )
        self.webhooks.endpoints.add(endpoint)
        location = request.url.partition("?")[0].rstrip("/") + f"/{endpoint.id}"
        return json_response(webhook_with_secret(endpoint), HTTPStatus.CREATED, {"Location": location})

    def list(self, _: Request) -> Response:
        """GET /webhooks."""
        records = [webhook_record(endpoint) for endpoint in self.webhooks.endpoints.all()]
        return json_response(WebhookList(webhooks=records))

    def read(self, request: Request) -> Response:
        """GET /webhooks/{id}."""
        return json_response(webhook_record(self._endpoint(request)))

    def change(self, request: Request) -> Response:
        """PATCH /webhooks/{id}: what the body leaves out stays as it is."""
        endpoint = self._editable_endpoint(request)
        body = read_body(request, WebhookChange)
        self._check(url=body.url, events=body.events)

        def changed(endpoint: Endpoint) -> Endpoint:
            given = body.model_fields_set
            if "url" in given and body.url is not None:
                # How the old URL answered says nothing about the new one.
                endpoint = replace(endpoint, url=prepared_url(body.url), failing_since=None)
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

    def remove(self, request: Request) -> Response:
        """DELETE /webhooks/{id}: the endpoint, and everything about its deliveries. Also one that cannot be read."""
        endpoint_id = self._editable_id(request)
        if not self.webhooks.removal.mark(endpoint_id):
            raise _unknown()
        ends = time.monotonic() + REMOVING_SECONDS
        try:
            self.webhooks.removal.clean(endpoint_id, lambda: time.monotonic() < ends)
        except StorageError as error:
            _log.warning("the deliveries of a removed webhook are left to the next cycle: %s", error)
        return NO_CONTENT

    def rotate_secret(self, request: Request) -> Response:
        """POST /webhooks/{id}/rotate-secret: a new secret; the old one signs too for 24 hours."""
        endpoint = self._editable_endpoint(request)
        secret = new_secret()
        rotated = self._write(endpoint, lambda one: one.with_secret(secret, self.clock.now()))
        return json_response(webhook_with_secret(rotated))

    def test(self, request: Request) -> Response:
        """POST /webhooks/{id}/test: sends `webhook.test` now, once, and tells how it went."""
        endpoint = self._endpoint(request)
        event = Event(
            id=f"evt_{uuid.uuid4().hex}",
            type=TEST_EVENT_TYPE,
            created_at=self.clock.now(),
            data={"webhook": {"id": endpoint.shown_id, "description": endpoint.description}},
        )
        attempt = self.webhooks.sender.send(endpoint, event.id, body_of(event, endpoint.format))
        if attempt.succeeded and (endpoint.failing_since is not None or endpoint.from_settings):
            # The endpoint of the settings cannot be enabled by a PATCH: answering again is its way back.
            self.webhooks.endpoints.record_success(endpoint)
        return json_response(record_of_test(attempt))

    @takes_parameters
    def deliveries(self, request: Request) -> Response:
        """GET /webhooks/{id}/deliveries."""
        parameters = Parameters(request.query, known={"status", "limit", "cursor"})
        status = parameters.choice("status", [*DeliveryStatus])
        limit = parameters.limit(DEFAULT_LIMIT, HIGHEST_LIMIT)
        cursor = parameters.text("cursor")
        after = ""
        if cursor is not None:
            try:
                after = _decoded(cursor)
            except ValueError:
                parameters.fault("cursor should be the nextCursor of an earlier answer")
        parameters.check()
        endpoint = self._endpoint(request)
        # One more than asked for tells whether there is a next page.
        page = self.webhooks.deliveries.page(
            endpoint.id, status=DeliveryStatus(status) if status else None, after_log_key=after, limit=limit + 1
        )
        next_cursor = _encoded(page[limit - 1].log_key) if len(page) > limit else None
        records = [delivery_record(delivery) for delivery in page[:limit]]
        return json_response(DeliveryList(deliveries=records, nextCursor=next_cursor))

    def redeliver(self, request: Request) -> Response:
        """POST /webhooks/{id}/deliveries/{deliveryId}/redeliver: sends it now; 200 with the delivery afterwards."""
        endpoint = self._endpoint(request)
        delivery_id = request.route["deliveryId"]
        known = _DELIVERY_ID.fullmatch(delivery_id) is not None
        delivery = self.webhooks.deliveries.get(endpoint.id, delivery_id) if known else None
        if delivery is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "delivery-unknown", "There is no such delivery to this webhook.")
        if not endpoint.enabled:
            detail = "The webhook is disabled. Enable it, then redeliver."
            raise ProblemError(HTTPStatus.CONFLICT, "webhook-disabled", detail)
        try:
            delivery = self.webhooks.deliverer.redeliver(delivery)
        except RowChanged as error:
            detail = "The delivery is being sent at this moment."
            raise ProblemError(HTTPStatus.CONFLICT, "being-sent", detail, retry_after_seconds=15) from error
        return json_response(delivery_record(delivery))

    def _endpoint(self, request: Request) -> Endpoint:
        endpoint_id = request.route["webhookId"]
        if endpoint_id == SETTINGS_ENDPOINT_ID:
            endpoint = self.webhooks.endpoints.from_settings()
        else:
            # An id of another form is not looked up: it cannot be there.
            try:
                endpoint = self.webhooks.endpoints.get(endpoint_id) if _ENDPOINT_ID.fullmatch(endpoint_id) else None
            except RecordBroken as error:
                detail = "The stored row of this webhook cannot be read. DELETE removes it."
                raise ProblemError(HTTPStatus.CONFLICT, "webhook-unreadable", detail) from error
        if endpoint is None:
            raise _unknown()
        return endpoint

    def _editable_id(self, request: Request) -> str:
        endpoint_id = request.route["webhookId"]
        if endpoint_id == SETTINGS_ENDPOINT_ID and self.webhooks.endpoints.from_settings() is not None:
            detail = "This webhook is WEBHOOK_URL and WEBHOOK_SECRET of the app's settings: change it there."
            raise ProblemError(HTTPStatus.CONFLICT, "webhook-from-settings", detail)
        if not _ENDPOINT_ID.fullmatch(endpoint_id):
            raise _unknown()
        return endpoint_id

    def _editable_endpoint(self, request: Request) -> Endpoint:
        self._editable_id(request)
        return self._endpoint(request)

    def _write(self, endpoint: Endpoint, change: Callable[[Endpoint], Endpoint]) -> Endpoint:
        """Change an endpoint, against other changes if need be. Raises RowChanged if it keeps changing."""
        current: Endpoint | None = endpoint
        for _ in range(CHANGE_TRIES):
            if current is None:
                raise _unknown()
            try:
                return self.webhooks.endpoints.change(change(current))
            except RowChanged:
                current = self.webhooks.endpoints.get(endpoint.id)
        raise RowChanged("the webhook kept changing")

    def _check(self, *, url: str | None, events: Patterns | None, secret: str | None = None) -> None:
        """Raise a problem that names every fault that the shape alone does not show."""
        faults = []
        if url is not None:
            of_url = check_endpoint_url(
                url, allow_private=self.webhooks.allow_private, resolver=self.webhooks.resolver
            )
            faults += [f"url: {fault}" for fault in of_url]
        faults += [f"events: {fault}" for fault in pattern_faults(events or ())]
        faults += [f"secret: {fault}" for fault in (secret_faults(secret) if secret is not None else ())]
        if faults:
            raise invalid_request(faults, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _unknown() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "webhook-unknown", "There is no such webhook.")


def _patterns(events: Patterns | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(events)) if events else (EVERY_EVENT,)


def _encoded(log_key: str) -> str:
    return base64.urlsafe_b64encode(log_key.encode("ascii")).decode("ascii").rstrip("=")


def _decoded(cursor: str) -> str:
    """The place in the log that the cursor stands for. Raises ValueError."""
    try:
        log_key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if not re.fullmatch(r"log~[0-9]{14}~dlv_[0-9a-f]{32}", log_key):
        raise ValueError("not a place in the log")
    return log_key
