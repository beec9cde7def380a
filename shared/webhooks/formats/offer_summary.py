"""An event of a private offer in words."""

from typing import Any

from shared.identifiers import InvalidIdentifier, private_offer_id
from shared.json_codec import JsonObject
from shared.webhooks.formats.offer_words import (
    change_in_words,
    customer_name,
    dates_in_words,
    parties_in_words,
    partner_name,
    prices_in_words,
    state_in_words,
)
from shared.webhooks.formats.summary import Link, Mood, Summary, member_object, named_facts, one_line, short_name

_MOODS: dict[str, Mood] = {
    "private_offer.accepted": "good",
    "private_offer.expiring": "warning",
    "private_offer.expired": "bad",
    "private_offer.ending": "warning",
}
_TO_DO = {
    "private_offer.expired": "It can no longer be accepted. If you still want it, publish it again with a later "
    "accept-by date.",
    "private_offer.ending": "If the agreement is to go on, prepare the renewal.",
}


def private_offer_summary(event_type: str, data: JsonObject) -> Summary:
    """The summary of a private offer's event."""
    offer = member_object(data.get("privateOffer"))
    changes = [pointer for pointer in _listed(data.get("changes")) if isinstance(pointer, str)]
    return Summary(
        title=_title(event_type, offer, data, changes),
        mood=_MOODS.get(event_type, "neutral"),
        facts=[
            *named_facts({"Offer": offer.get("name"), "State": state_in_words(offer)}),
            *named_facts(parties_in_words(offer) | dates_in_words(offer)),
            *prices_in_words(offer, changes),
            *named_facts({"Id": offer.get("id")}),
        ],
        to_do=_to_do(event_type, offer, data),
        link=_link(offer.get("id")),
    )


def _title(event_type: str, offer: JsonObject, data: JsonObject, changes: list[str]) -> str:
    name = short_name(offer.get("name"))
    match event_type.rpartition(".")[2]:
        case "created":
            return f"New private offer: '{name}'" if name else "There is a new private offer"
        case "accepted":
            return f"{_who_accepted(offer, data.get('by'))} has accepted " + (
                f"'{name}'" if name else "a private offer"
            )
        case what:
            subject = f"'{name}'" if name else "A private offer"
            return f"{subject} {_what_happened(what, offer, data.get('daysLeft'), changes)}"


def _what_happened(what: str, offer: JsonObject, days_left: Any, changes: list[str]) -> str:  # noqa: ANN401 - any JSON value
    match what:
        case "changed":
            return change_in_words(offer, changes)
        case "expiring":
            return f"expires {_when(days_left)}: {_whose_acceptance_is_missing(offer)}"
        case "expired":
            return "has expired without being accepted"
        case "ending":
            return f"ends {_when(days_left)}"
        case "ended":
            return "has ended"
        case _:
            return "has been deleted"


def _who_accepted(offer: JsonObject, by: Any) -> str:  # noqa: ANN401 - any JSON value
    return partner_name(offer) or "The partner" if by == "partner" else customer_name(offer) or "The customer"


def _when(days_left: Any) -> str:  # noqa: ANN401 - any JSON value
    match days_left:
        case 0:
            return "today"
        case 1:
            return "tomorrow"
        case int():
            return f"in {days_left} days"
        case _:
            return "soon"


def _whose_acceptance_is_missing(offer: JsonObject) -> str:
    """Of an offer through a partner, the partner accepts first."""
    partner_accepted = bool(offer.get("partners")) and one_line(offer.get("subState")).lower() == "pendingacceptance"
    return "the customer has not accepted it yet" if partner_accepted else "nobody has accepted it yet"


def _to_do(event_type: str, offer: JsonObject, data: JsonObject) -> str | None:
    if event_type == "private_offer.expiring":
        waits_for_partner = one_line(offer.get("subState")).lower() == "pendingpartneraction"
        return f"Remind the {'partner' if waits_for_partner else 'customer'}, or choose a later accept-by date."
    if event_type == "private_offer.accepted" and data.get("by") == "partner":
        return "It now waits for the customer."
    return _TO_DO.get(event_type)


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, list) else []


def _link(offer_id: Any) -> Link | None:  # noqa: ANN401 - any JSON value
    try:
        return Link("Open the offer", f"/offers/{private_offer_id(one_line(offer_id))}")
    except InvalidIdentifier:
        return None
