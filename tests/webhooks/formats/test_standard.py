"""The standard body: whole where it fits, honestly cut where it does not, and without signed links."""

import json
from decimal import Decimal
from typing import Any

import pytest

from shared.events.event import Event
from shared.json_codec import RawJson, dumps
from shared.webhooks.formats import Formats
from shared.webhooks.formats.standard import standard_body
from tests.webhooks.samples import CREATED_AT, FAILED_ERRORS, event, job_record, offer_event, private_offer

LIMIT_BYTES = 256 * 1024


def test_the_body_holds_type_time_and_the_record() -> None:
    assert json.loads(standard_body(event())) == {
        "type": "job.succeeded",
        "timestamp": "2026-11-20T09:02:00Z",
        "data": {"job": job_record()},
    }


def test_upstreams_numbers_keep_their_digits() -> None:
    offer = {"pricing": [{"discountPercentage": Decimal("2.0")}], "version": 636576975611768314}
    body = standard_body(event(privateOffer=offer))
    assert b'"discountPercentage":2.0' in body
    assert b'"version":636576975611768314' in body


def test_no_signed_link_is_in_the_body() -> None:
    offer = {
        "termsAndConditionsDocSasUrl": "https://x.example/t.pdf?sig=SECRET1",
        "acceptanceLinks": [{"link": "https://portal.example/SECRET2"}],
        "termsAndConditionsDocs": [{"sasUrl": "https://x.example/SECRET3"}],
        "notes": "see https://x.example/?sv=1&sig=SECRET4",
    }
    assert b"SECRET" not in standard_body(event(privateOffer=offer, lastPollError="https://x.example/?sig=SECRET5"))


def test_a_large_private_offer_is_reduced_to_the_members_that_name_it() -> None:
    offer = job_record()["privateOffer"] | {"pricing": ["x" * 1000] * 300}
    body = standard_body(event(privateOffer=offer))
    assert len(body) < LIMIT_BYTES
    assert json.loads(body)["data"]["job"] == job_record(
        privateOffer={
            "id": "private-offer/aaaaaaaa-0000-4000-8000-000000000001",
            "name": "Contoso 2027",
            "state": "live",
            "subState": "pendingAcceptance",
            "privateOfferType": "customerPromotion",
            "truncated": True,
        }
    )


def test_an_offer_of_a_stored_job_is_in_the_body_without_its_signed_links() -> None:
    offer = RawJson('{"name": "Zürich", "version": 2.0, "sasUrl": "https://x.example/SECRET"}'.encode())
    assert json.loads(standard_body(event(privateOffer=offer)))["data"]["job"]["privateOffer"] == {
        "name": "Zürich",
        "version": 2.0,
        "sasUrl": "[signed link removed]",
    }
    assert b'"version":2.0' in standard_body(event(privateOffer=offer))


@pytest.mark.parametrize("size", [200_000, 300_000])
def test_a_large_offer_of_a_stored_job_is_reduced_too(size: int) -> None:
    offer = job_record()["privateOffer"] | {"name": "see https://x.example/?sig=SECRET", "notes": "ü" * size}
    shown = json.loads(standard_body(event(privateOffer=RawJson(dumps(offer).encode()))))["data"]["job"][
        "privateOffer"
    ]
    assert shown == {
        "id": "private-offer/aaaaaaaa-0000-4000-8000-000000000001",
        "name": "see [signed link removed]",
        "state": "live",
        "subState": "pendingAcceptance",
        "privateOfferType": "customerPromotion",
        "truncated": True,
    }


def test_an_offer_that_cannot_be_read_leaves_the_event_without_it() -> None:
    body = standard_body(event(privateOffer=RawJson(b"[" * 100_000)))
    assert json.loads(body)["data"]["job"]["privateOffer"] == {"truncated": True}


def test_errors_are_whole_while_they_fit() -> None:
    job = json.loads(standard_body(event("job.failed", errors=FAILED_ERRORS * 100)))["data"]["job"]
    assert job["errors"] == FAILED_ERRORS * 100


def test_a_long_list_of_errors_is_cut_with_a_note() -> None:
    errors = [{"code": "conflict", "message": f"Error {number}", "details": ["x" * 1000]} for number in range(3000)]
    body = standard_body(event("job.failed", errors=errors))
    assert len(body) < LIMIT_BYTES
    *kept, note = json.loads(body)["data"]["job"]["errors"]
    assert kept[0] == {"code": "conflict", "message": "Error 0"}
    assert note["code"] == "truncated"
    assert note["message"].startswith(f"{3000 - len(kept)} more errors were left out.")


