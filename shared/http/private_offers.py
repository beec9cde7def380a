"""`/private-offers`: upstream's private offers, unchanged."""

import re
from dataclasses import dataclass
from http import HTTPStatus

from shared import identifiers
from shared.http.exchange import JSON_TYPE, Request, Response, json_response, unchanged_json
from shared.http.parameters import Parameters, takes_parameters
from shared.http.problems import invalid_request
from shared.json_codec import RawJson
from shared.models.responses import PrivateOfferList
from shared.upstream.private_offer_pages import CURSOR_MAX_CHARACTERS, InvalidCursor
from shared.upstream.product_ingestion import ProductIngestion

DEFAULT_LIMIT = 100
HIGHEST_LIMIT = 1000
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True)
class PrivateOfferHandlers:
    """The handlers of `/private-offers`."""

    upstream: ProductIngestion

    def read(self, request: Request) -> Response:
        """GET /private-offers/{privateOfferId}: with the offer's own eTag as ETag, so that it can be asked for again
        at the price of a comparison."""
        offer_id = identifiers.private_offer_id(request.route["privateOfferId"])
        answer = self.upstream.private_offer(offer_id)
        headers = {"ETag": answer.etag} if answer.etag is not None else {}
        if answer.etag is not None and matches(request.headers.get("if-none-match"), answer.etag):
            # A cache takes over the headers of a 304: without a type of its own it would be text/plain.
            return Response(HTTPStatus.NOT_MODIFIED, content_type=JSON_TYPE, headers=headers)
        return unchanged_json(answer.body, headers)

    @takes_parameters
    def list(self, request: Request) -> Response:
        """GET /private-offers."""
        parameters = Parameters(request.query, known={"state", "subState", "privateOfferType", "limit", "cursor"})
        limit = parameters.limit(DEFAULT_LIMIT, HIGHEST_LIMIT)
        state, sub_state = parameters.text("state"), parameters.text("subState")
        private_offer_type = parameters.text("privateOfferType")
        cursor = parameters.text("cursor", longest=CURSOR_MAX_CHARACTERS)
        parameters.check()
        try:
            page = self.upstream.private_offers(
                limit, state=state, sub_state=sub_state, private_offer_type=private_offer_type, cursor=cursor
            )
        except InvalidCursor as error:
            raise invalid_request([f"cursor: {error}"]) from error
        return json_response(
            PrivateOfferList(privateOffers=[RawJson(offer) for offer in page.offers], nextCursor=page.next_cursor)
        )


def matches(if_none_match: str | None, etag: str) -> bool:
    """RFC 9110, 13.1.2: a list of entity tags or `*`, compared weakly."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in _ENTITY_TAG.findall(if_none_match)
