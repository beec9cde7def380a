"""What people read about the publishing status of a CPP offer."""

from typing import Any

import pytest

from shared.events.event import Event
from tests.webhooks.formats.reading import card_texts, facts_of, mood_of, title_of
from tests.webhooks.samples import CREATED_AT

OFFER = {"publisherId": "contoso", "offerId": "example-vm"}


def changed(before: Any, after: Any, offer: Any = OFFER) -> Event:  # noqa: ANN401 - JSON values
    data = {"cppOffer": offer, "from": before, "to": after}
    return Event(id="evt_1", type="cpp_offer.status_changed", created_at=CREATED_AT, data=data)


def status(name: str | None, **steps: str) -> dict[str, Any]:
    return {"status": name, "steps": {step.replace("_", "-"): value for step, value in steps.items()}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (status("running"), status("running", publisher_signoff="waitingForPublisherReview")),
        (status("running"), status("WaitingForPublisherReview")),
        (
            status("notStarted"),
            status("running", displaycertify="complete", publisher_signoff="WaitingForPublisherReview"),
        ),
    ],
)
def test_a_review_that_waits_is_told_before_all_else(before: dict[str, Any], after: dict[str, Any]) -> None:
    told = changed(before, after)
    assert title_of(told) == "The CPP offer contoso/example-vm waits for your review"
    assert mood_of(told) == "warning"
    assert card_texts(told)[-1].startswith("Look at the preview in Partner Center and choose Go live.")


def test_a_review_that_waited_before_is_no_news() -> None:
    waiting = status("running", publisher_signoff="waitingForPublisherReview", live="notStarted")
    canceled = waiting | {"status": "canceled"}
    assert title_of(changed(waiting, canceled)) == "The CPP offer contoso/example-vm: publishing was cancelled"


@pytest.mark.parametrize(
    ("name", "words", "mood"),
    [
        ("running", "is being published", "emphasis"),
        ("Succeeded", "has been published", "good"),
        ("failed", "could not be published", "attention"),
        ("neverPublished", "has never been published", "emphasis"),
        ("notStarted", "is not being published", "emphasis"),
        ("in{0}doubt", "has a new status: in{0}doubt", "emphasis"),
    ],
)
def test_a_new_status_has_words(name: str, words: str, mood: str) -> None:
    told = changed(status("x"), status(name))
    assert (title_of(told), mood_of(told)) == (f"The CPP offer contoso/example-vm {words}", mood)


@pytest.mark.parametrize(
    ("steps", "words", "mood"),
    [
        ({"displaycertify": "inProgress"}, "certification is in progress", "emphasis"),
        ({"displaycertify": "complete"}, "certification is complete", "emphasis"),
        ({"displayprovision": "complete", "displaypackage": "inProgress"}, "packaging is in progress", "emphasis"),
        ({"displaycertify": "complete", "displayprovision": "complete"}, "provisioning is complete", "emphasis"),
        ({"displaypackage": "complete", "displaycertify": "rejected"}, "certification was rejected", "attention"),
        ({"live": "blocked"}, "going live is blocked", "attention"),
        ({"no{vel}": "waitingForApproval"}, "no{vel} waits for approval", "emphasis"),
    ],
)
def test_without_a_new_status_the_title_is_about_a_step(steps: dict[str, str], words: str, mood: str) -> None:
    told = changed(status("running"), status("running", **steps))
    assert (title_of(told), mood_of(told)) == (f"The CPP offer contoso/example-vm: {words}", mood)


def test_the_message_lists_the_steps_that_changed() -> None:
    before = status("running", displayDummyCertify="complete", displaycertify="inProgress")
    after = status("failed", displaydummycertify="Complete", displaycertify="rejected", displayprovision="canceled")
    assert facts_of(changed(before, after)) == {
        "Status": "failed",
        "Status before": "running",
        "Certification": "was rejected",
        "Provisioning": "was cancelled",
    }


@pytest.mark.parametrize("strange", [None, 7, "text", [], {}, {"status": {}, "steps": []}, {"steps": {"": [None]}}])
def test_a_status_of_any_shape_is_told(strange: Any) -> None:  # noqa: ANN401 - a JSON value
    assert title_of(changed(strange, status("running"), strange))
    assert title_of(changed(status("running"), strange)).startswith("The CPP offer contoso/example-vm ")
