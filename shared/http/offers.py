"""`/private-offers`, `/cpp` and `/offer-details`: upstream's offers, unchanged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Literal, NotRequired, TypedDict

from shared.http.jobs import private_offer_of_job
from shared.http.messages import JSON_TYPE, Request, Response, json_response, matches, unchanged_json
from shared.http.offer_models import (
    CompareCppOffer,
    CppOfferPath,
    GetCppOffer,
    GetOfferDetails,
    ListPrivateOffers,
    PrivateOfferPath,
    PublisherPath,
)
from shared.http.operations import operation
from shared.http.problems import (
    OF_A_JOBS_OFFER,
    OF_CLOUD_PARTNER_PORTAL,
    OF_PRODUCT_INGESTION,
    Problem,
    ProblemError,
    problem_of,
    upstream_problem,
)
from shared.json_codec import InvalidJson, RawJson
from shared.log import InvocationThreadPool
from shared.polling.job_offers import JobOffers
from shared.upstream.cloud_partner_portal import CLOUD_PARTNER_PORTAL, CloudPartnerPortal
from shared.upstream.cpp_diff import Change, offer_diff
from shared.upstream.errors import UpstreamNotFound
from shared.upstream.product_ingestion import ProductIngestion


class PrivateOfferList(TypedDict):
    """A page of private offers, each upstream's object unchanged; `nextCursor` is null on the last one."""

    privateOffers: list[RawJson]
    nextCursor: str | None


class OfferDetails(TypedDict):
    """Both kinds of offer in one answer. A part that was not asked for, or is unavailable, is null."""

    privateOffer: RawJson | None
    cppOffer: RawJson | None
    problems: list[Problem]


OfferDiff = TypedDict(
    "OfferDiff", {"from": str, "to": str, "changes": list[Change], "moreChanges": NotRequired[Literal[True]]}
)
OfferDiff.__doc__ = """The changes from one state of a CPP offer to another; `moreChanges` if some are left out."""


@dataclass(frozen=True)
class PrivateOfferHandlers:
    """The handlers of `/private-offers`."""

    upstream: ProductIngestion

    @operation(parameters=PrivateOfferPath, answers={200: RawJson, 304: None}, problems=OF_PRODUCT_INGESTION)
    def read(self, request: Request, path: PrivateOfferPath) -> Response:
        """Read a private offer from Product Ingestion, with its eTag as `ETag`, which `If-None-Match` may name."""
        answer = self.upstream.private_offer(path.private_offer_id)
        headers = {"ETag": answer.etag} if answer.etag is not None else {}
        if answer.etag is not None and matches(request.headers.get("if-none-match"), answer.etag):
            # A cache takes over the headers of a 304. Without a type, the host would add text/plain.
            return Response(HTTPStatus.NOT_MODIFIED, content_type=JSON_TYPE, headers=headers)
        return unchanged_json(answer.body, headers)

    @operation(
        parameters=ListPrivateOffers,
        answers={200: PrivateOfferList},
        problems=OF_PRODUCT_INGESTION,
    )
    def list(self, _: Request, query: ListPrivateOffers) -> Response:
        """List the account's private offers."""
        page = self.upstream.private_offers(
            query.limit,
            state=query.state,
            sub_state=query.sub_state,
            private_offer_type=query.private_offer_type,
            cursor=query.cursor,
        )
        return json_response(
            PrivateOfferList(privateOffers=[RawJson(offer) for offer in page.offers], nextCursor=page.next_cursor)
        )


