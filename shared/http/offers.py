"""`/private-offers`: upstream's private offers, unchanged."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TypedDict

from shared import identifiers
from shared.http.jobs import private_offer_of_job
from shared.http.messages import JSON_TYPE, Request, Response, json_response, unchanged_json
from shared.http.problems import Problem, ProblemError, invalid_request, problem_of
from shared.http.reading import Parameters, takes_parameters
from shared.json_codec import RawJson
from shared.log import InvocationThreadPool
from shared.polling.job_offers import JobOffers
from shared.upstream.cloud_partner_portal import SLOTS, CloudPartnerPortal
from shared.upstream.private_offer_pages import CURSOR_MAX_CHARACTERS, InvalidCursor
from shared.upstream.product_ingestion import ProductIngestion

DEFAULT_LIMIT = 100
HIGHEST_LIMIT = 1000
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


class PrivateOfferList(TypedDict):
    """A page of private offers, each upstream's object unchanged."""

    privateOffers: list[RawJson]
    nextCursor: str | None


class OfferDetails(TypedDict):
    """Both kinds of offer in one answer; a part that was not asked for or could not be had is null."""

    privateOffer: RawJson | None
    cppOffer: RawJson | None
    problems: list[Problem]


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


HIGHEST_VERSION = 2**63 - 1


@dataclass(frozen=True)
class CppOfferHandlers:
    """The handlers of `/cpp`."""

    upstream: CloudPartnerPortal

    @takes_parameters
    def read(self, request: Request) -> Response:
        """GET /cpp/publishers/{publisherId}/offers/{offerId}: the draft unless a slot or a version is asked for."""
        parameters = Parameters(request.query, known={"slot", "version"})
        publisher_id, offer_id = _ids(request, parameters)
        slot, version = slot_or_version(parameters)
        parameters.check()
        return unchanged_json(self.upstream.offer(publisher_id, offer_id, slot=slot, version=version).body)

    def list(self, request: Request) -> Response:
        """GET /cpp/publishers/{publisherId}/offers."""
        return unchanged_json(self.upstream.offers(identifiers.publisher_id(request.route["publisherId"])).body)

    def status(self, request: Request) -> Response:
        """GET /cpp/publishers/{publisherId}/offers/{offerId}/status."""
        parameters = Parameters({}, known=())
        publisher_id, offer_id = _ids(request, parameters)
        parameters.check()
        return unchanged_json(self.upstream.offer_status(publisher_id, offer_id).body)


def _ids(request: Request, parameters: Parameters) -> tuple[str, str]:
    """Publisher and offer; what is wrong with either is among the parameters' faults."""
    publisher_id = parameters.checked_id(request.route["publisherId"], identifiers.publisher_id)
    return publisher_id, parameters.checked_id(request.route["offerId"], identifiers.offer_id)


def slot_or_version(parameters: Parameters) -> tuple[str | None, int | None]:
    """Which state of an offer is asked for; both at once is a fault."""
    slot = parameters.choice("slot", SLOTS)
    version = parameters.whole_number("version", None, lowest=0, highest=HIGHEST_VERSION)
    if slot is not None and version is not None:
        parameters.fault("slot and version exclude each other")
    return slot, version


type Fetch = Callable[[], bytes]


@dataclass(frozen=True)
class OfferDetailHandlers:
    """The handler of `/offer-details`."""

    product_ingestion: ProductIngestion
    cloud_partner_portal: CloudPartnerPortal
    job_offers: JobOffers

    @takes_parameters
    def read(self, request: Request) -> Response:
        """GET /offer-details: 200 if at least one part came, else the first problem's answer."""
        fetch_private_offer, fetch_cpp_offer = self._asked_for(request)
        fetches = [fetch for fetch in (fetch_private_offer, fetch_cpp_offer) if fetch is not None]
        with InvocationThreadPool(len(fetches)) as side_by_side:
            results = dict(zip(fetches, side_by_side.map(_fetched, fetches), strict=True))
        problems = [result for result in results.values() if isinstance(result, ProblemError)]
        if len(problems) == len(results):
            raise problems[0]

        def part(fetch: Fetch | None) -> RawJson | None:
            result = None if fetch is None else results[fetch]
            return RawJson(result) if isinstance(result, bytes) else None

        details = OfferDetails(
            privateOffer=part(fetch_private_offer),
            cppOffer=part(fetch_cpp_offer),
            problems=[error.problem for error in problems],
        )
        return json_response(details, HTTPStatus.OK)

    def _asked_for(self, request: Request) -> tuple[Fetch | None, Fetch | None]:
        known = {"privateOfferId", "jobId", "publisherId", "offerId", "slot", "version"}
        parameters = Parameters(request.query, known=known)
        private_offer_id = parameters.identifier(
            "privateOfferId", partial(identifiers.private_offer_id, prefix_allowed=True)
        )
        job_id = parameters.identifier("jobId", identifiers.job_id)
        publisher_id = parameters.identifier("publisherId", identifiers.publisher_id)
        offer_id = parameters.identifier("offerId", identifiers.offer_id)
        slot, version = slot_or_version(parameters)
        given = request.query.keys()
        if {"privateOfferId", "jobId"} <= given:
            parameters.fault("privateOfferId and jobId exclude each other")
        if ("publisherId" in given) != ("offerId" in given):
            parameters.fault("publisherId and offerId belong together")
        if given & {"slot", "version"} and "offerId" not in given:
            parameters.fault("slot and version belong to publisherId and offerId")
        if not given & {"privateOfferId", "jobId", "publisherId", "offerId"}:
            parameters.fault("privateOfferId or jobId, or publisherId and offerId, should be given")
        parameters.check()

        private_offer: Fetch | None = None
        if private_offer_id is not None:
            private_offer = partial(self._private_offer, private_offer_id)
        elif job_id is not None:
            private_offer = partial(private_offer_of_job, self.job_offers, job_id)
        cpp_offer: Fetch | None = None
        if publisher_id is not None and offer_id is not None:
            cpp_offer = partial(self._cpp_offer, publisher_id, offer_id, slot, version)
        return private_offer, cpp_offer

    def _private_offer(self, private_offer_id: str) -> bytes:
        return self.product_ingestion.private_offer(private_offer_id).body

    def _cpp_offer(self, publisher_id: str, offer_id: str, slot: str | None, version: int | None) -> bytes:
        return self.cloud_partner_portal.offer(publisher_id, offer_id, slot=slot, version=version).body


def _fetched(fetch: Fetch) -> bytes | ProblemError:
    try:
        return fetch()
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        return problem
