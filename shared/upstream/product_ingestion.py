"""Product Ingestion: the status of configure jobs, and private offers."""

import re
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from shared.json_codec import InvalidJson, elements, members, text_of
from shared.upstream.answers import Answer
from shared.upstream.errors import UpstreamUnreadable
from shared.upstream.job_status import JobStatus
from shared.upstream.private_offer_pages import Place, PrivateOfferPage, UpstreamPage, collect, read_page
from shared.upstream.transport import Transport, relative_url

if TYPE_CHECKING:
    from msgspec import Raw

PRODUCT_INGESTION = "Product Ingestion"
# No page is requested after this: Azure cuts an HTTP answer off after 230 seconds.
LISTING_SECONDS_MAX = 100.0
# A status is parsed whole, which takes many times its size in memory. Only the errors of a job make it long.
STATUS_MAX_BYTES = 4 * 1024 * 1024
PRIVATE_OFFER_PREFIX = "private-offer/"
# `private-offer`, `private-offer-mpo-originator` and the like, not `price-and-availability-private-offer-plan`.
_PRIVATE_OFFER_SCHEMA = re.compile(r"/schema/private-offer(?:-[a-z-]+)?/")


class ProductIngestion:
    """Reads jobs and private offers. Every method raises UpstreamError.

    `$version` is a ceiling: upstream sends each resource in its newest version up to that one.
    """

    def __init__(self, transport: Transport, *, status_version: str, offer_version: str) -> None:
        self._transport = transport
        self._status_query = {"$version": status_version}
        self._offer_query = {"$version": offer_version}
        self._first_page = relative_url("private-offer", "query", query=self._offer_query)

    def ensure_token(self) -> None:
        """Get a token unless there is one, so that no job is claimed in vain. Raises TokenUnavailable."""
        self._transport.ensure_token()

    def job_status(
        self,
        job_id: str,
        *,
        timeout_seconds: float | None = None,
        before_large: Callable[[], None] | None = None,
    ) -> JobStatus:
        """The status of a job, with exactly one request: at most one is allowed per job and minute.

        `before_large`: see `Transport.get_once`. The errors of a failed job may be long.
        """
        answer = self._transport.get_once(
            relative_url("configure", job_id, "status", query=self._status_query),
            timeout_seconds=timeout_seconds,
            before_large=before_large,
        )
        if len(answer.body) > STATUS_MAX_BYTES:
            raise answer.unreadable(f"the status has more than {STATUS_MAX_BYTES} bytes")
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
        """The private offer that a finished job created or changed, as upstream's bytes: a JSON object in UTF-8.

        None if the job's detail holds none. A failed job has no detail: upstream answers 404. The URL is built from
        the job id, because the job's `resourceUri` names another host, which must not see the token. `before_large`:
        see `Transport.get`.
        """
        answer = self._transport.get(
            relative_url("configure", job_id, query=self._offer_query),
            timeout_seconds=timeout_seconds,
            before_large=before_large,
        )
        return private_offer_in(answer, job_id)

    def private_offer(
        self,
        private_offer_id: str,
        *,
        timeout_seconds: float | None = None,
        before_large: Callable[[], None] | None = None,
    ) -> Answer:
        """One private offer, as upstream sent it. The id may begin with `private-offer/`.

        `before_large`: see `Transport.get`.
        """
        bare_id = private_offer_id.removeprefix(PRIVATE_OFFER_PREFIX)
        answer = self._transport.get(
            relative_url("private-offer", bare_id, query=self._offer_query),
            timeout_seconds=timeout_seconds,
            before_large=before_large,
        )
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
        """Up to `limit` private offers that match in any case, and fewer after LISTING_SECONDS_MAX.

        Raises InvalidCursor too.
        """
        ends_at = time.monotonic() + LISTING_SECONDS_MAX
        wanted = {"state": state, "subState": sub_state, "privateOfferType": private_offer_type}
        return collect(
            self._transport.get,
            base_url=self._transport.base_url,
            first_page=self._first_page,
            cursor=cursor,
            limit=limit,
            wanted={name: value for name, value in wanted.items() if value is not None},
            has_time=lambda: time.monotonic() < ends_at,
        )

    def listed_private_offers(
        self, place: Place | None = None, *, timeout_seconds: float | None = None
    ) -> UpstreamPage:
        """One page of upstream's list, the first or the one at `place`."""
        place = place or Place.first(self._first_page)
        return read_page(
            self._transport.get(place.page, timeout_seconds=timeout_seconds), place, self._transport.base_url
        )

    def close(self) -> None:
        """Close idle connections. Another request opens new ones."""
        self._transport.close()


def private_offer_in(answer: Answer, job_id: str) -> bytes | None:
    """The private offer in the detail of a job, recognised by its id or else by its schema; None if there is none.

    It is not parsed, and returned as upstream's bytes. The detail either has an array of resources, in which others
    may come first, or is a bare object, as in the documentation. Raises UpstreamUnreadable, also for the detail of
    another job.
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
    """The resources that are objects. A single object counts as a list of one."""
    found = elements(resources) if _starts_with(resources, b"[") else [resources]
    return [resource for resource in found if _starts_with(resource, b"{")]


def _offer_among(resources: "Iterable[Raw]") -> bytes | None:
    by_schema: Raw | None = None
    for resource in resources:
        found = members(resource, "id", "$schema")
        if _has_offer_id(found):
            return bytes(resource)
        if by_schema is None and _has_offer_schema(found):
            by_schema = resource
    return None if by_schema is None else bytes(by_schema)


def _has_offer_id(found: "dict[str, Raw]") -> bool:
    return (text_of(found.get("id")) or "").strip().casefold().startswith(PRIVATE_OFFER_PREFIX)


def _has_offer_schema(found: "dict[str, Raw]") -> bool:
    # Samples have spaces before the URL and inside it.
    return bool(_PRIVATE_OFFER_SCHEMA.search("".join((text_of(found.get("$schema")) or "").split()).casefold()))


def _starts_with(data: "Raw", start: bytes) -> bool:
    return bytes(memoryview(data)[:1]) == start
