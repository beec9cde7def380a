"""`/webhooks/{id}/deliveries` and `/webhooks/{id}/redeliver`: an endpoint's deliveries."""

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from shared import identifiers
from shared.events.event import EVENT_TYPES
from shared.http.messages import Request, Response, json_response
from shared.http.models import DeadDeliveries
from shared.http.problems import ProblemError, invalid_request
from shared.http.reading import Parameters, read_body, takes_parameters
from shared.storage.errors import RecordBroken, RowChanged
from shared.webhooks.bulk_redelivery import RedeliveryRequest
from shared.webhooks.delivery import Delivery, DeliveryStatus, Payload
from shared.webhooks.delivery_listing import DeliveryFilter, InvalidCursor
from shared.webhooks.endpoint import SETTINGS_ENDPOINT_ID, Endpoint
from shared.webhooks.records import DeliveryList, Scheduled, delivery_record, delivery_with_body
from shared.webhooks.webhooks import Webhooks

DEFAULT_LIMIT = 50
HIGHEST_LIMIT = 200
LONGEST_CURSOR_CHARACTERS = 200
# How long a call makes dead deliveries due again, and how long it then counts those that it leaves to retry cycles.
REDELIVERING_SECONDS = 5.0
COUNTING_SECONDS = 10.0
# The monitor's own ids are wh_ and 24 hexadecimal digits; a row put there by hand can be removed as well.
_ENDPOINT_ID = re.compile(r"wh_[0-9A-Za-z_-]{1,100}", re.ASCII)
_DELIVERY_ID = re.compile(r"dlv_[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True)
class DeliveryHandlers:
    """The handlers of deliveries. Each raises its domain's errors; `dispatch` turns them into problems."""

    webhooks: Webhooks

    @takes_parameters
    def list(self, request: Request) -> Response:
        """GET /webhooks/{id}/deliveries."""
        parameters = Parameters(request.query, known={"status", "jobId", "type", "limit", "cursor"})
        status = parameters.choice("status", [*DeliveryStatus])
        wanted = DeliveryFilter(
            status=DeliveryStatus(status) if status else None,
            event_type=parameters.choice("type", EVENT_TYPES),
            job_id=parameters.identifier("jobId", identifiers.job_id),
        )
        limit = parameters.limit(DEFAULT_LIMIT, HIGHEST_LIMIT)
        cursor = parameters.text("cursor", longest=LONGEST_CURSOR_CHARACTERS)
        parameters.check()
        endpoint = find_endpoint(self.webhooks, request)
        try:
            page = self.webhooks.delivery_listing.page(endpoint.id, wanted, limit=limit, cursor=cursor)
        except InvalidCursor as error:
            fault = "cursor should be the nextCursor of an earlier answer with the same filters"
            raise invalid_request([fault]) from error
        records = [delivery_record(delivery) for delivery in page.deliveries]
        return json_response(DeliveryList(deliveries=records, nextCursor=page.next_cursor))

    def read(self, request: Request) -> Response:
        """GET /webhooks/{id}/deliveries/{deliveryId}: the delivery with its body."""
        delivery = self._delivery(find_endpoint(self.webhooks, request), request)
        payload: Payload | None = None
        with suppress(RecordBroken):  # its attempts say so
            payload = self.webhooks.deliveries.payload(delivery)
        return json_response(delivery_with_body(delivery, payload))

    def redeliver(self, request: Request) -> Response:
        """POST /webhooks/{id}/deliveries/{deliveryId}/redeliver: sends it now; 200 with the delivery afterwards."""
        endpoint = find_endpoint(self.webhooks, request)
        delivery = self._delivery(endpoint, request)
        _check_enabled(endpoint)
        try:
            delivery = self.webhooks.deliverer.redeliver(delivery)
        except RowChanged as error:
            detail = "The delivery is being sent at this moment."
            raise ProblemError(HTTPStatus.CONFLICT, "being-sent", detail, retry_after_seconds=15) from error
        return json_response(delivery_record(delivery))

    def redeliver_dead(self, request: Request) -> Response:
        """POST /webhooks/{id}/redeliver: makes all dead deliveries due again; 202 with how many."""
        body = read_body(request, DeadDeliveries)
        endpoint = find_endpoint(self.webhooks, request)
        _check_enabled(endpoint)
        began = time.monotonic()
        scheduled = self.webhooks.bulk_redelivery.start(
            endpoint.id,
            RedeliveryRequest(event_type=body.type, since=body.since),
            has_time=lambda: time.monotonic() < began + REDELIVERING_SECONDS,
            may_count=lambda: time.monotonic() < began + REDELIVERING_SECONDS + COUNTING_SECONDS,
        )
        return json_response(Scheduled(scheduled=scheduled), HTTPStatus.ACCEPTED)

    def _delivery(self, endpoint: Endpoint, request: Request) -> Delivery:
        delivery_id = request.route["deliveryId"]
        known = _DELIVERY_ID.fullmatch(delivery_id) is not None
        delivery = self.webhooks.deliveries.get(endpoint.id, delivery_id) if known else None
        if delivery is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "delivery-unknown", "This webhook has no such delivery.")
        return delivery


def find_endpoint(webhooks: Webhooks, request: Request) -> Endpoint:
    """The endpoint that the path names. Raises a problem if it does not exist or cannot be read."""
    endpoint_id = request.route["webhookId"]
    if endpoint_id == SETTINGS_ENDPOINT_ID:
        endpoint = webhooks.endpoints.from_settings()
    else:
        # An id of another form is not looked up: no row can have it.
        try:
            endpoint = webhooks.endpoints.get(endpoint_id) if _ENDPOINT_ID.fullmatch(endpoint_id) else None
        except RecordBroken as error:
            detail = "The stored row of this webhook cannot be read. DELETE removes it."
            raise ProblemError(HTTPStatus.CONFLICT, "webhook-unreadable", detail) from error
    if endpoint is None:
        raise unknown_webhook()
    return endpoint


def editable_id(webhooks: Webhooks, request: Request) -> str:
    """The id that the path names. Raises a problem if no call can change that endpoint."""
    endpoint_id = request.route["webhookId"]
    if endpoint_id == SETTINGS_ENDPOINT_ID and webhooks.endpoints.from_settings() is not None:
        detail = "This webhook is WEBHOOK_URL and WEBHOOK_SECRET of the app's settings: change it there."
        raise ProblemError(HTTPStatus.CONFLICT, "webhook-from-settings", detail)
    if not _ENDPOINT_ID.fullmatch(endpoint_id):
        raise unknown_webhook()
    return endpoint_id


def unknown_webhook() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "webhook-unknown", "There is no such webhook.")


def _check_enabled(endpoint: Endpoint) -> None:
    if not endpoint.enabled:
        detail = "The webhook is disabled. Enable it, then redeliver."
        raise ProblemError(HTTPStatus.CONFLICT, "webhook-disabled", detail)
