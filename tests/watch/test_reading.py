"""Single offers are read from upstream within a run's time, and large ones one after the other."""

from collections.abc import Callable, Iterator
from threading import Semaphore
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.settings import load_settings
from shared.upstream.answers import Answer
from shared.upstream.clients import upstream_from_settings
from shared.upstream.errors import TokenRejected, UpstreamNotFound, UpstreamThrottled, UpstreamTimeout
from shared.upstream.product_ingestion import PRODUCT_INGESTION, ProductIngestion
from shared.watch.reading import READ_AT_ONCE, READING_THREADS, OfferReader, ReadOffer, RequestTime, ends_the_run
from tests.clock import FakeClock
from tests.sandbox_settings import sandbox_settings
from tests.watch.pools import recorded_pools
from tests.watch.runs import BY_ID


class Seconds:
    """A clock of a run, which the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def product_ingestion(fresh_sandbox: Sandbox, clock: FakeClock) -> Iterator[ProductIngestion]:
    upstream = upstream_from_settings(load_settings(sandbox_settings(fresh_sandbox)), clock)
    yield upstream.product_ingestion
    upstream.close()


@pytest.fixture
def reader(product_ingestion: ProductIngestion, clock: FakeClock) -> OfferReader:
    return OfferReader(product_ingestion, clock)


def plenty() -> RequestTime:
    return RequestTime(1000.0, 1000.0)


def by_id(found: Iterator[ReadOffer]) -> dict[str, ReadOffer]:
    return {read.id: read for read in found}


def asked(sandbox: Sandbox) -> int:
    return sum(request.route == BY_ID for request in sandbox.state.requests())


# The time of a run


def test_a_request_may_be_sent_until_its_time_is_over() -> None:
    seconds = Seconds()
    request_time = RequestTime(28.0, 42.0, seconds)
    found = []
    for now in (1000.0, 1027.9, 1028.0, 1029.0):
        seconds.now = now
        found.append(request_time.is_left())

    assert found == [True, True, False, False]


def test_an_answer_is_awaited_until_its_time_is_over_and_for_a_second_at_least() -> None:
    seconds = Seconds()
    request_time = RequestTime(28.0, 42.0, seconds)
    found = []
    for now in (1000.0, 1030.0, 1041.5, 1050.0):
        seconds.now = now
        found.append(request_time.timeout_seconds())

    assert found == [42.0, 12.0, 1.0, 1.0]


# Reading


def test_each_offer_is_read_as_upstream_has_it(reader: OfferReader, fresh_sandbox: Sandbox, clock: FakeClock) -> None:
    offer_ids = [fresh_sandbox.state.add_private_offer() for _ in range(3)]
    found = by_id(reader.read([*offer_ids, "unknown"], plenty()))

    assert set(found) == {*offer_ids, "unknown"}
    for offer_id in offer_ids:
        read = found[offer_id]
        assert (read.at, read.error) == (clock.now(), None)
        assert offer_id.encode() in read.body
        assert read.body == read.body.strip()
    assert isinstance(found["unknown"].error, UpstreamNotFound)
    assert (found["unknown"].body, found["unknown"].at) == (b"", clock.now())


def test_an_offer_is_waited_for_until_the_last_moment_for_answers(
    product_ingestion: ProductIngestion, reader: OfferReader, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts: list[float] = []
    private_offer = product_ingestion.private_offer

    def timed(offer_id: str, *, timeout_seconds: float, before_large: Callable[[], None]) -> Answer:
        timeouts.append(timeout_seconds)
        return private_offer(offer_id, timeout_seconds=timeout_seconds, before_large=before_large)

    monkeypatch.setattr(product_ingestion, "private_offer", timed)
    seconds = Seconds()
    request_time = RequestTime(28.0, 42.0, seconds)
    seconds.now += 20
    assert list(reader.read([fresh_sandbox.state.add_private_offer()], request_time))
    assert timeouts == [22]


def test_an_offer_is_as_it_was_when_it_was_asked_for(
    reader: OfferReader, fresh_sandbox: Sandbox, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    before = clock.now()
    _while_asking(monkeypatch, reader, lambda: clock.advance(5))

    [read] = reader.read([offer_id], plenty())
    assert read.at == before


def test_more_offers_than_are_read_at_once_are_all_read(reader: OfferReader, fresh_sandbox: Sandbox) -> None:
    offer_ids = [fresh_sandbox.state.add_private_offer() for _ in range(READ_AT_ONCE + 3)]

    assert set(by_id(reader.read(offer_ids, plenty()))) == set(offer_ids)
    assert asked(fresh_sandbox) == len(offer_ids)


def test_so_many_offers_are_asked_for_at_once(reader: OfferReader, fresh_sandbox: Sandbox) -> None:
    with recorded_pools("shared.watch.reading") as sizes:
        list(reader.read([fresh_sandbox.state.add_private_offer()], plenty()))

    assert sizes == [READING_THREADS]


def test_no_offer_is_asked_for_when_no_time_is_left(reader: OfferReader, fresh_sandbox: Sandbox) -> None:
    assert list(reader.read([fresh_sandbox.state.add_private_offer()], RequestTime(0.0, 42.0))) == []
    assert asked(fresh_sandbox) == 0


def test_offers_are_read_until_no_time_is_left(
    reader: OfferReader, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.reading.READ_AT_ONCE", 2)
    seconds = Seconds()
    offer_ids = [fresh_sandbox.state.add_private_offer() for _ in range(5)]
    found = []
    for read in reader.read(offer_ids, RequestTime(10.0, 42.0, seconds)):
        found.append(read.id)
        seconds.now += 6.0 if len(found) in (2, 4) else 0.0

    assert sorted(found) == sorted(offer_ids[:4])
    assert asked(fresh_sandbox) == 4


@pytest.mark.parametrize(
    ("kind", "parameters"), [("too_many_requests", {"retry_after_seconds": 900}), ("expired_token", {})]
)
def test_an_error_that_ends_the_run_is_the_last_answer(
    reader: OfferReader,
    fresh_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    parameters: dict[str, Any],
) -> None:
    monkeypatch.setattr("shared.watch.reading.READING_THREADS", 1)
    monkeypatch.setattr("shared.watch.reading.READ_AT_ONCE", 2)
    offer_ids = [fresh_sandbox.state.add_private_offer() for _ in range(6)]
    fresh_sandbox.state.fault(kind, route=BY_ID, path_contains=offer_ids[2], **parameters)
    found = list(reader.read(offer_ids, plenty()))

    assert [read.id for read in found if read.error is None] == offer_ids[:2]
    [failed] = [read for read in found if read.error is not None]
    assert failed.id == offer_ids[2]


def test_another_error_ends_nothing(reader: OfferReader, fresh_sandbox: Sandbox) -> None:
    offer_ids = [fresh_sandbox.state.add_private_offer() for _ in range(3)]
    fresh_sandbox.state.fault("bad_request", route=BY_ID, path_contains=offer_ids[0])
    found = by_id(reader.read(offer_ids, plenty()))

    assert found[offer_ids[0]].error is not None
    assert [found[offer_id].error for offer_id in offer_ids[1:]] == [None, None]


def test_nothing_more_is_asked_for_when_the_caller_gives_up(
    reader: OfferReader, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.reading.READING_THREADS", 1)
    offer_ids = [fresh_sandbox.state.add_private_offer() for _ in range(READ_AT_ONCE)]
    fresh_sandbox.state.set_latency(50)
    answers = reader.read(offer_ids, plenty())
    next(answers)
    answers.close()  # type: ignore[attr-defined] # it is a generator

    assert asked(fresh_sandbox) < READ_AT_ONCE


# Large answers


def test_all_large_offers_are_read(reader: OfferReader, fresh_sandbox: Sandbox) -> None:
    offer_ids = [fresh_sandbox.state.add_private_offer(notes="x" * 200_000) for _ in range(3)]
    offer_ids += [fresh_sandbox.state.add_private_offer() for _ in range(3)]
    found = by_id(reader.read(offer_ids, plenty()))

    assert set(found) == set(offer_ids)
    assert all(read.error is None for read in found.values())
    assert len(found[offer_ids[0]].body) > 200_000


def test_large_offers_wait_until_the_caller_is_done_with_another(
    product_ingestion: ProductIngestion, reader: OfferReader, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.upstream.transport.RETRIES_MAX", 0)
    offer_ids = [fresh_sandbox.state.add_private_offer(notes="x" * 200_000) for _ in range(3)]
    seconds, gave_up = Seconds(), Semaphore(0)
    private_offer = product_ingestion.private_offer

    def late(offer_id: str, *, timeout_seconds: float, before_large: Callable[[], None]) -> Answer:
        def at_the_last_moment() -> None:
            seconds.now = 1042.0
            try:
                before_large()
            except UpstreamTimeout:
                gave_up.release()
                raise

        return private_offer(offer_id, timeout_seconds=timeout_seconds, before_large=at_the_last_moment)

    monkeypatch.setattr(product_ingestion, "private_offer", late)
    answers = reader.read(offer_ids, RequestTime(1000.0, 42.0, seconds))
    first = next(answers)
    assert all(gave_up.acquire(timeout=20) for _ in range(2))
    others = [next(answers), next(answers)]

    assert first.error is None
    assert all(isinstance(each.error, UpstreamTimeout) for each in others)
    assert {first.id, *(each.id for each in others)} == set(offer_ids)


def test_a_large_offer_that_waits_is_given_up_with_the_caller(reader: OfferReader, fresh_sandbox: Sandbox) -> None:
    offer_ids = [fresh_sandbox.state.add_private_offer(notes="x" * 200_000) for _ in range(4)]
    answers = reader.read(offer_ids, plenty())
    first = next(answers)
    answers.close()  # type: ignore[attr-defined] # it is a generator

    assert first.error is None


# Errors


def test_a_run_ends_with_an_error_that_the_next_request_would_meet_too() -> None:
    api = PRODUCT_INGESTION

    assert ends_the_run(UpstreamThrottled("", api=api))
    assert ends_the_run(TokenRejected("", api=api, after_renewal=True))
    assert not ends_the_run(UpstreamNotFound("", api=api))
    assert not ends_the_run(UpstreamTimeout("", api=api))


def _while_asking(patch: pytest.MonkeyPatch, reader: OfferReader, act: Callable[[], object]) -> None:
    """Has `act` happen while an offer is asked for."""
    upstream = reader._upstream
    private_offer = upstream.private_offer

    def late(*arguments: object, **options: object) -> object:
        act()
        return private_offer(*arguments, **options)  # type: ignore[arg-type] # passed through

    patch.setattr(upstream, "private_offer", late)
