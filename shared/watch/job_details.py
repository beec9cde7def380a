"""Which offers the jobs have changed that have not finished here yet.

Upstream shows a job's change to an offer before the next tick has asked for the job's status. What `job.succeeded`
will tell is not told by the watch too. So when it finds an offer that is new or changed, it asks for the detail of
such jobs. That is not a status request: those keep their distance of a minute
(promise 1 in docs/promises.md).
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.clock import Clock
from shared.log import InvocationThreadPool
from shared.upstream.errors import UpstreamError, UpstreamNotFound, UpstreamRejectedRequest
from shared.upstream.product_ingestion import ProductIngestion
from shared.watch.comparing import JobDetail
from shared.watch.offer import InvalidOffer, watched_offer
from shared.watch.reading import READING_THREADS, RequestTime, ends_the_run

# Those that were registered last first.
JOBS_AT_ONCE = 50
REQUESTS_AT_MOST = 150
_log = logging.getLogger("offer_monitor.watch")


@dataclass
class JobDetails:
    """The details of one run. `unfinished` gives the ids of at most so many jobs, the likeliest first."""

    upstream: ProductIngestion
    unfinished: Callable[[int], Sequence[str]]
    clock: Clock
    request_time: RequestTime
    requests: int = field(default=0, init=False)
    _found: dict[str, JobDetail | None] = field(default_factory=dict, init=False)
    _asked_at: datetime | None = field(default=None, init=False)

    def about(self, offer_id: str, read_at: datetime) -> list[JobDetail]:
        """The details of this offer, of jobs that had ended when it was read. Raises StorageError."""
        if self._asked_at is None or self._asked_at < read_at:
            self._ask()
        return [detail for detail in self._found.values() if detail is not None and detail.offer.id == offer_id]

    def _ask(self) -> None:
        """Ask for the details that have not been found yet."""
        now = self.clock.now()
        job_ids = [job_id for job_id in self.unfinished(JOBS_AT_ONCE) if job_id not in self._found]
        job_ids = job_ids[: REQUESTS_AT_MOST - self.requests]
        self._asked_at = now
        if not job_ids or not self.request_time.is_left():
            return
        self.requests += len(job_ids)
        with InvocationThreadPool(READING_THREADS, thread_name_prefix="detail") as pool:
            # Those that were registered first have changed their offers first.
            for job_id, (ended, detail) in reversed(list(zip(job_ids, pool.map(self._detail, job_ids), strict=True))):
                if ended:
                    self._found[job_id] = detail

    def _detail(self, job_id: str) -> tuple[bool, JobDetail | None]:
        """Whether the job has ended, and its detail if there is an offer in it."""
        if not self.request_time.is_left():
            return False, None
        try:
            offer = self.upstream.job_offer(job_id, timeout_seconds=self.request_time.timeout_seconds())
            return True, None if offer is None else JobDetail(job_id, watched_offer(offer))
        except (UpstreamNotFound, UpstreamRejectedRequest):
            return False, None  # it has not ended, or has failed
        except UpstreamError as error:
            if not ends_the_run(error):
                _log.warning("the detail of job %s cannot be read: %s", job_id, error)
            return False, None
        except InvalidOffer as error:
            _log.warning("the offer in the detail of job %s cannot be followed: %s", job_id, error)
            return True, None
