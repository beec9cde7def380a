"""Which events a change of an offer makes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.watch.decision import ACCEPTED, CHANGED, CREATED, DELETED, Told, decide
from shared.watch.notices import Notice
from shared.watch.offer import WatchedOffer
from tests.watch.samples import watched

ACCEPTED_BY_CUSTOMER = Told(ACCEPTED, by="customer")
ACCEPTED_BY_PARTNER = Told(ACCEPTED, by="partner")
CHANNEL_PARTNER = "multiPartyPromotionChannelPartner"


def after(offer: WatchedOffer, **members: Any) -> list[Told]:  # noqa: ANN401 - any JSON value
    """The events when the offer gets these members."""
    return decide(offer, watched(**{**offer.content, **members}))


# Created and deleted


def test_an_offer_that_was_not_there_before_is_created() -> None:
    assert decide(None, watched()) == [Told(CREATED)]


def test_an_offer_that_had_gone_and_is_back_is_created() -> None:
    assert decide(watched(), watched(end="2028-01-31"), gone=True) == [Told(CREATED)]
    assert decide(watched(state="deleted"), watched()) == [Told(CREATED)]


def test_an_offer_whose_state_becomes_deleted_is_deleted_and_nothing_else() -> None:
    assert after(watched(), state="Deleted", subState="accepted", end="2028-01-31") == [Told(DELETED)]


def test_an_offer_is_deleted_once() -> None:
    assert decide(watched(state="deleted"), watched(state="deleted", end=None)) == []
    assert decide(watched(), watched(state="deleted"), gone=True) == []


def test_an_offer_that_is_deleted_when_first_seen_is_no_news() -> None:
    assert decide(None, watched(state="deleted")) == []


# Changed


def test_a_change_names_the_members() -> None:
    assert after(watched(), acceptBy="2027-01-15", state="withdrawn") == [
        Told(CHANGED, changes=["/state", "/acceptBy"])
    ]


def test_an_etag_without_a_visible_change_tells_nothing() -> None:
    assert after(watched(), eTag='"2"', name="Another", state="LIVE") == []


# Accepted


def test_the_customers_acceptance_is_not_also_a_change() -> None:
    assert after(watched(), subState="Accepted") == [ACCEPTED_BY_CUSTOMER]


def test_the_partners_acceptance_is_that_the_offer_waits_for_the_customer() -> None:
    assert after(watched(subState="pendingPartnerAction"), subState="PendingAcceptance") == [ACCEPTED_BY_PARTNER]


def test_two_acceptances_at_once_are_the_customers() -> None:
    assert after(watched(subState="pendingPartnerAction"), subState="accepted") == [ACCEPTED_BY_CUSTOMER]


def test_an_offer_that_is_published_was_not_accepted_by_a_partner() -> None:
    assert after(watched(state="draft", subState=None), state="live", subState="pendingAcceptance") == [
        Told(CHANGED, changes=["/state", "/subState"])
    ]


def test_what_changed_besides_an_acceptance_is_one_change_of_its_own() -> None:
    assert after(watched(), subState="accepted", end="2027-06-30", markupPercentage=3) == [
        ACCEPTED_BY_CUSTOMER,
        Told(CHANGED, changes=["/end", "/markupPercentage"]),
    ]


def test_a_variable_start_is_part_of_the_customers_acceptance() -> None:
    assert after(watched(), subState="accepted", start="2026-11-21") == [ACCEPTED_BY_CUSTOMER]


def test_a_fixed_start_that_changes_with_an_acceptance_is_a_change_besides() -> None:
    assert after(watched(variableStartDate=False, start="2026-12-01"), subState="accepted", start="2026-12-02") == [
        ACCEPTED_BY_CUSTOMER,
        Told(CHANGED, changes=["/start"]),
    ]


def test_an_offer_that_was_accepted_before_it_was_first_seen_is_created_and_no_more() -> None:
    assert decide(None, watched(subState="accepted")) == [Told(CREATED)]


@pytest.mark.parametrize("sub_state", ["accepted", "pendingAcceptance", "pendingPartnerAction"])
def test_an_accepted_offer_that_is_back_is_created_and_no_more(sub_state: str) -> None:
    assert decide(watched(subState=sub_state), watched(subState="accepted"), gone=True) == [Told(CREATED)]


def test_nobody_accepts_an_offer_to_resellers() -> None:
    assert decide(None, watched(privateOfferType="cspPromotion", subState="accepted")) == [Told(CREATED)]


# Silence


@pytest.mark.parametrize(
    "before", [None, watched(), watched(subState="pendingPartnerAction"), watched(state="draft")]
)
@pytest.mark.parametrize("members", [{}, {"subState": "accepted"}, {"state": "deleted"}, {"end": "2028-01-31"}])
def test_a_baseline_is_silent(before: WatchedOffer | None, members: dict[str, Any]) -> None:
    assert decide(before, watched(**members), baseline=True) == []


def test_what_a_job_did_is_told_by_the_job() -> None:
    assert decide(None, watched(), told_by_job=True) == []
    assert decide(watched(), watched(end="2028-01-31"), told_by_job=True) == []
    assert decide(watched(), watched(state="deleted"), told_by_job=True) == []


def test_an_acceptance_that_a_jobs_detail_shows_is_told() -> None:
    assert decide(watched(), watched(subState="accepted", end="2028-01-31"), told_by_job=True) == [
        ACCEPTED_BY_CUSTOMER
    ]
    assert decide(None, watched(subState="accepted"), told_by_job=True) == [ACCEPTED_BY_CUSTOMER]


def test_a_selling_partners_own_job_tells_its_acceptance() -> None:
    before = watched(subState="pendingPartnerAction", privateOfferType=CHANNEL_PARTNER)
    selling, originating = watched(privateOfferType=CHANNEL_PARTNER), watched()

    assert decide(before, selling, told_by_job=True) == []
    assert decide(before, originating, told_by_job=True) == [ACCEPTED_BY_PARTNER]
    assert decide(before, selling) == [ACCEPTED_BY_PARTNER]


def test_a_notice_is_told_with_its_days() -> None:
    found = watched(acceptBy="2026-12-01").accept_by
    assert found is not None

    assert Told.of_notice(Notice("acceptBy", found.day, 7, 5)) == Told("private_offer.expiring", days_left=5)


# Any sequence of states

_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pendingPartnerAction", "pendingAcceptance", "Accepted", "accepted", None]),
        st.sampled_from(["2027-01-31", "2027-06-30"]),
        st.sampled_from(["live", "draft"]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(_STEPS)
def test_each_acceptance_is_told_once_and_nothing_is_told_twice(
    steps: list[tuple[str | None, str, str, bool, bool]],
) -> None:
    before: WatchedOffer | None = None
    for sub_state, end, state, gone, told_by_job in steps:
        offer = watched(subState=sub_state, end=end, state=state)
        told = decide(before, offer, gone=gone and before is not None, told_by_job=told_by_job)

        is_created = (before is None or gone) and not told_by_job
        was_accepted = before is not None and before.sub_state == "accepted"
        accepted_now = offer.sub_state == "accepted" and not was_accepted and not is_created
        assert told.count(ACCEPTED_BY_CUSTOMER) == accepted_now
        assert len({each.type for each in told}) == len(told)
        assert decide(offer, offer, told_by_job=told_by_job) == []
        before = offer