@dataclass(frozen=True)
class CppOfferHandlers:
    """The handlers of `/cpp`."""

    upstream: CloudPartnerPortal

    @operation(parameters=GetCppOffer, answers={200: RawJson}, problems=OF_CLOUD_PARTNER_PORTAL)
    def read(self, _: Request, asked: GetCppOffer) -> Response:
        """Read an offer from the Cloud Partner Portal: its draft, a slot, or a version."""
        return unchanged_json(
            _cpp_offer(self.upstream, asked.publisher_id, asked.offer_id, asked.slot, asked.version)
        )

    @operation(parameters=PublisherPath, answers={200: list[RawJson]}, problems=OF_CLOUD_PARTNER_PORTAL)
    def list(self, _: Request, path: PublisherPath) -> Response:
        """List a publisher's offers in the Cloud Partner Portal."""
        return unchanged_json(self.upstream.offers(path.publisher_id).body)

    @operation(parameters=CppOfferPath, answers={200: RawJson}, problems=OF_CLOUD_PARTNER_PORTAL)
    def status(self, _: Request, path: CppOfferPath) -> Response:
        """Read how the publishing of an offer is going, step by step."""
        return unchanged_json(self.upstream.offer_status(path.publisher_id, path.offer_id).body)

    @operation(parameters=CompareCppOffer, answers={200: OfferDiff}, problems=OF_CLOUD_PARTNER_PORTAL)
    def diff(self, _: Request, asked: CompareCppOffer) -> Response:
        """Compare two states of an offer: what would change if `to` were published over `from`."""
        states = (asked.from_, asked.to)
        with InvocationThreadPool(len(states)) as side_by_side:
            before, after = side_by_side.map(partial(self._in_state, asked), states)
        if isinstance(before, UpstreamNotFound) or isinstance(after, UpstreamNotFound):
            raise _states_not_found(dict(zip(states, (before, after), strict=True)))
        try:
            diff = offer_diff(before, after)
        except InvalidJson as error:
            detail = f"{CLOUD_PARTNER_PORTAL} gave an offer that cannot be compared: {error}."
            raise ProblemError(HTTPStatus.BAD_GATEWAY, "upstream-failed", detail) from error
        answer = OfferDiff({"from": asked.from_, "to": asked.to, "changes": diff.changes})
        if diff.more_changes:
            answer["moreChanges"] = True
        return json_response(answer)

    def _in_state(self, path: CppOfferPath, state: str) -> bytes | UpstreamNotFound:
        slot, _, version = state.partition(":")
        try:
            if version:
                return _cpp_offer(self.upstream, path.publisher_id, path.offer_id, None, int(version))
            return _cpp_offer(self.upstream, path.publisher_id, path.offer_id, slot, None)
        except UpstreamNotFound as error:
            return error


def _states_not_found(states: Mapping[str, bytes | UpstreamNotFound]) -> ProblemError:
    missing = {state: error for state, error in states.items() if isinstance(error, UpstreamNotFound)}
    problem = upstream_problem(next(iter(missing.values())))
    problem.problem["detail"] = (
        f"Upstream does not have the offer's {' or '.join(missing)} state. {problem.problem['detail']}"
    )
    return problem


type Fetch = Callable[[], bytes]


@dataclass(frozen=True)
class OfferDetailHandlers:
    """The handler of `/offer-details`."""

    product_ingestion: ProductIngestion
    cloud_partner_portal: CloudPartnerPortal
    job_offers: JobOffers

    @operation(
        parameters=GetOfferDetails,
        answers={200: OfferDetails},
        problems=(*OF_A_JOBS_OFFER, *OF_CLOUD_PARTNER_PORTAL),
    )
    def read(self, _: Request, query: GetOfferDetails) -> Response:
        """Read a private offer and a CPP offer in one call: 200 if at least one came, else the first problem."""
        private_offer, cpp_offer = self._private_offer(query), self._cpp_offer(query)
        fetches = [fetch for fetch in (private_offer, cpp_offer) if fetch is not None]
        with InvocationThreadPool(len(fetches)) as side_by_side:
            results = dict(zip(fetches, side_by_side.map(_fetched, fetches), strict=True))
        problems = [result for result in results.values() if isinstance(result, ProblemError)]
        if len(problems) == len(results):
            raise problems[0]

        def part(fetch: Fetch | None) -> RawJson | None:
            result = None if fetch is None else results[fetch]
            return RawJson(result) if isinstance(result, bytes) else None

        return json_response(
            OfferDetails(
                privateOffer=part(private_offer),
                cppOffer=part(cpp_offer),
                problems=[error.problem for error in problems],
            )
        )

    def _private_offer(self, query: GetOfferDetails) -> Fetch | None:
        if query.private_offer_id is not None:
            offer_id = query.private_offer_id
            return lambda: self.product_ingestion.private_offer(offer_id).body
        return None if query.job_id is None else partial(private_offer_of_job, self.job_offers, query.job_id)

    def _cpp_offer(self, query: GetOfferDetails) -> Fetch | None:
        if query.publisher_id is None or query.offer_id is None:
            return None
        return partial(
            _cpp_offer, self.cloud_partner_portal, query.publisher_id, query.offer_id, query.slot, query.version
        )


def _cpp_offer(
    upstream: CloudPartnerPortal, publisher_id: str, offer_id: str, slot: str | None, version: int | None
) -> bytes:
    return upstream.offer(publisher_id, offer_id, slot=slot, version=version).body


def _fetched(fetch: Fetch) -> bytes | ProblemError:
    try:
        return fetch()
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        return problem
