"""Reads single offers from upstream: a few at a time, large ones one after the other, and never too late in a run."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched
from threading import BoundedSemaphore, Event

from shared.clock import Clock
from shared.log import InvocationThreadPool
from shared.upstream.errors import CredentialRefused, UpstreamError, UpstreamThrottled, UpstreamTimeout
from shared.upstream.product_ingestion import PRODUCT_INGESTION, ProductIngestion

READING_THREADS = 4
# Their answers are in memory at once, except for large ones.
READ_AT_ONCE = 32
SHORTEST_TIMEOUT_SECONDS = 1.0


@dataclass(frozen=True)
class RequestTime:
    """When a run may send requests: the first until `first_until_seconds` into it, and no answer is awaited after
    `answers_until_seconds`."""

    first_until_seconds: float
    answers_until_seconds: float
    monotonic: Callable[[], float] = time.monotonic
    began: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "began", self.monotonic())

    def is_left(self) -> bool:
        """Whether another request may be sent."""
        return self._seconds() < self.first_until_seconds

    def timeout_seconds(self) -> float:
        """How long a request that is sent now may take."""
        return max(self.answers_until_seconds - self._seconds(), SHORTEST_TIMEOUT_SECONDS)

    def _seconds(self) -> float:
        return self.monotonic() - self.began


@dataclass(frozen=True)
class ReadOffer:
    """One answer: the offer as upstream's JSON, or why there is none. The request was sent at `at`."""

    id: str
    at: datetime
    body: bytes = b""
    error: UpstreamError | None = None


class OfferReader:
    """Reads offers by their ids."""

    def __init__(self, upstream: ProductIngestion, clock: Clock) -> None:
        self._upstream = upstream
        self._clock = clock

    def read(self, ids: Sequence[str], request_time: RequestTime) -> Iterator[ReadOffer]:
        """The answers for these offers, in any order, until there is no time left or an error `ends_the_run`.

        Only one large answer is in memory: the next is read when the caller asks for the next answer.
        """
        call = _Call(self._upstream, self._clock, request_time)
        with InvocationThreadPool(READING_THREADS, thread_name_prefix="offer") as pool:
            for some in batched(ids, READ_AT_ONCE, strict=False):
                futures = [pool.submit(call, offer_id) for offer_id in some]
                try:
                    for future in as_completed(futures):
                        read = future.result()
                        if read is not None:
                            yield read
                            call.done_with(read.id)
                except GeneratorExit:
                    call.stopped.set()  # the caller has given up
                    raise
                finally:
                    call.done_with_all()
                if call.stopped.is_set() or not request_time.is_left():
                    return


class _Call:
    """One request, on one of the threads."""

    def __init__(self, upstream: ProductIngestion, clock: Clock, request_time: RequestTime) -> None:
        self._upstream = upstream
        self._clock = clock
        self._time = request_time
        self._large = BoundedSemaphore(1)
        self._holder: str | None = None
        self.stopped = Event()

    def __call__(self, offer_id: str) -> ReadOffer | None:
        if self.stopped.is_set() or not self._time.is_left():
            return None
        at = self._clock.now()
        try:
            answer = self._upstream.private_offer(
                offer_id,
                timeout_seconds=self._time.timeout_seconds(),
                before_large=lambda: self._wait_for_room(offer_id),
            )
        except UpstreamError as error:
            self.done_with(offer_id)
            if ends_the_run(error):
                self.stopped.set()
            return ReadOffer(offer_id, at, error=error)
        return ReadOffer(offer_id, at, answer.body.strip())

    def done_with(self, offer_id: str) -> None:
        if self._holder == offer_id:
            self.done_with_all()

    def done_with_all(self) -> None:
        if self._holder is not None:
            self._holder = None
            self._large.release()

    def _wait_for_room(self, offer_id: str) -> None:
        if self._large.acquire(timeout=self._time.timeout_seconds()):
            if not self.stopped.is_set():
                self._holder = offer_id
                return
            self._large.release()
        raise UpstreamTimeout("The answer is large, and there was no time left for it.", api=PRODUCT_INGESTION)


def ends_the_run(error: UpstreamError) -> bool:
    """Whether the next request would fail likewise: no token, a rejected one, or throttled."""
    return isinstance(error, CredentialRefused | UpstreamThrottled)
