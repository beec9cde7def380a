"""The private offer in the detail of a finished job: found without parsing it, and kept as the bytes that came."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.json_codec import InvalidJson, elements, members, text_of
from shared.upstream.answers import Answer

if TYPE_CHECKING:
    from msgspec import Raw
import time
from collections.abc import Callable

from shared.upstream.errors import UpstreamUnreadable
from shared.upstream.job_status import JobStatus
from shared.upstream.private_offer_pages import PrivateOfferPage, collect
from shared.upstream.transport import Transport
from shared.upstream.urls import relative_url

PRIVATE_OFFER_PREFIX = "private-offer/"
# `private-offer`, `private-offer-mpo-originator` and the like, not `price-and-availability-private-offer-plan`.
_PRIVATE_OFFER_SCHEMA = re.compile(r"/schema/private-offer(?:-[a-z-]+)?/")


def private_offer_in(answer: Answer, job_id: str) -> bytes | None:
    """The private offer among the resources of the job, recognised by its id or else its schema; None without one.

    A detail wraps its resources in an array, or is the one bare object that the documentation shows. Resources of
    other kinds may come first. Raises UpstreamUnreadable, also for the detail of another job.
    """
    detail = answer.members("jobId", "jobID", "resources", "id", "$schema")
    for name in ("jobId", "jobID"):
        answer.check_about(name, job_id)
    if "resources" not in detail:
        offer = _has_offer_id(detail) or _has_offer_schema(detail)
        return answer.body.strip() if offer else None
    try:
        return _offer_among(_objects_in(detail["resources"]))
    except InvalidJson as error:
        raise answer.unreadable("its resources cannot be read") from error


def _objects_in(resources: "Raw") -> "list[Raw]":
    """The resources that are objects; one object alone counts as a list of it."""
    found = elements(resources) if _starts_with(resources, b"[") else [resources]
    return [resource for resource in found if _starts_with(resource, b"{")]


def _offer_among(resources: "Iterable[Raw]") -> bytes | None:
    by_schema: Raw | None = None
    for resource in resources:
        told_by = members(resource, "id", "$schema")
        if _has_offer_id(told_by):
            return bytes(resource)
        if by_schema is None and _has_offer_schema(told_by):
            by_schema = resource
    return None if by_schema is None else bytes(by_schema)


def _has_offer_id(found: "dict[str, Raw]") -> bool:
    return (text_of(found.get("id")) or "").strip().casefold().startswith(PRIVATE_OFFER_PREFIX)


def _has_offer_schema(found: "dict[str, Raw]") -> bool:
    # Samples have spaces before the URL and inside it.
    return bool(_PRIVATE_OFFER_SCHEMA.search("".join((text_of(found.get("$schema")) or "").split()).casefold()))


def _starts_with(data: "Raw", start: bytes) -> bool:
    return bytes(memoryview(data)[:1]) == start


PRODUCT_INGESTION = "Product Ingestion"
# No page is begun after this: Azure cuts an HTTP answer off after 230 seconds.
LISTING_SECONDS_MAX = 100.0
# A status is parsed whole, which takes many times its size in memory. Only a job's errors make it long.
STATUS_MAX_BYTES = 4 * 1024 * 1024


class ProductIngestion:
    """Asks about jobs and private offers. Every method raises UpstreamError.

    `$version` is a ceiling: each resource comes in its newest version that is not newer.
    """

    def __init__(self, transport: Transport, *, status_version: str, offer_version: str) -> None:
        self._transport = transport
        self._status_query = {"$version": status_version}
        self._offer_query = {"$version": offer_version}

    def ensure_token(self) -> None:
        """Get a token now if there is none, so that no job is claimed without one. Raises TokenUnavailable."""
        self._transport.ensure_token()

    def job_status(
        self,
        job_id: str,
        *,
        timeout_seconds: float | None = None,
        before_large: Callable[[], None] | None = None,
    ) -> JobStatus:
        """Ask once how a job stands: one request, whatever comes of it, since a job may be asked once a minute.

        `before_large`: see `Transport.get_once`; a job that failed may have long errors.
        """
        answer = self._transport.get_once(
            relative_url("configure", job_id, "status", query=self._status_query),
            timeout_seconds=timeout_seconds,
            before_large=before_large,
        )
        if len(answer.body) > STATUS_MAX_BYTES:
            raise answer.unreadable(f"a status of more than {STATUS_MAX_BYTES} bytes")
        try:
            return JobStatus.from_json(answer.json(), job_id)
        except UpstreamUnreadable as error:
            error.status, error.request_id = answer.status, answer.request_id
            raise

    def job_offer(
        self,
        job_id: str,
        *,
        timeout_seconds: float | None = None,
        before_large: Callable[[], None] | None = None,
    ) -> bytes | None:
        """The private offer that a finished job made or changed, one JSON object as the bytes that came (UTF-8); None
        if the job's detail holds none. A failed job has no detail: upstream answers 404.

        The URL is built from the job id. The job's `resourceUri` names another host, which must not see the token.
        `before_large`: see `Transport.get`.
        """
        answer = self._transport.get(
            relative_url("configure", job_id, query=self._offer_query),
            timeout_seconds=timeout_seconds,
            before_large=before_large,
        )
        return private_offer_in(answer, job_id)

    def private_offer(self, private_offer_id: str) -> Answer:
        """One private offer as upstream sent it; the id with or without `private-offer/` in front."""
        bare_id = private_offer_id.removeprefix(PRIVATE_OFFER_PREFIX)
        answer = self._transport.get(relative_url("private-offer", bare_id, query=self._offer_query))
        answer.check_about("id", bare_id, PRIVATE_OFFER_PREFIX)
        return answer

    def private_offers(
        self,
        limit: int,
        *,
        state: str | None = None,
        sub_state: str | None = None,
        private_offer_type: str | None = None,
        cursor: str | None = None,
    ) -> PrivateOfferPage:
        """Up to `limit` private offers that match, compared without case; fewer after LISTING_SECONDS_MAX.

        Raises InvalidCursor as well.
        """
        ends_at = time.monotonic() + LISTING_SECONDS_MAX
        wanted = {"state": state, "subState": sub_state, "privateOfferType": private_offer_type}
        return collect(
            self._transport.get,
            base_url=self._transport.base_url,
            first_page=relative_url("private-offer", "query", query=self._offer_query),
            cursor=cursor,
            limit=limit,
            wanted={name: value for name, value in wanted.items() if value is not None},
            has_time=lambda: time.monotonic() < ends_at,
        )

    def close(self) -> None:
        """Close the kept connections."""
        self._transport.close()
