"""Which changes of an offer the details of unfinished jobs explain, and what asking for them costs."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from threading import Barrier, Lock

import pytest

from sandbox.server import Sandbox
from shared.settings import load_settings
from shared.upstream.clients import upstream_from_settings
from shared.upstream.errors import UpstreamThrottled, UpstreamTimeout
from shared.upstream.product_ingestion import ProductIngestion
from shared.watch.job_details import JOBS_AT_MOST, DetailsUnknown, JobDetails
from shared.watch.reading import READING_THREADS, RequestTime
from tests.clock import FakeClock
from tests.sandbox_settings import sandbox_settings
from tests.watch.pools import recorded_pools
from tests.watch.runs import DETAIL


@pytest.fixture
def product_ingestion(fresh_sandbox: Sandbox, clock: FakeClock) -> Iterator[ProductIngestion]:
    upstream = upstream_from_settings(load_settings(sandbox_settings(fresh_sandbox)), clock)
    yield upstream.product_ingestion
    upstream.close()


class Asking:
    """The details of one run, of the jobs in `unfinished`, the likeliest first."""

    def __init__(self, sandbox: Sandbox, upstream: ProductIngestion, clock: FakeClock) -> None:
        self.state = sandbox.state
        self.clock = clock
        self.unfinished: list[str] = []
        self.asked_for: list[int] = []
        self.seconds = 0.0
        self.details = JobDetails(upstream, self._unfinished, clock, RequestTime(34.0, 42.0, lambda: self.seconds))

    def _unfinished(self, most: int) -> Sequence[str]:
        self.asked_for.append(most)
        return list(self.unfinished)

    def job(self, offer_id: str, **fields: object) -> str:
        """A job that has changed the offer and has ended."""
        offer = dict(self.state.private_offers.find(offer_id) or {})
        self.unfinished.insert(0, self.state.add_job(private_offer={**offer, **fields}))
        return self.unfinished[0]

    def about(
        self, offer_id: str, *, may_wait: bool = True, may_try_again: bool = False, **later: float
    ) -> list[str]:
        """The ids of the jobs whose details are about the offer, which is read now."""
        read_at = self.clock.now() + timedelta(**later)
        found = self.details.about(offer_id, read_at, may_wait=may_wait, may_try_again=may_try_again)
        return [detail.job_id for detail in found]

    def requests(self) -> list[str]:
        return [request.path for request in self.state.requests() if request.route == DETAIL]


@pytest.fixture
def asking(fresh_sandbox: Sandbox, product_ingestion: ProductIngestion, clock: FakeClock) -> Asking:
    return Asking(fresh_sandbox, product_ingestion, clock)


def test_the_details_of_an_offer_are_those_of_its_jobs_oldest_first(asking: Asking) -> None:
    offer_id, other = (asking.state.add_private_offer() for _ in range(2))
    first, _, second = asking.job(offer_id), asking.job(other), asking.job(offer_id, end="2028-06-30")

    [one, two] = asking.details.about(offer_id, asking.clock.now(), may_wait=True, may_try_again=False)

    assert [one.job_id, two.job_id] == [first, second]
    assert (one.offer.id, two.offer.id) == (offer_id, offer_id)
    assert two.offer.content["end"] == "2028-06-30"
    assert asking.asked_for == [JOBS_AT_MOST]


def test_each_detail_is_asked_for_once(asking: Asking) -> None:
    offer_id, other = (asking.state.add_private_offer() for _ in range(2))
    job_id, other_job = asking.job(offer_id), asking.job(other)

    assert asking.about(offer_id) == [job_id]
    assert asking.about(other) == [other_job]
    asking.clock.advance(60)
    assert asking.about(offer_id) == [job_id]
    assert len(asking.requests()) == 2


def test_a_job_that_has_ended_since_is_found_when_another_offer_is_read(asking: Asking) -> None:
    offer_id = asking.state.add_private_offer()
    assert asking.about(offer_id) == []
    job_id = asking.job(offer_id)

    assert asking.about(offer_id) == []
    assert asking.about(offer_id, microseconds=1) == [job_id]


def test_a_job_without_an_end_has_no_detail_and_is_asked_for_again(asking: Asking) -> None:
    offer_id = asking.state.add_private_offer()
    running = asking.state.add_job(seconds=None)
    failed = asking.state.add_job(outcome="failed")
    asking.unfinished = [running, failed]

    assert asking.about(offer_id) == []
    asking.clock.advance(60)
    assert asking.about(offer_id) == []
    assert len(asking.requests()) == 4


def test_a_job_without_an_offer_is_asked_for_once(asking: Asking) -> None:
    offer_id = asking.state.add_private_offer()
    asking.unfinished = [asking.state.add_job(resources=[])]

    assert asking.about(offer_id) == []
    asking.clock.advance(60)
    assert asking.about(offer_id) == []
    assert len(asking.requests()) == 1


def test_a_detail_whose_offer_cannot_be_followed_is_left_out(asking: Asking) -> None:
    offer_id = asking.state.add_private_offer()
    hostile = asking.state.add_job(resources=[{"id": "private-offer/" + "x" * 200, "state": "live"}])
    job_id = asking.job(offer_id)
    asking.unfinished.append(hostile)

    assert asking.about(offer_id) == [job_id]
    asking.clock.advance(60)
    assert asking.about(offer_id) == [job_id]
    assert len(asking.requests()) == 2


def test_details_that_do_not_fit_into_memory_are_read_again(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_id = asking.state.add_private_offer()
    jobs = [asking.job(offer_id) for _ in range(3)]
    found = asking.details.about(offer_id, asking.clock.now(), may_wait=True, may_try_again=False)
    sizes = [len(detail.offer.body) for detail in found]
    monkeypatch.setattr("shared.watch.job_details.READING_THREADS", 1)
    for kept_bytes, again in ((sum(sizes), 0), (sum(sizes) - 1, 1), (sum(sizes[:2]), 1), (sizes[0], 2), (0, 3)):
        monkeypatch.setattr("shared.watch.job_details.KEPT_BYTES", kept_bytes)
        details = JobDetails(
            asking.details.upstream, asking.details.unfinished, asking.clock, asking.details.request_time
        )
        asking.state.clear_requests()

        found = details.about(offer_id, asking.clock.now(), may_wait=True, may_try_again=False)
        assert [detail.job_id for detail in found] == jobs
        assert len(asking.requests()) == 3 + again


def test_a_detail_that_does_not_fit_into_memory_leaves_room_for_others(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_id = asking.state.add_private_offer()
    asking.job(offer_id, notes="x" * 5000)
    asking.job(offer_id, notes="")
    found = asking.details.about(offer_id, asking.clock.now(), may_wait=True, may_try_again=False)
    monkeypatch.setattr("shared.watch.job_details.READING_THREADS", 1)
    monkeypatch.setattr("shared.watch.job_details.KEPT_BYTES", len(found[1].offer.body))
    asking.state.clear_requests()
    details = JobDetails(
        asking.details.upstream, asking.details.unfinished, asking.clock, asking.details.request_time
    )

    details.about(offer_id, asking.clock.now(), may_wait=True, may_try_again=False)
    assert len(asking.requests()) == 3


def test_a_run_asks_for_so_many_details_only_and_for_the_likeliest(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.job_details.REQUESTS_AT_MOST", 3)
    offer_id = asking.state.add_private_offer()
    jobs = [asking.job(offer_id) for _ in range(5)]

    assert asking.about(offer_id) == jobs[2:]
    assert asking.details.requests == 3
    for seconds in (1, 2):
        assert asking.about(offer_id, seconds=seconds) == jobs[2:]
    assert len(asking.requests()) == 3


def test_details_are_unknown_if_upstream_takes_no_more_requests(
    asking: Asking, caplog: pytest.LogCaptureFixture
) -> None:
    offer_id = asking.state.add_private_offer()
    asking.job(offer_id)
    asking.state.fault("too_many_requests", route=DETAIL, retry_after_seconds=1800, count=1)

    for may_wait in (True, False):
        with pytest.raises(DetailsUnknown) as caught:
            asking.about(offer_id, may_wait=may_wait)
        assert isinstance(caught.value.error, UpstreamThrottled)
    assert len(asking.requests()) == 1
    assert caplog.records == []  # the run says so


def test_no_more_details_are_asked_for_once_upstream_takes_no_more_requests(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.job_details.READING_THREADS", 1)
    offer_id = asking.state.add_private_offer()
    for _ in range(3):
        asking.job(offer_id)
    asking.state.fault("too_many_requests", route=DETAIL, retry_after_seconds=1800, count=1)

    with pytest.raises(DetailsUnknown):
        asking.about(offer_id)
    assert len(asking.requests()) == 1


def test_details_for_which_there_is_no_time_are_unknown_if_the_offer_may_wait(asking: Asking) -> None:
    offer_id = asking.state.add_private_offer()
    asking.job(offer_id)
    asking.seconds = 34.0

    with pytest.raises(DetailsUnknown) as caught:
        asking.about(offer_id, may_wait=True)
    assert caught.value.error is None
    assert asking.about(offer_id, may_wait=False) == []
    assert asking.requests() == []


def test_details_are_known_once_all_could_be_asked_for(asking: Asking) -> None:
    offer_id = asking.state.add_private_offer()
    job_id = asking.job(offer_id)
    asking.seconds = 34.0
    with pytest.raises(DetailsUnknown):
        asking.about(offer_id)
    asking.seconds = 0.0

    assert asking.about(offer_id, seconds=1) == [job_id]


def test_a_detail_that_fails_for_itself_makes_the_others_no_less_known(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.upstream.transport.RETRIES_MAX", 0)
    offer_id = asking.state.add_private_offer()
    first, second = asking.job(offer_id), asking.job(offer_id)
    asking.state.fault("server_error", route=DETAIL, path_contains=first, count=1)

    assert asking.about(offer_id) == [second]
    assert asking.about(offer_id, seconds=1) == [second, first]


def test_a_detail_that_fails_for_itself_is_tried_again_if_it_may_be(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.upstream.transport.RETRIES_MAX", 0)
    offer_id = asking.state.add_private_offer()
    job_id = asking.job(offer_id)
    asking.state.fault("server_error", route=DETAIL, count=1)

    with pytest.raises(DetailsUnknown) as caught:
        asking.about(offer_id, may_wait=False, may_try_again=True)
    assert caught.value.error is None
    assert asking.about(offer_id, may_wait=False, may_try_again=True, seconds=1) == [job_id]


def test_a_detail_that_takes_the_last_of_the_time_is_not_a_failure(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_id = asking.state.add_private_offer()
    asking.job(offer_id)

    def late(*_: object, **__: object) -> None:
        asking.seconds = 42.0
        raise UpstreamTimeout("The answer did not arrive in time.", api="Product Ingestion")

    monkeypatch.setattr(asking.details.upstream, "job_offer", late)
    assert asking.about(offer_id, may_wait=False, may_try_again=True) == []
    with pytest.raises(DetailsUnknown):
        asking.about(offer_id, may_wait=True)


def test_so_many_details_are_asked_for_at_once(asking: Asking) -> None:
    offer_id = asking.state.add_private_offer()
    asking.job(offer_id)
    with recorded_pools("shared.watch.job_details") as sizes:
        asking.about(offer_id)

    assert sizes == [READING_THREADS]


def test_a_detail_is_waited_for_until_the_last_moment_for_answers(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_id = asking.state.add_private_offer()
    asking.job(offer_id)
    timeouts: list[float] = []
    job_offer = asking.details.upstream.job_offer

    def timed(job_id: str, *, timeout_seconds: float, before_large: Callable[[], None]) -> bytes | None:
        timeouts.append(timeout_seconds)
        return job_offer(job_id, timeout_seconds=timeout_seconds, before_large=before_large)

    monkeypatch.setattr(asking.details.upstream, "job_offer", timed)
    asking.seconds = 20
    asking.about(offer_id)
    assert timeouts == [22]


def test_one_large_detail_is_read_at_a_time(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_id = asking.state.add_private_offer()
    jobs = [asking.job(offer_id) for _ in range(2)]
    job_offer = asking.details.upstream.job_offer
    both_have_begun, alone = Barrier(2, timeout=10), Lock()

    def large(job_id: str, *, timeout_seconds: float, before_large: Callable[[], None]) -> bytes | None:
        both_have_begun.wait()
        before_large()
        assert alone.acquire(blocking=False)
        offer = job_offer(job_id, timeout_seconds=timeout_seconds)
        alone.release()
        return offer

    monkeypatch.setattr(asking.details.upstream, "job_offer", large)
    assert asking.about(offer_id) == jobs


def test_a_large_detail_is_read(asking: Asking) -> None:
    offer_id = asking.state.add_private_offer()
    jobs = [asking.job(offer_id, notes="x" * 200_000) for _ in range(3)]

    assert asking.about(offer_id) == jobs
