"""`/offer-details`: a private offer and a CPP offer in one answer, fetched side by side."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from shared import identifiers
from shared.http.cpp_offers import slot_or_version
from shared.http.exchange import Request, Response, json_response
from shared.http.jobs import private_offer_of_job
from shared.http.parameters import Parameters, takes_parameters
from shared.http.problems import ProblemError, problem_of
from shared.jobs.job_offers import JobOffers
from shared.json_codec import RawJson
from shared.models.responses import OfferDetails
from shared.threads import InvocationThreadPool
from shared.upstream.cloud_partner_portal import CloudPartnerPortal
from shared.upstream.product_ingestion import ProductIngestion

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
