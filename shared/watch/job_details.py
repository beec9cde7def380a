"""Which offers the jobs have changed that have not finished here yet.

Upstream shows a job's change to an offer before the next tick has asked for the job's status. What `job.succeeded`
will tell is not told by the watch too. So when it finds news of an offer, it asks for the details of such jobs. That
is not a status request: those keep their distance of a minute (promise 1 in docs/promises.md).
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from threading import Lock

from shared.clock import Clock
from shared.log import InvocationThreadPool
from shared.upstream.errors import UpstreamError, UpstreamNotFound, UpstreamRejectedRequest
from shared.upstream.product_ingestion import ProductIngestion
from shared.watch.comparing import JobDetail
from shared.watch.offer import InvalidOffer, watched_offer
from shared.watch.reading import READING_THREADS, RequestTime, ends_the_run

JOBS_AT_MOST = 150
REQUESTS_AT_MOST = 300
# A detail beyond these is read again when it is needed.
KEPT_BYTES = 2 * 1024 * 1024
_log = logging.getLogger("offer_monitor.watch")


class DetailsUnknown(Exception):
    """Not every job could be asked. `error` is why upstream takes no more requests; None if there is no time left."""

    def __init__(self, error: UpstreamError | None) -> None:
        super().__init__("the details of jobs are not known")
        self.error = error


@dataclass(frozen=True)
class _Ended:
    """A job that has ended: the id of its offer, None if there is none; and the detail, unless it is too large."""

    offer_id: str | None = None
    detail: JobDetail | None = None


@dataclass
class JobDetails:
    """The details of one run. `unfinished` gives the ids of at most so many jobs, the likeliest first."""

    upstream: ProductIngestion
    unfinished: Callable[[int], Sequence[str]]
    clock: Clock
    request_time: RequestTime
    requests: int = field(default=0, init=False)
    _ended: dict[str, _Ended] = field(default_factory=dict, init=False)
    _asked_at: datetime | None = field(default=None, init=False)
    _incomplete: bool = field(default=False, init=False)
    _failed: bool = field(default=False, init=False)
    _error: UpstreamError | None = field(default=None, init=False)
    _kept_bytes: int = field(default=0, init=False)
    _keeping: Lock = field(default_factory=Lock, init=False)
    _large: Lock = field(default_factory=Lock, init=False)

    def about(self, offer_id: str, read_at: datetime, *, may_wait: bool, may_try_again: bool) -> list[JobDetail]:
        """The details of this offer, of jobs that had ended when it was read.

        Raises DetailsUnknown if upstream takes no more requests; if there was no time for all of them and the offer
        `may_wait` for the next run; and if a request failed and `may_try_again` then. Raises StorageError.
        """
        if self._asked_at is None or self._asked_at < read_at:
            self._ask()
        about = {job_id: ended for job_id, ended in self._ended.items() if ended.offer_id == offer_id}
        details = [ended.detail or self._read(job_id)[1] for job_id, ended in about.items()]
        if self._error is not None or (self._incomplete and may_wait) or (self._failed and may_try_again):
            raise DetailsUnknown(self._error)
        return [detail for detail in details if detail is not None]

    def _ask(self) -> None:
        """Ask for the details that have not been found yet."""
        now = self.clock.now()
        job_ids = [job_id for job_id in self.unfinished(JOBS_AT_MOST) if job_id not in self._ended]
        # Those that were registered first have changed their offers first.
        job_ids = job_ids[: REQUESTS_AT_MOST - self.requests][::-1]
        self.requests += len(job_ids)
        self._asked_at, self._incomplete, self._failed = now, False, False
        if not job_ids:
            return
        with InvocationThreadPool(READING_THREADS, thread_name_prefix="detail") as pool:
            for job_id, ended in zip(job_ids, pool.map(self._look, job_ids), strict=True):
                if ended is not None:
                    self._ended[job_id] = ended

    def _look(self, job_id: str) -> _Ended | None:
        """What to keep of the job's detail; None if it has not ended."""
        ended, detail = self._read(job_id)
        if detail is None:
            return _Ended() if ended else None
        with self._keeping:
            fits = self._kept_bytes + len(detail.offer.body) <= KEPT_BYTES
            self._kept_bytes += len(detail.offer.body) if fits else 0
        return _Ended(detail.offer.id, detail if fits else None)

    def _read(self, job_id: str) -> tuple[bool, JobDetail | None]:
        """Whether the job has ended, and its detail if there is an offer in it."""
        if self._error is not None or not self.request_time.is_left():
            self._incomplete = True
            return False, None
        try:
            # Only one large answer is read at a time.
            with ExitStack() as held:
                offer = self.upstream.job_offer(
                    job_id,
                    timeout_seconds=self.request_time.timeout_seconds(),
                    before_large=partial(_hold, held, self._large),
                )
            return True, None if offer is None else JobDetail(job_id, watched_offer(offer))
        except (UpstreamNotFound, UpstreamRejectedRequest):
            return False, None  # it has not ended, or has failed
        except UpstreamError as error:
            if ends_the_run(error):
                self._error = error
            self._incomplete = self._incomplete or self._error is not None or not self.request_time.is_left()
            if not self._incomplete:
                self._failed = True
                _log.warning("the detail of job %s cannot be read: %s", job_id, error)
            return False, None
        except InvalidOffer as error:
            _log.warning("the offer in the detail of job %s cannot be followed: %s", job_id, error)
            return True, None


def _hold(held: ExitStack, lock: Lock) -> None:
    held.enter_context(lock)