@pytest.mark.parametrize(
    "changes",
    [
        {"privateOffer": {"name": "\U0001f600" * 200_000, "id": ["x" * 300_000], "state": {"a": "x" * 300_000}}},
        {"errors": [{"message": "x" * 1_000_000}]},
        {"errors": ["x" * 300_000, {"code": "x" * 300_000, "resourceId": {"externalId": "x" * 300_000}}]},
        {"errors": [{"details": [{"details": ["x" * 300_000]}]}], "privateOffer": {"x": "y" * 300_000}},
        {"label": "\U0001f600" * 15_000, "externalId": "\U0001f600" * 15_000},
        dict.fromkeys(job_record(), "\U0001f600" * 15_000) | {"errors": ["\U0001f600" * 5000] * 50},
        {"label": "ü" * 2000, "externalId": "ü" * 2000, "errors": [{"message": "ü" * 50_000}] * 50},
    ],
)
def test_no_record_makes_a_body_of_256_kib(changes: dict[str, Any]) -> None:
    assert len(standard_body(event("job.failed", **changes))) < LIMIT_BYTES


def data_of(what: Event) -> Any:  # noqa: ANN401 - a JSON value
    return json.loads(standard_body(what))["data"]


def test_an_offers_event_has_the_offer_and_what_happened() -> None:
    changes = ["/end", "/pricing/0/discountPercentage"]
    raw = RawJson(dumps(private_offer()).encode())
    for offer in (raw, private_offer()):
        assert data_of(offer_event("private_offer.changed", offer=offer, changes=changes)) == {
            "privateOffer": private_offer(),
            "changes": changes,
        }


def test_no_signed_link_of_an_offer_is_in_its_event() -> None:
    secret = {
        "acceptanceLinks": [{"link": "https://portal.example/SECRET"}],
        "termsAndConditionsDocSasUrl": "https://x.example/t.pdf?sig=SECRET",
        "name": "see https://x.example/?sig=SECRET",
    }
    raw = RawJson(dumps(private_offer(**secret)).encode())
    for format_name in ("standard", "cloudevents", "teams", "slack"):
        body = Formats().payload(offer_event("private_offer.ended", offer=raw, daysLeft=0), format_name).body
        assert b"SECRET" not in body


def test_a_large_offer_of_an_offers_event_is_reduced_and_the_rest_kept() -> None:
    raw = RawJson(dumps(private_offer(notes="x" * 300_000)).encode())
    assert data_of(offer_event("private_offer.accepted", offer=raw, by="customer")) == {
        "privateOffer": {
            "id": "private-offer/aaaaaaaa-0000-4000-8000-000000000001",
            "name": "Renewal 2027",
            "state": "live",
            "subState": "pendingAcceptance",
            "privateOfferType": "customerPromotion",
            "truncated": True,
        },
        "by": "customer",
    }


def test_a_pointer_that_is_too_long_becomes_that_of_a_value_around_it() -> None:
    deep = "/pricing/0/" + "x" * 10_000
    pointers = ["/end", *(f"{deep}/{number}" for number in range(98)), "/start"]
    shown = data_of(offer_event("private_offer.changed", changes=pointers))
    assert shown["changes"] == ["/end", "/pricing/0", "/start"]


def cpp_event(steps: Any) -> Event:  # noqa: ANN401 - a JSON value
    offer = {"publisherId": "contoso", "offerId": "example-vm"}
    data = {"cppOffer": offer, "from": {"status": "running", "steps": {}}, "to": {"status": "failed", "steps": steps}}
    return Event(id="evt_1", type="cpp_offer.status_changed", created_at=CREATED_AT, data=data)


def test_a_cpp_offers_event_has_the_status_before_and_now() -> None:
    assert data_of(cpp_event({"live": "blocked"})) == {
        "cppOffer": {"publisherId": "contoso", "offerId": "example-vm"},
        "from": {"status": "running", "steps": {}},
        "to": {"status": "failed", "steps": {"live": "blocked"}},
    }


def test_a_publishing_status_that_does_not_fit_is_cut_and_says_so() -> None:
    data = data_of(cpp_event({f"{number}": "x" * 10_000 for number in range(60)}))
    assert data["from"] == {"status": "running", "steps": {}}
    status = data["to"]
    assert (status["status"], len(status["steps"]), status["truncated"]) == ("failed", 50, True)
    assert data_of(cpp_event(["x" * 300_000]))["to"] == {"truncated": True}


@pytest.mark.parametrize(
    "strange", ["x" * 300_000, {"a": "x" * 300_000}, [{"a": "x" * 300_000}], ["/" * 300_000] * 5]
)
def test_no_event_of_an_offer_makes_a_body_of_256_kib(strange: Any) -> None:  # noqa: ANN401 - a JSON value
    for what in (
        offer_event("private_offer.changed", offer=private_offer(notes=strange), changes=strange, by=strange),
        cpp_event(strange),
        cpp_event({"x" * 300_000: strange}),
    ):
        assert len(standard_body(what)) < LIMIT_BYTES
