"""One invocation's part of a run over the list, step by step (shared/watch/private_offers.py).

Upstream and the details of jobs are scripts here; test_trouble.py and test_private_offers.py run the same over HTTP.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from shared.events.event import Event
from shared.events.outbox import Outbox
from shared.json_codec import dumps
from shared.storage.documents import Documents
from shared.storage.table import Table
from shared.upstream.errors import UpstreamError, UpstreamNotFound, UpstreamServerError, UpstreamThrottled
from shared.upstream.private_offer_pages import Place, UpstreamPage
from shared.watch.comparing import Comparison, JobDetail
from shared.watch.events import OfferOutbox
from shared.watch.job_details import DetailsUnknown, JobDetails
from shared.watch.offer import MOST_VALUES
from shared.watch.planned_writes import PlannedWrites
from shared.watch.private_offers import OfferCounts, PrivateOfferRun
from shared.watch.reading import RequestTime
from shared.watch.run_state import RunRow, RunState
from shared.watch.snapshots import Snapshots
from tests.clock import FakeClock
from tests.commits import recorded_commits
from tests.watch.samples import private_offer, without

API = "Product Ingestion"
A, B, C = (f"{letter}-1" for letter in "abc")
THROTTLED = UpstreamThrottled("upstream asks for fewer requests", api=API, retry_after_seconds=1800)
FAILED = UpstreamServerError("upstream failed", api=API, retry_after_seconds=60)


def offer(offer_id: str, number: int = 1, **members: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """A whole offer. Its eTag is this number."""
    return private_offer(id=f"private-offer/{offer_id}", eTag=f'"{number}"', **members)


@dataclass(frozen=True)
class _Answer:
    body: bytes


@dataclass
class Script:
    """Upstream: the pages of its list, and its offers by id. An error is raised instead of an answer."""

    pages: list[Sequence[object] | UpstreamError] = field(default_factory=list)
    offers: dict[str, dict[str, Any] | UpstreamError] = field(default_factory=dict)
    #: What is done before a page is given, by its number, counted from 0.
    before_page: dict[int, Callable[[], object]] = field(default_factory=dict)
    read_pages: list[int] = field(default_factory=list)
    read_ids: list[str] = field(default_factory=list)

    def listed_private_offers(self, place: Place | None, *, timeout_seconds: float) -> UpstreamPage:  # noqa: ARG002
        number = 0 if place is None else place.number
        self.read_pages.append(number)
        self.before_page.get(number, lambda: None)()
        page = self.pages[number]
        if isinstance(page, UpstreamError):
            raise page
        is_last = number + 1 == len(self.pages)
        following = None if is_last else Place("private-offers?continuationToken=a", 0, number + 1, "f")
        return UpstreamPage([cast("Any", dumps(item).encode()) for item in page], following)

    def private_offer(self, offer_id: str, *, timeout_seconds: float, before_large: object) -> _Answer:  # noqa: ARG002
        self.read_ids.append(offer_id)
        found = self.offers.get(offer_id, UpstreamNotFound("upstream does not know it", api=API))
        if isinstance(found, UpstreamError):
            raise found
        return _Answer(dumps(found).encode())


@dataclass
class Details:
    """The details of jobs: none, or why they are not known, by the id of the offer."""

    unknown: dict[str, DetailsUnknown] = field(default_factory=dict)
    asked: list[tuple[str, bool, bool]] = field(default_factory=list)

    def about(self, offer_id: str, _: datetime, *, may_wait: bool, may_try_again: bool) -> list[JobDetail]:
        self.asked.append((offer_id, may_wait, may_try_again))
        if offer_id in self.unknown:
            raise self.unknown[offer_id]
        return []


class Running:
    """Invocations over a table, and what they announce."""

    def __init__(self, table: Table, clock: FakeClock) -> None:
        self.table = table
        self.clock = clock
        self.script = Script()
        self.details = Details()
        self.seconds = 0.0
        self.announced: list[str] = []
        documents = Documents(table)
        self.snapshots = Snapshots(table, documents)
        self.run_row = RunRow(table, documents)
        self._outbox = OfferOutbox(table, documents, Outbox(table, self._announce))

    def _announce(self, events: Sequence[Event]) -> None:
        self.announced += [event.type.removeprefix("private_offer.") for event in events]

    def go_on(self, *pages: Sequence[object] | UpstreamError) -> PrivateOfferRun:
        """The next invocation, with these pages of the list, or else those of the one before."""
        self.script.pages = list(pages) or self.script.pages
        self.script.read_pages, self.script.read_ids, self.details.asked = [], [], []
        self.seconds = 0.0
        now = self.clock.advance(900)
        claimed = self.run_row.claim(self.clock, timedelta(seconds=55), lambda found: found)
        offers = PrivateOfferRun(
            claimed=claimed,
            upstream=cast("Any", self.script),
            snapshots=self.snapshots,
            comparison=Comparison(self.snapshots, self._outbox),
            writes=PlannedWrites(claimed, self.snapshots, self._outbox),
            job_details=cast("JobDetails", self.details),
            request_time=RequestTime(28.0, 42.0, lambda: self.seconds),
            clock=self.clock,
        )
        state = offers.go_on()
        claimed.release(state.in_trouble(offers.reason, now), offers.seen)
        return offers

    def make_baseline(self, *pages: Sequence[object] | UpstreamError) -> None:
        assert self.go_on(*pages).reason is None
        assert not self.state.interrupted
        assert self.state.baseline_at is not None

    def no_time(self) -> None:
        self.seconds = 28.0

    @property
    def state(self) -> RunState:
        found = self.run_row.read()
        assert found is not None
        return found[0]


@pytest.fixture
def running(table: Table, clock: FakeClock) -> Running:
    return Running(table, clock)


# The items of a page


def test_a_whole_item_is_not_asked_for_by_its_id(running: Running) -> None:
    running.make_baseline([offer(A), offer(B)])
    found = running.go_on([offer(A, 2, end="2028-06-30"), offer(B), offer(C)])

    assert running.script.read_ids == []
    assert running.announced == ["changed", "created"]
    assert found.counts == OfferCounts(listed=3)
    assert found.reason is None


def test_an_item_that_is_not_whole_is_asked_for_by_its_id(running: Running) -> None:
    running.make_baseline([offer(A)])
    running.script.offers[A] = offer(A, 2, end="2028-06-30")
    found = running.go_on([without(offer(A, 2), "pricing")])

    assert running.script.read_ids == [A]
    assert running.announced == ["changed"]
    assert found.counts == OfferCounts(listed=1, read_by_id=1)


def test_an_item_without_a_member_that_the_snapshot_has_is_asked_for_by_its_id(running: Running) -> None:
    running.make_baseline([offer(A, markupPercentage=3)])
    running.script.offers[A] = offer(A, 2, markupPercentage=3)
    running.go_on([offer(A, 2)])

    assert running.script.read_ids == [A]
    assert running.announced == []


def test_an_item_with_an_etag_that_the_offer_had_before_is_asked_for_by_its_id(running: Running) -> None:
    running.make_baseline([offer(A, 1)])
    running.go_on([offer(A, 2, name="Another")])
    running.script.offers[A] = offer(A, 2, name="Another")
    running.go_on([offer(A, 1, end="2028-06-30")])

    assert running.script.read_ids == [A]
    assert running.announced == []


def test_an_item_that_cannot_be_followed_is_asked_for_by_its_id(running: Running) -> None:
    running.make_baseline([offer(A)])
    running.script.offers[A] = offer(A, 2, end="2028-06-30")
    running.go_on([offer(A, 2, pricing=[0] * (MOST_VALUES + 1))])

    assert running.script.read_ids == [A]
    assert running.announced == ["changed"]


def test_an_item_without_an_etag_is_asked_for_by_its_id(running: Running) -> None:
    running.make_baseline([offer(A)])
    running.script.offers[A] = offer(A)
    running.go_on([without(offer(A), "eTag")])

    assert running.script.read_ids == [A]


def test_an_offer_that_is_listed_twice_hides_none_after_it(running: Running) -> None:
    running.make_baseline([offer(A)])
    running.go_on([offer(A), offer(A, 2, end="2028-06-30"), offer(B)])

    assert running.announced == ["created"]


def test_items_without_an_id_are_counted_and_logged_once(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    for items, malformed in (([7, offer(A)], 1), ([7, {}, {"id": "../a"}, offer(A)], 3)):
        caplog.clear()
        found = running.go_on(items)

        assert found.counts.malformed == malformed
        assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_change_is_stored_in_one_transaction(running: Running, whole: bool) -> None:
    running.make_baseline([offer(A)])
    changed = running.script.offers[A] = offer(A, 2, name="Another")
    with recorded_commits(running.table) as commits:
        running.go_on([changed if whole else without(changed, "pricing")])

    assert commits == [["UPSERT run"], ["UPSERT run", f"UPSERT offer~{A}"], ["UPSERT run"]]


@pytest.mark.parametrize("whole", [True, False])
def test_the_row_of_an_offer_that_is_new_is_not_looked_for(
    running: Running, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    running.script.offers[A] = offer(A)
    monkeypatch.delattr(running.snapshots.__class__, "get")
    running.make_baseline([offer(A) if whole else without(offer(A), "pricing")])

    assert set(running.snapshots.index()) == {A}


def test_offers_that_take_much_memory_are_stored_one_by_one(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.planned_writes.PLANS_AT_ONCE_BYTES", 1)
    with recorded_commits(running.table) as commits:
        running.make_baseline([offer(A), offer(B)])

    assert commits[1:-1] == [["UPSERT run", f"INSERT offer~{A}"], ["UPSERT run", f"INSERT offer~{B}"]]


# Offers that cannot be read


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (FAILED, "upstream failed"),
        (offer(B), "it is another offer"),
        ({"name": "a"}, "its id is missing or malformed"),
    ],
    ids=["failed", "another", "malformed"],
)
def test_an_offer_that_cannot_be_read_is_named_with_the_reason(
    running: Running, answer: dict[str, Any] | UpstreamError, reason: str
) -> None:
    running.make_baseline([offer(A)])
    running.script.offers = {A: answer, C: FAILED}
    found = running.go_on([without(offer(A, 2), "pricing"), without(offer(C), "pricing")])

    assert found.counts == OfferCounts(listed=2, failed=2)
    assert f"offer {A} cannot be read: {reason}" in [found.reason, _reason_of(running, A)]
    assert not running.state.interrupted


def _reason_of(running: Running, offer_id: str) -> str | None:
    """The reason that the next invocation gives if only this offer fails."""
    running.script.offers = {key: found for key, found in running.script.offers.items() if key == offer_id}
    return running.go_on([without(offer(offer_id, 3), "pricing")]).reason


def test_a_pause_that_upstream_asks_for_with_a_failure_is_kept(running: Running) -> None:
    running.make_baseline([offer(A)])
    running.script.offers[A] = FAILED
    running.go_on([without(offer(A, 2), "pricing")])

    assert running.state.not_before == running.clock.now() + timedelta(seconds=60)


def test_a_new_offer_that_cannot_be_read_at_first_is_created_when_it_can(running: Running) -> None:
    running.make_baseline([offer(A)])
    running.script.offers[B] = FAILED
    listed = [offer(A), without(offer(B), "pricing")]
    running.go_on(listed)
    assert running.snapshots.get(B) is None

    running.script.offers[B] = offer(B)
    running.go_on(listed)
    assert running.announced == ["created"]


def test_an_offer_that_cannot_be_read_at_the_baseline_is_no_news_later(running: Running) -> None:
    running.script.offers[B] = UpstreamServerError("upstream failed", api=API)
    listed = [offer(A), without(offer(B), "pricing")]
    running.go_on(listed)
    assert running.state.baseline_at is not None

    running.script.offers[B] = offer(B)
    running.go_on(listed)
    assert running.announced == []
    assert set(running.snapshots.index()) == {A, B}


def test_an_offer_that_cannot_be_read_at_the_baseline_keeps_the_row_that_a_job_has_stored_meanwhile(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    row = {"PartitionKey": "offers", "RowKey": f"offer~{B}", "name": "by a job"}
    running.script.before_page[0] = lambda: running.table.insert(row)
    running.script.offers[B] = FAILED
    running.go_on([without(offer(B), "pricing")])

    assert running.snapshots.index()[B].name == "by a job"
    assert caplog.records == []


def test_a_page_that_comes_late_replaces_nothing_that_a_job_has_stored_meanwhile(running: Running) -> None:
    running.make_baseline([offer(A)])

    def job_finishes() -> None:
        row = running.snapshots.get(A)
        assert row is not None
        at = running.clock.advance(600)
        by_job = replace(row.summary, read_at=at, name="by a job", offer_etag='"of the job"')
        running.table.commit([running.snapshots.write(replace(row, summary=by_job), row)])

    running.script.before_page[0] = job_finishes
    running.go_on([offer(A, 2, end="2028-06-30")])

    assert running.snapshots.index()[A].name == "by a job"


def test_an_offer_that_is_listed_and_not_found_is_not_gone(running: Running) -> None:
    running.make_baseline([offer(A)])
    found = running.go_on([without(offer(A, 2), "pricing")])

    assert (found.reason, found.counts.failed, running.announced) == (None, 0, [])
    assert not running.state.interrupted


# Upstream takes no more requests


@pytest.mark.parametrize("where", ["page", "offer", "detail"])
def test_a_run_that_upstream_stops_says_so_and_goes_on_after_the_pause(running: Running, where: str) -> None:
    running.make_baseline([offer(A)])
    changed = offer(A, 2, end="2028-06-30")
    listed: Sequence[object] = [changed if where == "detail" else without(changed, "pricing")]
    if where == "offer":
        running.script.offers[A] = THROTTLED
    if where == "detail":
        running.details.unknown[A] = DetailsUnknown(THROTTLED)
    found = running.go_on(THROTTLED if where == "page" else listed)

    assert found.reason == "upstream asks for fewer requests"
    assert running.state.not_before == running.clock.now() + timedelta(seconds=1800)
    assert running.state.interrupted
    assert not running.state.page_failed
    running.script.offers[A], running.details.unknown = changed, {}
    assert running.go_on(listed).reason is None
    assert running.announced == ["changed"]


def test_of_several_offers_that_are_left_one_may_say_that_upstream_stops(running: Running) -> None:
    running.make_baseline([offer(A), offer(B)])
    running.details.unknown = {A: DetailsUnknown(None), B: DetailsUnknown(THROTTLED)}
    found = running.go_on([offer(A, 2, end="2028-06-30"), offer(B, 2, end="2028-06-30")])

    assert found.reason == "upstream asks for fewer requests"


# From page to page


def test_a_page_that_fails_is_named_with_the_reason_and_the_pause(running: Running) -> None:
    found = running.go_on([offer(A)], FAILED)

    assert found.reason == "a page of upstream's list failed: upstream failed"
    assert running.state.not_before == running.clock.now() + timedelta(seconds=60)
    assert running.state.page_failed


def test_a_page_that_fails_for_the_first_time_is_tried_again_by_the_next_invocation(running: Running) -> None:
    running.script.before_page[1] = running.no_time
    running.go_on([offer(A)], [offer(B)], [offer(C)])
    assert running.state.interrupted
    running.script.before_page = {}
    running.go_on([offer(A)], [offer(B)], FAILED)

    assert running.script.read_pages == [1, 2]
    running.go_on([offer(A)], [offer(B)], [offer(C)])
    assert running.script.read_pages == [2]
    assert not running.state.interrupted
    assert set(running.snapshots.index()) == {A, B, C}


def test_a_page_that_works_again_is_forgotten_to_have_failed(running: Running) -> None:
    running.go_on([offer(A)], FAILED, [offer(C)])
    running.script.before_page[2] = running.no_time
    running.go_on([offer(A)], [offer(B)], [offer(C)])

    assert running.state.interrupted
    assert not running.state.page_failed


def test_a_run_that_began_this_very_moment_goes_on(running: Running) -> None:
    running.go_on([offer(A)], FAILED)
    row = running.table.get("offers", "run") or {}
    running.table.upsert({**row, "startedAt": running.clock.now() + timedelta(seconds=900)})
    running.go_on([offer(A)], [offer(B)])

    assert running.script.read_pages == [1]


def test_the_first_page_may_fail_twice_without_being_read_again(running: Running) -> None:
    for _ in range(2):
        running.go_on(FAILED)

        assert running.script.read_pages == [0]


def test_offers_that_are_left_hold_their_page_back(running: Running) -> None:
    running.make_baseline([offer(A)], [offer(B)])
    running.details.unknown[A] = DetailsUnknown(None)
    found = running.go_on([offer(A, 2, end="2028-06-30")], [offer(B)])

    assert running.script.read_pages == [0]
    assert (found.reason, found.seen, running.state.interrupted) == (None, set(), True)
    assert running.announced == []

    running.details.unknown = {}
    running.go_on()
    assert running.script.read_pages == [0, 1]
    assert running.announced == ["changed"]


def test_details_may_wait_once_the_invocation_is_done_with_a_page(running: Running) -> None:
    running.make_baseline([offer(A)], [offer(B)])
    changed = [offer(A, 2, end="2028-06-30")], [offer(B, 2, end="2028-06-30")]
    running.go_on(*changed)
    assert running.details.asked == [(A, False, True), (B, True, True)]


def test_a_detail_that_has_failed_is_not_tried_for_ever(running: Running) -> None:
    running.make_baseline([offer(A)], [offer(B)])
    running.details.unknown[A] = DetailsUnknown(None)
    pages = [offer(A, 2, end="2028-06-30")], [offer(B, 2, end="2028-06-30")]
    running.go_on(*pages)
    running.details.unknown = {}
    running.go_on(*pages)

    assert running.details.asked == [(A, False, False), (B, True, True)]


# Offers that are not listed any more


def test_offers_that_are_not_listed_are_asked_for_in_order_whatever_their_ids_begin_with(running: Running) -> None:
    ids = ["0-1", "A".lower(), "f-1", "zz"]
    running.make_baseline([*(offer(each) for each in ids)])
    running.script.offers = {each: offer(each) for each in ids}
    running.go_on([offer(A)])

    assert sorted(running.script.read_ids) == ids


def test_a_confirmation_goes_on_after_the_offers_that_it_is_done_with(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.reading.READING_THREADS", 1)
    ids = ["a", "b", "c", "d"]
    running.make_baseline([*(offer(each) for each in ids)])
    running.script.offers = {each: offer(each) for each in ids} | {"c": THROTTLED}
    running.go_on([])
    assert running.script.read_ids[:3] == ["a", "b", "c"]
    assert (running.state.confirming, running.state.confirmed_to) == (True, "b")

    running.script.offers["c"] = offer("c")
    running.go_on()
    assert running.script.read_pages == []
    assert sorted(running.script.read_ids) == ["c", "d"]
    assert not running.state.interrupted


def test_an_offer_that_has_gone_is_left_if_the_details_of_jobs_are_not_known(running: Running) -> None:
    running.make_baseline([offer(A), offer(B)])
    running.details.unknown[A] = DetailsUnknown(None)
    running.go_on([])
    assert running.announced == ["deleted"]
    assert (running.state.confirming, running.state.confirmed_to) == (True, "")

    running.details.unknown = {}
    running.go_on()
    assert running.announced == ["deleted", "deleted"]
    assert not running.state.interrupted
    running.go_on()
    assert running.script.read_ids == []


def test_the_state_in_which_a_confirmation_is_left_is_that_of_the_list_without_its_place(running: Running) -> None:
    running.make_baseline([offer(A)], [offer(B)])
    running.script.before_page[1] = running.no_time
    running.go_on([offer(A)], [])
    before = running.state
    assert before.confirming
    assert before == replace(before, place=None, page_failed=False, confirmed_to="")
