"""`/watch/private-offers`, a private offer's history, and the calendar: what the watch has kept, without upstream."""

import hashlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, TypedDict

from pydantic import AfterValidator, Field

from shared.clock import rfc3339
from shared.http.messages import Request, Response, json_response, matches
from shared.http.models import Filter
from shared.http.offer_models import PrivateOfferPath
from shared.http.operations import Text, operation
from shared.http.parameters import Cursor, Parameters, WholeNumber
from shared.http.problems import ProblemError
from shared.json_codec import RawJson
from shared.watch.calendar import Calendar
from shared.watch.listing import ListedOffer, OfferFilter, WatchListing
from shared.watch.rows import OfferChange

# The Functions runtime adds `; charset=utf-8` to every type of text.
CALENDAR_TYPE = "text/calendar"
MOST_DAYS = 3650
_DAYS = re.compile(r"([0-9]{1,4})d", re.ASCII)


def _days(text: str) -> str:
    """The number alone. Raises ValueError."""
    days = _DAYS.fullmatch(text)
    if days is None or int(days[1]) > MOST_DAYS:
        raise ValueError(f"should be a number of days up to {MOST_DAYS}, such as 14d")
    return days[1]


type Days = Annotated[
    str,
    AfterValidator(_days),
    Field(json_schema_extra={"pattern": "^(36[0-4][0-9]|3650|3[0-5][0-9]{2}|[0-2]?[0-9]{1,3})d$"}),
]


class ListWatchedOffers(Parameters):
    """Which of the followed offers to list."""

    state: Filter | None = None
    sub_state: Filter | None = None
    expiring_within: (
        Annotated[
            Days,
            Field(
                description="Offers that wait for acceptance and have to be accepted within so many calendar days in "
                "UTC, such as `14d`. `0d` is today."
            ),
        ]
        | None
    ) = None
    ending_within: (
        Annotated[Days, Field(description="Accepted offers that end within so many calendar days in UTC.")] | None
    ) = None
    limit: Annotated[int, WholeNumber(1, 1000)] = 100
    cursor: Cursor | None = None


class LastChange(TypedDict):
    """The newest change of an offer that was announced."""

    at: str
    type: str


class WatchedOffer(TypedDict):
    """A followed offer: upstream's object unchanged, and its last change; null if none was announced yet."""

    privateOffer: RawJson
    lastChange: LastChange | None


class WatchedOfferList(TypedDict):
    """A page of followed offers; `nextCursor` is null on the last one."""

    privateOffers: list[WatchedOffer]
    nextCursor: str | None


class OfferHistory(TypedDict):
    """What was announced of an offer, the newest first."""

    events: list[OfferChange]


@dataclass(frozen=True)
class WatchHandlers:
    """The handlers of what the watch has kept."""

    listing: WatchListing
    offer_calendar: Calendar

    @operation(parameters=ListWatchedOffers, answers={200: WatchedOfferList})
    def list(self, _: Request, query: ListWatchedOffers) -> Response:
        """List the private offers that are being followed, as they were last seen."""
        wanted = OfferFilter(
            state=query.state,
            sub_state=query.sub_state,
            expiring_within=None if query.expiring_within is None else int(query.expiring_within),
            ending_within=None if query.ending_within is None else int(query.ending_within),
        )
        page = self.listing.page(wanted, limit=query.limit, cursor=query.cursor)
        return json_response(
            WatchedOfferList(privateOffers=[_shown(offer) for offer in page.offers], nextCursor=page.next_cursor)
        )

    @operation(parameters=PrivateOfferPath, answers={200: OfferHistory}, problems=("offer-never-seen",))
    def history(self, _: Request, path: PrivateOfferPath) -> Response:
        """Tell what happened to a private offer and when, the newest first."""
        events = self.listing.history(path.private_offer_id)
        if events is None:
            raise ProblemError(
                HTTPStatus.NOT_FOUND, "offer-never-seen", "The watch has not seen a private offer with this id."
            )
        return json_response(OfferHistory(events=list(events)))

    @operation(answers={200: Text(CALENDAR_TYPE), 304: None})
    def calendar(self, request: Request) -> Response:
        """Read a calendar of accept-by and end dates, to subscribe to; 304 if `If-None-Match` names the same."""
        feed = self.offer_calendar.feed()
        etag = f'"{hashlib.sha256(feed).hexdigest()[:32]}"'
        headers = {"ETag": etag}
        if matches(request.headers.get("if-none-match"), etag):
            # A cache takes over the headers of a 304. Without a type, the host would add text/plain.
            return Response(HTTPStatus.NOT_MODIFIED, content_type=CALENDAR_TYPE, headers=headers)
        return Response(HTTPStatus.OK, feed, CALENDAR_TYPE, headers)


def _shown(offer: ListedOffer) -> WatchedOffer:
    last_change = None
    if offer.last_change_at is not None and offer.last_change_type is not None:
        last_change = LastChange(at=rfc3339(offer.last_change_at), type=offer.last_change_type)
    return WatchedOffer(privateOffer=RawJson(offer.body), lastChange=last_change)
