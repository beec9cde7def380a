"""A private offer as the watch reads it."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.json_codec import dumps
from shared.watch.changes import WATCHED_MEMBERS, present_members
from shared.watch.offer import (
    LONGEST_TEXT_CHARACTERS,
    MOST_VALUES,
    InvalidOffer,
    WatchedOffer,
    deadline,
    identified,
    is_whole,
    watched_offer,
)
from tests.json_texts import json_bytes
from tests.watch.samples import OFFER_ID, private_offer, watched, without

NAMES = ("id", "eTag", "_etag", "name", "privateOfferType", *WATCHED_MEMBERS)
TEXTS = (f"private-offer/{OFFER_ID}", "live", "accepted", "0001-01-01", "2026-12-31", "9999-12-31")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


# What is read


def test_an_offer_is_known_by_its_bare_id_in_lower_case() -> None:
    assert watched(id=f" Private-Offer/{OFFER_ID.upper()}").id == OFFER_ID


def test_enum_values_are_in_lower_case_whatever_the_version_of_the_answer() -> None:
    offer = watched(state="Live", subState="PendingAcceptance", privateOfferType="multiPartyPromotionChannelPartner")

    assert (offer.state, offer.sub_state) == ("live", "pendingacceptance")
    assert offer.offer_type == "multipartypromotionchannelpartner"


def test_the_etag_has_another_name_in_the_old_version() -> None:
    assert watched(without(private_offer(_etag='"old"'), "eTag")).etag == '"old"'


def test_an_offer_without_an_etag_has_none() -> None:
    assert watched(eTag=None).etag is None


def test_members_that_are_not_watched_are_not_parsed() -> None:
    assert "lastModified" not in watched().content


def test_an_offer_shows_no_link_in_a_log_line() -> None:
    assert "sig=" not in repr(watched(pricing=[{"link": "https://example.com/?sig=secret"}]))


def test_a_text_that_storage_would_refuse_is_replaced_or_left_out() -> None:
    assert watched_offer(dumps(private_offer(name="a\ud800")).encode()).name == "a?"
    assert watched(name="a" * (LONGEST_TEXT_CHARACTERS + 1)).name is None


@pytest.mark.parametrize("name", ["a", "a" * LONGEST_TEXT_CHARACTERS], ids=["shortest", "longest"])
def test_the_shortest_and_the_longest_text_are_kept(name: str) -> None:
    assert watched(name=name).name == name


def test_an_empty_text_is_none() -> None:
    assert watched(name="").name is None


@pytest.mark.parametrize("offer_id", [None, 5, "", "private-offer/", "a/b", "private-offer/query", ["x"], "x" * 101])
def test_an_offer_without_a_usable_id_is_refused(offer_id: object) -> None:
    with pytest.raises(InvalidOffer, match="its id is missing or malformed") as caught:
        watched(id=offer_id)
    assert caught.value.offer_id is None


def test_an_offer_that_has_no_id_at_all_is_refused() -> None:
    with pytest.raises(InvalidOffer, match="its id is missing or malformed"):
        watched(without(private_offer(), "id"))


def _with_pricing(pricing: str) -> WatchedOffer:
    return watched_offer(b'{"id":"private-offer/a","pricing":' + pricing.encode() + b"}")


def test_an_offer_may_have_so_many_values() -> None:
    assert _with_pricing("[" + ",".join(["0"] * MOST_VALUES) + "]").id == "a"


@pytest.mark.parametrize(
    "pricing",
    [
        "[" + ",".join(["0"] * (MOST_VALUES + 1)) + "]",
        "[" + ",".join(["[]"] * (MOST_VALUES // 2 + 1)) + "]",
        "[" + ",".join(["{}"] * (MOST_VALUES // 2 + 1)) + "]",
    ],
    ids=["numbers", "lists", "objects"],
)
def test_values_of_every_kind_are_counted(pricing: str) -> None:
    with pytest.raises(InvalidOffer, match="more than"):
        _with_pricing(pricing)


def test_an_offer_with_absurdly_many_values_is_refused_by_its_id() -> None:
    with pytest.raises(InvalidOffer, match="more than") as caught:
        watched(pricing=[0] * (MOST_VALUES + 1))
    assert caught.value.offer_id == OFFER_ID


def test_many_values_in_a_member_that_is_not_watched_do_no_harm() -> None:
    assert watched(notes=[0] * (MOST_VALUES + 1)).id == OFFER_ID


def test_an_offer_that_nests_too_deep_is_refused() -> None:
    nested = b"[" * 5000 + b"]" * 5000

    with pytest.raises(InvalidOffer, match="cannot be read"):
        watched_offer(b'{"id":"private-offer/a","pricing":' + nested + b"}")


@settings(max_examples=100, deadline=None)
@given(json_bytes(NAMES, TEXTS))
def test_anything_else_is_an_offer_or_refused(item: bytes) -> None:
    try:
        offer = watched_offer(item)
    except InvalidOffer:
        return
    assert offer.id
    assert is_whole(offer, WATCHED_MEMBERS) in (True, False)
    assert offer.open_date is None or offer.live
    for text in (offer.name, offer.etag, offer.state, offer.sub_state, offer.offer_type):
        (text or "").encode()


# Live, accepted, waiting


@pytest.mark.parametrize(
    ("members", "accepted", "waits"),
    [
        ({"subState": "pendingAcceptance"}, False, True),
        ({"subState": "pendingPartnerAction"}, False, True),
        ({"subState": "Accepted"}, True, False),
        ({"subState": None}, False, True),
        ({"privateOfferType": "CspPromotion", "subState": None}, True, False),
        ({"state": "draft"}, False, False),
        ({"state": "withdrawn", "subState": "accepted"}, False, False),
        ({"state": "deleted", "privateOfferType": "cspPromotion"}, False, False),
        ({"state": 5, "subState": ["accepted"]}, False, False),
    ],
)
def test_a_live_offer_is_accepted_or_waits(members: dict[str, Any], accepted: bool, waits: bool) -> None:
    offer = watched(**members)

    assert (offer.accepted, offer.waits_for_acceptance) == (accepted, waits)


def test_the_open_date_is_accept_by_until_the_customer_accepts_and_then_the_end() -> None:
    waiting, accepted = watched(), watched(subState="accepted")

    assert waiting.open_date == ("acceptBy", waiting.accept_by)
    assert accepted.open_date == ("end", accepted.end)
    assert watched(state="draft").open_date is None
    assert watched(privateOfferType="cspPromotion", end=None).open_date is None


# Dates


def test_a_date_without_a_time_lasts_to_the_end_of_its_day_in_utc() -> None:
    found = deadline("2026-12-31")

    assert found is not None
    assert (found.day, found.passes_at) == (date(2026, 12, 31), datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "passes_at"),
    [
        ("2026-12-31T00:00:00", datetime(2026, 12, 31, tzinfo=UTC)),
        ("2026-12-31T00:00:00Z", datetime(2026, 12, 31, tzinfo=UTC)),
        ("2026-12-31T09:15:30.1234567Z", datetime(2026, 12, 31, 9, 15, 30, 123456, UTC)),
        ("2026-12-31T09:15:30.5", datetime(2026, 12, 31, 9, 15, 30, 500000, UTC)),
        ("2026-12-31t23:00-05:00", datetime(2027, 1, 1, 4, tzinfo=UTC)),
        ("2026-12-31 23:00:00+0100", datetime(2026, 12, 31, 22, tzinfo=UTC)),
        ("2026-12-31T09:15:30.12345678901234567890z", datetime(2026, 12, 31, 9, 15, 30, 123456, UTC)),
        ("0002-06-01T23:00:00-05:00", datetime(2, 6, 2, 4, tzinfo=UTC)),
    ],
)
def test_a_date_with_a_time_lasts_to_that_moment(text: str, passes_at: datetime) -> None:
    found = deadline(text)

    assert found is not None
    assert (found.text, found.day, found.passes_at) == (text, passes_at.date(), passes_at)
    assert found.passes_at.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        *(None, 5, True, "", "soon", "31/12/2026", "2026-02-30", "2026-13-01", "0000-01-01", "2026-12-31T25:00"),
        *("0001-01-01", "0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "0001-12-31T23:59:59-14:00"),
        *("9999-12-31", "9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59-14:00", "2026-12-31T00:00+99:00"),
        *("٢٠٢٦-12-31", "2026-12-31\n", "2026-12-31T00:00:00." + "0" * 1000, ["2026-12-31"], {"date": "2026-12-31"}),
    ],
)
def test_an_impossible_date_counts_as_none(value: object) -> None:
    assert deadline(value) is None


@settings(max_examples=100, deadline=None)
@given(
    st.text() | st.from_regex(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?", fullmatch=True)
)
def test_any_text_is_a_date_or_none(text: str) -> None:
    found = deadline(text)
    if found is not None:
        assert found.day.year > 1
        assert found.passes_at.tzinfo is UTC
        assert timedelta(0) <= found.passes_at - datetime.combine(found.day, datetime.min.time(), UTC) <= timedelta(1)


def test_days_left_are_calendar_days_in_utc() -> None:
    found = deadline("2026-11-23")
    assert found is not None

    assert found.days_left(NOON) == 2
    assert found.days_left(datetime(2026, 11, 22, 23, 59, tzinfo=UTC)) == 1
    assert found.days_left(datetime(2026, 11, 23, 23, 59, tzinfo=UTC)) == 0
    assert found.days_left(datetime(2027, 1, 1, tzinfo=UTC)) == 0
    assert found.days_left(datetime.fromisoformat("2026-11-22T23:30:00-02:00")) == 0


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_days_left_do_not_depend_on_the_machines_time_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = deadline("2026-11-23")
    assert found is not None
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        days_left = [found.days_left(datetime(2026, 11, 22, hour, 30, tzinfo=UTC)) for hour in (0, 23)]
    time.tzset()

    assert days_left == [1, 1]


# Items of the list


def item(**members: object) -> bytes:
    return dumps(members).encode()


def test_an_item_is_identified_by_its_bare_id_and_its_etag() -> None:
    assert identified(item(id=f" Private-Offer/{OFFER_ID.upper()} ", eTag='"2"', name="a")) == (OFFER_ID, '"2"')
    assert identified(item(id="a", _etag='"old"')) == ("a", '"old"')
    assert identified(item(id="a", eTag='"2"', _etag='"old"')) == ("a", '"2"')
    assert identified(item(id="a")) == ("a", None)


@pytest.mark.parametrize(
    ("etag", "expected"),
    [
        ("", None),
        (7, None),
        ("x" * LONGEST_TEXT_CHARACTERS, "x" * LONGEST_TEXT_CHARACTERS),
        ("x" * (LONGEST_TEXT_CHARACTERS + 1), None),
    ],
    ids=["empty", "number", "longest", "too long"],
)
def test_an_etag_that_an_offer_cannot_have_counts_as_none(etag: object, expected: str | None) -> None:
    assert identified(item(id="a", eTag=etag)) == ("a", expected)
    assert watched(private_offer(id="a", eTag=etag)).etag == expected


@pytest.mark.parametrize("found", [b"", b"[]", b"7", item(), item(id=None), item(id=7), item(id="a/b")])
def test_an_item_without_a_proper_id_is_not_identified(found: bytes) -> None:
    assert identified(found) is None


# Whole items


def test_an_item_with_every_member_is_whole() -> None:
    assert is_whole(watched(), known=())
    assert is_whole(watched(), known=present_members(private_offer()))


@pytest.mark.parametrize(
    "name", ["eTag", "name", "privateOfferType", "state", "subState", "end", "acceptBy", "pricing", "beneficiaries"]
)
def test_an_item_without_one_of_these_is_not_whole(name: str) -> None:
    assert not is_whole(watched(without(private_offer(), name)), known=())


@pytest.mark.parametrize("name", ["end", "pricing", "beneficiaries"])
@pytest.mark.parametrize("empty", [None, [], "0001-01-01"])
def test_a_member_without_a_value_is_missing(name: str, empty: object) -> None:
    assert not is_whole(watched(private_offer(**{name: empty})), known=())


def test_an_item_needs_a_start_unless_it_starts_on_acceptance() -> None:
    assert not is_whole(watched(variableStartDate=False), known=())
    assert is_whole(watched(variableStartDate=False, start="2026-12-01"), known=())


def test_an_item_needs_every_member_that_the_snapshot_has() -> None:
    assert not is_whole(watched(), known={"markupPercentage"})


def test_an_offer_to_resellers_is_whole_without_what_it_cannot_have() -> None:
    offer = private_offer(privateOfferType="CspPromotion", start="2026-12-01", variableStartDate=None)

    assert is_whole(watched(without(offer, "subState", "acceptBy")), known=())


def test_an_offer_that_nobody_can_accept_yet_is_whole_without_a_date_to_accept_by() -> None:
    assert is_whole(watched(without(private_offer(state="draft"), "acceptBy")), known=())


def test_an_originators_offer_has_its_own_pricing_and_a_partner() -> None:
    offer = private_offer(originatorPricing=[{"product": "product/1"}], partners=[{"id": "p"}])

    assert is_whole(watched(without(offer, "pricing", "beneficiaries")), known=())
