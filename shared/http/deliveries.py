"""`/webhooks/{id}/deliveries` and `/webhooks/{id}/redeliver`: an endpoint's deliveries."""

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from shared.http.messages import Request, Response, json_response
from shared.http.operations import operation
from shared.http.problems import OF_A_WEBHOOK, ProblemError
from shared.http.webhook_models import DeadDeliveries, DeliveryPath, ListDeliveries, WebhookPath
from shared.storage.errors import RecordBroken, RowChanged
from shared.webhooks.bulk_redelivery import RedeliveryRequest
from shared.webhooks.delivery import Delivery, Payload
from shared.webhooks.delivery_listing import DeliveryFilter
from shared.webhooks.endpoint import SETTINGS_ENDPOINT_ID, Endpoint
from shared.webhooks.records import (
    DeliveryList,
    DeliveryRecord,
    DeliveryWithBody,
    Scheduled,
    delivery_record,
    delivery_with_body,
)
from shared.webhooks.webhooks import Webhooks

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

    @operation(parameters=ListDeliveries, answers={200: DeliveryList}, problems=OF_A_WEBHOOK)
    def list(self, _: Request, query: ListDeliveries) -> Response:
        """List an endpoint's deliveries with their attempts, newest first."""
        wanted = DeliveryFilter(status=query.status, event_type=query.type, job_id=query.job_id)
        endpoint = find_endpoint(self.webhooks, query.webhook_id)
        page = self.webhooks.delivery_listing.page(endpoint.id, wanted, limit=query.limit, cursor=query.cursor)
        records = [delivery_record(delivery) for delivery in page.deliveries]
        return json_response(DeliveryList(deliveries=records, nextCursor=page.next_cursor))

    @operation(parameters=DeliveryPath, answers={200: DeliveryWithBody}, problems=(*OF_A_WEBHOOK, "delivery-unknown"))
    def read(self, _: Request, path: DeliveryPath) -> Response:
        """Read one delivery with its body, as it is sent."""
        delivery = self._delivery(find_endpoint(self.webhooks, path.webhook_id), path.delivery_id)
        payload: Payload | None = None
        with suppress(RecordBroken):  # its attempts say so
            payload = self.webhooks.deliveries.payload(delivery)
        return json_response(delivery_with_body(delivery, payload))

    @operation(
        parameters=DeliveryPath,
        answers={200: DeliveryRecord},
        problems=(*OF_A_WEBHOOK, "delivery-unknown", "webhook-disabled", "being-sent"),
    )
    def redeliver(self, _: Request, path: DeliveryPath) -> Response:
        """Send a delivery again now, under the same `webhook-id`; answers with the delivery afterwards."""
        endpoint = find_endpoint(self.webhooks, path.webhook_id)
        delivery = self._delivery(endpoint, path.delivery_id)
        _check_enabled(endpoint)
        try:
            delivery = self.webhooks.deliverer.redeliver(delivery)
        except RowChanged as error:
            detail = "The delivery is being sent at this moment."
            raise ProblemError(HTTPStatus.CONFLICT, "being-sent", detail, retry_after_seconds=15) from error
        return json_response(delivery_record(delivery))

    @operation(
        parameters=WebhookPath,
        body=DeadDeliveries,
        answers={202: Scheduled},
        problems=(*OF_A_WEBHOOK, "webhook-disabled"),
    )
    def redeliver_dead(self, _: Request, path: WebhookPath, body: DeadDeliveries) -> Response:
        """Make all dead deliveries of an endpoint due again, under their `webhook-id`s; answers with how many."""
        endpoint = find_endpoint(self.webhooks, path.webhook_id)
        _check_enabled(endpoint)
        began = time.monotonic()
        scheduled = self.webhooks.bulk_redelivery.start(
            endpoint.id,
            RedeliveryRequest(event_type=body.type, since=body.since),
            has_time=lambda: time.monotonic() < began + REDELIVERING_SECONDS,
            may_count=lambda: time.monotonic() < began + REDELIVERING_SECONDS + COUNTING_SECONDS,
        )
        return json_response(Scheduled(scheduled=scheduled), HTTPStatus.ACCEPTED)

    def _delivery(self, endpoint: Endpoint, delivery_id: str) -> Delivery:
        known = _DELIVERY_ID.fullmatch(delivery_id) is not None
        delivery = self.webhooks.deliveries.get(endpoint.id, delivery_id) if known else None
        if delivery is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "delivery-unknown", "This webhook has no such delivery.")
        return delivery


def find_endpoint(webhooks: Webhooks, endpoint_id: str) -> Endpoint:
    """The endpoint with this id. Raises a problem if it does not exist or cannot be read."""
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


def check_editable(webhooks: Webhooks, endpoint_id: str) -> None:
    """Raise a problem if no call can change the endpoint with this id."""
    if endpoint_id == SETTINGS_ENDPOINT_ID and webhooks.endpoints.from_settings() is not None:
        detail = "This webhook is WEBHOOK_URL and WEBHOOK_SECRET of the app's settings: change it there."
        raise ProblemError(HTTPStatus.CONFLICT, "webhook-from-settings", detail)
    if not _ENDPOINT_ID.fullmatch(endpoint_id):
        raise unknown_webhook()


def unknown_webhook() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "webhook-unknown", "There is no such webhook.")


def _check_enabled(endpoint: Endpoint) -> None:
    if not endpoint.enabled:
        detail = "The webhook is disabled. Enable it, then redeliver."
        raise ProblemError(HTTPStatus.CONFLICT, "webhook-disabled", detail)
