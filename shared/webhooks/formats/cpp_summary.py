"""A change of a CPP offer's publishing status in words."""

from typing import Any

from shared.identifiers import InvalidIdentifier, offer_id, publisher_id
from shared.json_codec import JsonObject
from shared.webhooks.formats.summary import Link, Mood, Summary, member_object, named_facts, one_line, short_name

_WAITS_FOR_REVIEW = "waitingforpublisherreview"
_STEPS_MAX = 10
_IDS_MAX_CHARACTERS = 90
# Mood and title for an offer's status, in lower case.
_STATUSES: dict[str, tuple[Mood, str]] = {
    "neverpublished": ("neutral", "{} has never been published"),
    "notstarted": ("neutral", "{} is not being published"),
    "running": ("neutral", "{} is being published"),
    "succeeded": ("good", "{} has been published"),
    "canceled": ("neutral", "{}: publishing was cancelled"),
    "failed": ("bad", "{} could not be published"),
}
# Mood and words for a step's status. The first one that a changed step has is told in the title.
_STEP_STATUSES: dict[str, tuple[Mood, str]] = {
    _WAITS_FOR_REVIEW: ("warning", "waits for your review"),
    "rejected": ("bad", "was rejected"),
    "blocked": ("bad", "is blocked"),
    "waitingforapproval": ("neutral", "waits for approval"),
    "canceled": ("neutral", "was cancelled"),
    "inprogress": ("neutral", "is in progress"),
    "complete": ("neutral", "is complete"),
    "notstarted": ("neutral", "has not started"),
}
_STEP_NAMES = {
    "displaydummycertify": "validation",
    "displaycertify": "certification",
    "displayprovision": "provisioning",
    "displaypackage": "packaging",
    "publisher-signoff": "publisher sign-off",
    "live": "going live",
}
_REVIEW = "Look at the preview in Partner Center and choose Go live. Nothing is published until you do."
_CORRECT = "Partner Center says what is wrong. Correct the offer and publish it again."


def cpp_offer_summary(data: JsonObject) -> Summary:
    """The summary of a CPP offer's event."""
    offer = member_object(data.get("cppOffer"))
    before, after = member_object(data.get("from")), member_object(data.get("to"))
    steps = member_object(after.get("steps"))
    earlier = {_lower(step): status for step, status in member_object(before.get("steps")).items()}
    changed = {step: status for step, status in steps.items() if _lower(status) != _lower(earlier.get(_lower(step)))}
    new_status = after.get("status") if _lower(after.get("status")) != _lower(before.get("status")) else None
    mood, title = _headline(new_status, changed)
    ids = short_name(f"{one_line(offer.get('publisherId'))}/{one_line(offer.get('offerId'))}", _IDS_MAX_CHARACTERS)
    facts = {"Status": after.get("status"), "Status before": before.get("status") if new_status else None}
    return Summary(
        title=title.format(f"The CPP offer {ids}" if offer else "A CPP offer"),
        mood=mood,
        facts=[
            *named_facts(facts),
            *(
                (_capitalised(_step_name(step)), _step_words(each))
                for step, each in list(changed.items())[:_STEPS_MAX]
            ),
        ],
        to_do={"warning": _REVIEW, "bad": _CORRECT}.get(mood),
        link=_link(offer),
    )


def _headline(new_status: Any, changed: JsonObject) -> tuple[Mood, str]:  # noqa: ANN401 - any JSON value
    """Mood, and title with {} for the offer. A review that waits is the most telling, then the offer's own status.

    Of several steps with the same status, the title names the last one.
    """
    steps = {_lower(status): step for step, status in changed.items()}
    status = _lower(new_status)
    if _WAITS_FOR_REVIEW in (status, *steps):
        mood, words = _STEP_STATUSES[_WAITS_FOR_REVIEW]
        return mood, f"{{}} {words}"
    if status:
        return _STATUSES.get(status, ("neutral", f"{{}} has a new status: {_literal(short_name(new_status, 30))}"))
    for step_status, (mood, words) in _STEP_STATUSES.items():
        if step_status in steps:
            return mood, f"{{}}: {_literal(_step_name(steps[step_status]))} {words}"
    return "neutral", "{} has a new publishing status"


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _step_name(step: str) -> str:
    return _STEP_NAMES.get(step.lower(), short_name(step, 30))


def _step_words(status: Any) -> str:  # noqa: ANN401 - any JSON value
    known = _STEP_STATUSES.get(_lower(status))
    return known[1] if known else one_line(status) or "unknown"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return one_line(value).lower()


def _link(offer: JsonObject) -> Link | None:
    try:
        ids = publisher_id(one_line(offer.get("publisherId"))), offer_id(one_line(offer.get("offerId")))
    except InvalidIdentifier:
        return None
    return Link("Open the offer", f"/cpp/{ids[0]}/{ids[1]}")
