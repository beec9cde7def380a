"""CloudEvents, read by the CloudEvents SDK."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event

from shared.clock import SystemClock
from shared.events.event import Event
from shared.json_codec import RawJson
from shared.webhooks.formats import Formats
from shared.webhooks.formats.standard import standard_body
from tests.webhooks.conftest import AddEndpoint, OpenWebhooks
from tests.webhooks.receiver import Receiver
from tests.webhooks.samples import CREATED_AT, JOB_ID, event, job_record

LIMIT_BYTES = 256 * 1024
OFFER_ID = "private-offer/aaaaaaaa-0000-4000-8000-000000000001"


def read(what: Event, public_url: str | None = None) -> BaseCloudEvent:
    """The event as the SDK reads it."""
    payload = Formats(public_url).payload(what, "cloudevents")
    return from_structured_event(HTTPMessage({"content-type": payload.content_type}, payload.body))


def about(**data: object) -> Event:
    return Event(id="evt_1", type="private_offer.changed", created_at=CREATED_AT, data=data)


def test_the_sdk_reads_every_attribute() -> None:
    cloud_event = read(event(event_id="evt_7"))
    assert cloud_event.get_specversion() == "1.0"
    assert cloud_event.get_id() == "evt_7"
    assert cloud_event.get_type() == "job.succeeded"
    assert cloud_event.get_source() == "/offer-monitor"
    assert cloud_event.get_subject() == JOB_ID
    assert cloud_event.get_time() == datetime(2026, 11, 20, 9, 2, tzinfo=UTC)
    assert cloud_event.get_datacontenttype() == "application/json"
    assert cloud_event.get_data() == {"job": job_record()}


def test_the_source_is_the_public_url_of_the_app() -> None:
    assert read(event(), "https://monitor.example").get_source() == "https://monitor.example"


def test_the_data_is_that_of_the_standard_format() -> None:
    offer = {"name": "Zürich", "sasUrl": "https://x.example/SECRET"}
    what = event(privateOffer=RawJson(json.dumps(offer).encode()))
    assert read(what).get_data() == json.loads(standard_body(what))["data"]


@pytest.mark.parametrize(
    ("data", "subject"),
    [
        ({"privateOffer": {"id": OFFER_ID}}, OFFER_ID),
        ({"privateOffer": RawJson(json.dumps({"name": "x", "id": OFFER_ID}).encode())}, OFFER_ID),
        ({"cppOffer": {"publisherId": "contoso", "offerId": "vm"}}, "contoso/vm"),
        ({"monitor": {"reason": "x"}}, None),
        ({"privateOffer": {"id": 7}}, None),
        ({"privateOffer": RawJson(b"{")}, None),
        ({}, None),
    ],
)
def test_the_subject_is_the_offer_that_the_event_is_about(data: dict[str, Any], subject: str | None) -> None:
    assert read(about(**data)).get_subject() == subject


@pytest.mark.parametrize(
    "data",
    [
        {"job": job_record(label="\U0001f600" * 15_000, externalId="x" * 300_000)},
        {"job": job_record(privateOffer={"name": "x", "pricing": ["x" * 1000] * 300})},
        {"privateOffer": {"id": OFFER_ID, "pricing": ["x" * 1000] * 300}},
        {"privateOffer": RawJson(json.dumps({"id": OFFER_ID, "notes": "x" * 300_000}).encode())},
        {"cppOffer": {"publisherId": "contoso", "offerId": "vm", "steps": ["x" * 1000] * 300}},
        # Just under the limit without the envelope.
        {"job": job_record(privateOffer={"id": OFFER_ID, "notes": "x" * (LIMIT_BYTES - 700)})},
    ],
)
@pytest.mark.parametrize("format_name", ["standard", "cloudevents"])
def test_no_event_makes_a_body_of_256_kib(data: dict[str, Any], format_name: Any) -> None:  # noqa: ANN401 - a format
    payload = Formats("https://monitor.example/" + "x" * 1500).payload(about(**data), format_name)
    assert len(payload.body) < LIMIT_BYTES
    assert json.loads(payload.body)["data"]


def test_a_large_offer_is_reduced_to_the_members_that_name_it() -> None:
    data = read(about(privateOffer={"id": OFFER_ID, "pricing": ["x" * 1000] * 300})).get_data()
    assert data == {"privateOffer": {"id": OFFER_ID, "truncated": True}}


def test_an_event_that_cannot_be_rendered_is_announced_without_its_data() -> None:
    cloud_event = read(event(privateOffer={"x": object()}))
    assert (cloud_event.get_id(), cloud_event.get_data()) == ("evt_1", {})


def test_a_cloud_event_is_delivered_signed_with_its_content_type(
    open_instance: OpenWebhooks, add_endpoint: AddEndpoint, receiver: Receiver
) -> None:
    webhooks = open_instance(clock=SystemClock(), PUBLIC_URL="https://monitor.example/")
    endpoint = add_endpoint(receiver, format="cloudevents")
    webhooks.announcer.announce([event(event_id="evt_7")])
    [request] = receiver.wait_for(1)
    request.verify(endpoint.secret)
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.json["id"] == request.webhook_id == "evt_7"
    assert request.json["source"] == "https://monitor.example"
