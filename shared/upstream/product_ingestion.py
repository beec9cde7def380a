"""Product Ingestion: configure jobs and private offers."""

import time
from collections.abc import Callable

from shared.upstream.answer import Answer
from shared.upstream.errors import UpstreamUnreadable
from shared.upstream.job_detail import PRIVATE_OFFER_PREFIX, private_offer_in
from shared.upstream.job_status import JobStatus
from shared.upstream.private_offer_pages import PrivateOfferPage, collect
from shared.upstream.transport import Transport
from shared.upstream.urls import relative_url

PRODUCT_INGESTION = "Product Ingestion"
# No page is begun after this: Azure cuts an HTTP answer off after 230 seconds.
LISTING_SECONDS_MAX = 100.0


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
