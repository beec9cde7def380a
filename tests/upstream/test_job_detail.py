"""The private offer in a job's detail, kept as the bytes that came."""

import pytest
from hypothesis import given, settings
from requests.structures import CaseInsensitiveDict

from shared.json_codec import MOST_ELEMENTS, loads
from shared.upstream.answers import Answer
from shared.upstream.errors import UpstreamUnreadable
from shared.upstream.product_ingestion import private_offer_in
from tests.json_texts import json_bytes

JOB_ID = "11111111-2222-4333-8444-555555555555"
OTHER_JOB_ID = "99999999-2222-4333-8444-555555555555"
SCHEMAS = "https://schema.mp.microsoft.com/schema"


def found_in(body: bytes) -> bytes | None:
    return private_offer_in(Answer("Product Ingestion", 200, CaseInsensitiveDict(), body, "request-1"), JOB_ID)


def test_an_offer_keeps_every_byte() -> None:
    offer = b'{ "id" :"private-offer/1",\n "two": 2.0, "big":9223372036854775807, "t":"\\u00e9\\/\xc3\xa9" }'

    assert found_in(b'{"resources": [ ' + offer + b" ] }") == offer
    assert found_in(b'{"resources":' + offer + b"}") == offer
    assert found_in(b"\r\n " + offer + b"\n") == offer


def test_an_offer_is_recognised_by_its_id_not_by_its_position() -> None:
    """Absolute prices bring a second resource into a job's detail, often the first in it."""
    price = b'{"id":"price-and-availability-private-offer-plan/p/1"}'
    by_schema = b'{"$schema":"' + SCHEMAS.encode() + b'/private-offer/1"}'
    offer = b'{"id":" Private-Offer/abc"}'

    assert found_in(b'{"resources":[7,null,' + b",".join([price, by_schema, offer]) + b"]}") == offer


@pytest.mark.parametrize(
    "schema",
    [
        f"{SCHEMAS}/private-offer/2023-07-15",
        f" {SCHEMAS}/private-offer/ 2023-07-15",
        f"{SCHEMAS}/private-offer-mpo-originator/2023-07-15",
        f"{SCHEMAS}/Private-Offer-MPO-channel-partner/2026-02-01",
        "https://product-ingestion.azureedge.net/schema/private-offer/2022-03-01-preview2",
    ],
)
def test_an_offer_without_an_id_is_recognised_by_its_schema(schema: str) -> None:
    """Quirk 1 (docs/upstream.md): `$schema` with a space in front and one inside."""
    offer = f'{{"$schema":"{schema}"}}'.encode()

    assert found_in(b'{"resources":[{"id":7},' + offer + b"]}") == offer
    assert found_in(offer) == offer


@pytest.mark.parametrize(
    "body",
    [
        b'{"resources":[]}',
        b'{"resources":null}',
        b"{}",
        b'{"$schema":"x","id":"plan/1"}',
        b'{"resources":[{"$schema":"https://x/schema/price-and-availability-private-offer-plan/2023-07-15"}]}',
    ],
)
def test_a_detail_may_hold_no_offer(body: bytes) -> None:
    assert found_in(body) is None


@pytest.mark.parametrize("name", ["jobId", "jobID"])
def test_the_detail_of_another_job_is_unreadable(name: str) -> None:
    detail = '{"%s":"%s","resources":[{"id":"private-offer/1"}]}'

    with pytest.raises(UpstreamUnreadable, match="asked for"):
        found_in((detail % (name, OTHER_JOB_ID)).encode())
    assert found_in((detail % (name, JOB_ID.upper())).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'"private-offer/1"',
        b'{"id":"private-offer/1","discount":NaN}',
        b'{"id":"private-offer/1","name":"\xff"}',
        b'{"id":"private-offer/1","\xff":1}',
        b"\xff\xfe{\x00}\x00",
        b'{"id":"private-offer/1"}}',
        b'{"id":"private-offer/1","name":"cut',
        b'{"resources":[{"id":"private-offer/1"',
        b'{"id":"private-offer/1","a":' + b"[" * 100_000,
        b'{"id":"private-offer/1","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"resources":' + b'[{"a":' * 100_000 + b"}]" * 100_000 + b"}",
        b'{"resources":[' + b"1," * MOST_ELEMENTS + b"1]}",
    ],
    ids=range(15),
)
def test_a_detail_that_is_not_complete_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(UpstreamUnreadable) as caught:
        found_in(body)

    assert (caught.value.status, caught.value.request_id) == (200, "request-1")


def test_a_lone_surrogate_does_not_lose_the_offer() -> None:
    offer = found_in(rb'{"resources":[{"id":"private-offer/1","name":"\ud800","two":2.0}]}')

    assert offer is not None
    assert loads(offer) == {"id": "private-offer/1", "name": "\ud800", "two": 2}
    assert b'"two":2.0' in offer


@settings(max_examples=100, deadline=None)
@given(
    json_bytes(names=("resources", "id", "$schema", "jobId"), texts=("private-offer/1", f"{SCHEMAS}/private-offer/1"))
)
def test_any_detail_holds_an_offer_or_none_or_is_unreadable(body: bytes) -> None:
    try:
        offer = found_in(body)
    except UpstreamUnreadable:
        return
    assert offer is None or isinstance(loads(offer), dict)
