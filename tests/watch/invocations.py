"""Invocations of a run over the list of private offers (shared/watch/private_offers.py).

Upstream and the details of jobs are scripts here; test_trouble.py and test_private_offers.py run the same over HTTP.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

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
from shared.watch.planned_writes import PlannedWrites
from shared.watch.private_offers import PrivateOfferRun
from shared.watch.reading import RequestTime
from shared.watch.run_state import RunRow, RunState
from shared.watch.snapshots import Snapshots
from tests.clock import FakeClock
from tests.watch.samples import private_offer

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
    page_timeouts_seconds: list[float] = field(default_factory=list)
    read_ids: list[str] = field(default_factory=list)

    def listed_private_offers(self, place: Place | None, *, timeout_seconds: float) -> UpstreamPage:
        number = 0 if place is None else place.number
        self.read_pages.append(number)
        self.page_timeouts_seconds.append(timeout_seconds)
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
