"""A private offer as the watch sees it: whether it is live and accepted, and which date is ahead of it."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from shared.identifiers import InvalidIdentifier, private_offer_id
from shared.json_codec import InvalidJson, JsonObject, loads, members, text_of
from shared.watch.changes import WATCHED_MEMBERS, enum_value, present_members

type DateKind = Literal["acceptBy", "end"]

# A reseller offer has up to 150 beneficiaries, each with its customers. Parsed, each value takes about 200 bytes.
MOST_VALUES = 50_000
LONGEST_TEXT_CHARACTERS = 500
_MEMBERS = ("id", "eTag", "_etag", "name", "privateOfferType", *WATCHED_MEMBERS)
_OFFER_TO_RESELLERS = "csppromotion"
_DATE = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<minute>\d{2}:\d{2})(?:(?P<second>:\d{2})(?:\.(?P<fraction>\d{1,20}))?)?"
    r"(?P<zone>[Zz]|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_ONE_DAY = timedelta(days=1)


class InvalidOffer(ValueError):
    """An offer that cannot be followed. The message says why and repeats nothing of it.

    `offer_id` is its bare id in lower case; None if that is at fault.
    """

    def __init__(self, reason: str, offer_id: str | None = None) -> None:
        super().__init__(reason)
        self.offer_id = offer_id


@dataclass(frozen=True, slots=True)
class Deadline:
    """A date of an offer: upstream's text, its day in UTC, and the moment (UTC) from which it has passed."""

    text: str
    day: date
    passes_at: datetime

    def passed(self, now: datetime) -> bool:
        return now >= self.passes_at

    def days_left(self, now: datetime) -> int:
        """Calendar days in UTC from today to the date; 0 once it has passed."""
        return 0 if self.passed(now) else (self.day - now.astimezone(UTC).date()).days


@dataclass(frozen=True, kw_only=True)
class OfferSummary:
    """The few values that decide which notices an offer gets.

    `state`, `sub_state` and `offer_type` are upstream's enum values in lower case, empty if it sent none.
    """

    name: str | None
    state: str
    sub_state: str
    offer_type: str
    accept_by: Deadline | None
    end: Deadline | None

    @property
    def live(self) -> bool:
        return self.state == "live"

    @property
    def deleted(self) -> bool:
        return self.state == "deleted"

    @property
    def to_resellers(self) -> bool:
        return self.offer_type == _OFFER_TO_RESELLERS

    @property
    def accepted(self) -> bool:
        """Live, and accepted by the customer. Nobody accepts an offer to resellers: a live one counts as accepted."""
        return self.live and (self.to_resellers or self.sub_state == "accepted")

    @property
    def waits_for_acceptance(self) -> bool:
        """Live, but not accepted by the customer yet."""
        return self.live and not self.accepted

    @property
    def open_date(self) -> tuple[DateKind, Deadline] | None:
        """The date that matters now, past or future: accept-by while the offer waits, its end once it is accepted."""
        if self.waits_for_acceptance and self.accept_by is not None:
            return "acceptBy", self.accept_by
        if self.accepted and self.end is not None:
            return "end", self.end
        return None


@dataclass(frozen=True, kw_only=True)
class WatchedOffer(OfferSummary):
    """One private offer as upstream sent it.

    `id` is bare and in lower case. `etag` is None if upstream sent none. `body` is upstream's JSON object; `content`
    has the members of it that the watch looks at, parsed. Both may hold signed links: they never go to a log.
    """

    id: str
    etag: str | None
    body: bytes = field(repr=False)
    content: JsonObject = field(repr=False)


def watched_offer(item: bytes) -> WatchedOffer:
    """An offer from upstream's JSON, of a list, of its own address or of a job's detail. Raises InvalidOffer."""
    try:
        found = members(item, *_MEMBERS)
        offer_id = _offer_id(loads(bytes(found["id"])) if "id" in found else None)
    except InvalidJson as error:
        raise InvalidOffer("it cannot be read") from error
    # Each value follows one of these, so this bounds their number before any takes memory.
    if sum(bytes(raw).count(sign) for raw in found.values() for sign in (b",", b"[", b"{")) > MOST_VALUES:
        raise InvalidOffer(f"it has more than {MOST_VALUES} values", offer_id)
    try:
        content = {name: loads(bytes(raw)) for name, raw in found.items()}
    except InvalidJson as error:
        raise InvalidOffer("it cannot be read", offer_id) from error
    return WatchedOffer(
        id=offer_id,
        etag=_text(content.get("eTag")) or _text(content.get("_etag")),
        body=item,
        content=content,
        name=_text(content.get("name")),
        state=_enum(content.get("state")),
        sub_state=_enum(content.get("subState")),
        offer_type=_enum(content.get("privateOfferType")),
        accept_by=deadline(content.get("acceptBy")),
        end=deadline(content.get("end")),
    )


def identified(item: bytes) -> tuple[str, str | None] | None:
    """The bare id and the eTag of an item, without parsing the rest; None if it has no proper id."""
    try:
        found = members(item, "id", "eTag", "_etag")
        offer_id = private_offer_id((text_of(found.get("id")) or "").strip()).lower()
    except (InvalidJson, InvalidIdentifier):
        return None
    etag = text_of(found.get("eTag")) or text_of(found.get("_etag"))
    return offer_id, etag if etag and len(etag) <= LONGEST_TEXT_CHARACTERS else None


def is_whole(offer: WatchedOffer, known: Collection[str]) -> bool:
    """Whether an item of upstream's list has every member that the offer itself has, as far as one can tell.

    `known` are the watched members that the last snapshot has (`present_members`), none for a new offer.
    """
    present = present_members(offer.content)
    needed = {"state", "end", *known}
    if offer.live and not offer.accepted:
        needed.add("acceptBy")
    if offer.content.get("variableStartDate") is not True:
        needed.add("start")
    sub_state_missing = offer.live and not offer.sub_state and not offer.accepted
    return (
        None not in (offer.etag, offer.name)
        and bool(offer.offer_type)
        and not sub_state_missing
        and needed <= present
        and not present.isdisjoint(("pricing", "originatorPricing"))
        and not present.isdisjoint(("beneficiaries", "partners"))
    )


def deadline(value: object) -> Deadline | None:
    """A date that upstream sent, `2026-12-31` or with a time; without a zone it is UTC.

    None if it is not a date that will come: impossible, in year 1 (upstream's "none") or on the last day that a
    calendar has (.NET's "never").
    """
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        day = date.fromisoformat(match["day"])
        if match["minute"] is None:
            passes_at = datetime.combine(day + _ONE_DAY, time(), UTC)
        else:
            zone = (match["zone"] or "Z").upper()
            text = f"{match['day']}T{match['minute']}{match['second'] or ':00'}.{match['fraction'] or '0'}{zone}"
            passes_at = datetime.fromisoformat(text).astimezone(UTC)
            if day.year > 1:
                day = passes_at.date()
    except (ValueError, OverflowError):
        return None
    return None if day.year == 1 or day == date.max else Deadline(match[0], day, passes_at)


def _offer_id(value: Any) -> str:  # noqa: ANN401 - any JSON value
    try:
        return private_offer_id(value.strip() if isinstance(value, str) else "").lower()
    except ValueError as error:
        raise InvalidOffer("its id is missing or malformed") from error


def _enum(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return enum_value(_text(value))


def _text(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    """A text that storage accepts; None if it is empty, longer than LONGEST_TEXT_CHARACTERS or not a text."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT_CHARACTERS:
        return None
    return value.encode(errors="replace").decode()
