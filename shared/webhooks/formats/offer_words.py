"""Parts of a private offer in words. Upstream may send anything; what cannot be put into words is left out."""

from decimal import Decimal
from typing import Any

from shared.json_codec import JsonObject
from shared.webhooks.formats.summary import listed, member_object, one_line, short_name

_PRICES_MAX = 5
_PARTIES_MAX = 3
_YEAR_1 = "0001-01-01"
_SUB_STATES = {
    "pendingacceptance": "waiting for acceptance",
    "pendingpartneraction": "waiting for the partner",
    "accepted": "accepted",
}
_BECOMES = {"live": "is now live", "draft": "is now a draft", "withdrawn": "has been withdrawn"}
_MEMBERS = {
    "start": "start date",
    "variableStartDate": "start date",
    "end": "end date",
    "acceptBy": "accept-by date",
    "pricing": "price",
    "originatorPricing": "price for the partner",
    "markupPercentage": "markup",
    "beneficiaries": "customer",
    "partners": "partner",
}


def state_in_words(offer: JsonObject) -> str:
    """`live, waiting for acceptance`; empty if upstream did not say."""
    return ", ".join(filter(None, (_lower(offer.get("state")), _sub_state(offer))))


def dates_in_words(offer: JsonObject) -> dict[str, Any]:
    """The offer's dates by the name of each. One that is not set is empty."""
    start = _date(offer.get("start"))
    if not start and offer.get("variableStartDate") is True:
        start = "when it is accepted"
    return {"Accept by": _date(offer.get("acceptBy")), "Starts": start, "Ends": _date(offer.get("end"))}


def customer_name(offer: JsonObject) -> str:
    """The only customer's name; empty if there are several, or it has none."""
    return _only(_names(offer.get("beneficiaries"), "description"))


def partner_name(offer: JsonObject) -> str:
    """The only partner's name; empty if there are several, or it has none."""
    return _only(_names(offer.get("partners"), "partnerName"))


def parties_in_words(offer: JsonObject) -> dict[str, str]:
    """Whom the offer is for."""
    to_resellers = _lower(offer.get("privateOfferType")) == "csppromotion"
    return {
        "Resellers" if to_resellers else "Customer": _some(_names(offer.get("beneficiaries"), "description")),
        "Partner": _some(_names(offer.get("partners"), "partnerName")),
    }


def change_in_words(offer: JsonObject, changes: list[str]) -> str:
    """What happened to the offer, as the rest of a sentence that begins with its name."""
    members = [pointer.split("/")[1] for pointer in changes if pointer.startswith("/")]
    others = listed(list(dict.fromkeys(_noun(offer, name) for name in members if name in _MEMBERS)))
    happened = _new_state(offer, members)
    if happened:
        return f"{happened}; also changed: {others}" if others else happened
    return f"has changed: {others}" if others else "has changed"


def prices_in_words(offer: JsonObject, changes: list[str]) -> list[tuple[str, str]]:
    """The prices that changed; all of them if none did. Five at most, and how many more there are."""
    pricing = offer.get("pricing")
    items = pricing if isinstance(pricing, list) else []
    parts = [pointer.split("/") for pointer in changes]
    touched = {part[2] for part in parts if part[1:2] == ["pricing"] and len(part) > 2}
    chosen = [item for index, item in enumerate(items) if not touched or str(index) in touched]
    lines = [line for line in map(_price, chosen) if line]
    left_out = len(lines) - _PRICES_MAX
    if left_out > 0:
        lines = [*lines[:_PRICES_MAX], f"… and {left_out} more"]
    return [("Price", line) for line in lines]


def _new_state(offer: JsonObject, members: list[str]) -> str:
    state, sub_state = _lower(offer.get("state")), _sub_state(offer)
    if "state" in members and state:
        return _BECOMES.get(state, f"is now {short_name(state)}")
    return f"is now {short_name(sub_state)}" if "subState" in members and sub_state else ""


def _noun(offer: JsonObject, member: str) -> str:
    to_resellers = _lower(offer.get("privateOfferType")) == "csppromotion"
    return "resellers" if member == "beneficiaries" and to_resellers else _MEMBERS[member]


def _price(item: Any) -> str:  # noqa: ANN401 - any JSON value
    price = member_object(item)
    new_plan = member_object(price.get("newPlanDetails"))
    names = (short_name(name) for name in (price.get("productName"), price.get("planName") or new_plan.get("name")))
    what = ", ".join(filter(None, names))
    discount = price.get("discountPercentage")
    if isinstance(discount, int | float | Decimal) and not isinstance(discount, bool):
        amount = f"{_plain_number(discount)} % discount"
    else:
        amount = "absolute price" if _lower(price.get("discountType")) == "absolute" else ""
    return one_line(": ".join(filter(None, (what, amount)))) if amount else ""


def _plain_number(number: float | Decimal) -> str:
    """`2.0` as 2."""
    text = str(number)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text.lower() else text


def _names(parties: Any, member: str) -> list[str]:  # noqa: ANN401 - any JSON value
    """The name of each party; empty for one without a name."""
    return (
        [short_name(member_object(party).get(member), 50) for party in parties] if isinstance(parties, list) else []
    )


def _only(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ""


def _some(names: list[str]) -> str:
    known = [name for name in names if name]
    left_out = len(known) - _PARTIES_MAX
    return listed([*known[:_PARTIES_MAX], f"{left_out} more"] if left_out > 0 else known)


def _date(value: Any) -> str:  # noqa: ANN401 - any JSON value
    text = one_line(value)
    return "" if text.startswith(_YEAR_1) else text


def _sub_state(offer: JsonObject) -> str:
    sub_state = _lower(offer.get("subState"))
    return _SUB_STATES.get(sub_state, sub_state)


def _lower(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return one_line(value).lower()
