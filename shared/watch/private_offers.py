"""One invocation's part of a run over all private offers: the pages of upstream's list, then those not listed.

The run is complete when all pages were read, and every offer that is missing in them was asked for by its id. What
was read is stored and announced as it comes. If there is no time left, or a page fails, the next invocation goes on
from that page.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.clock import Clock
from shared.upstream.errors import UpstreamError, UpstreamNotFound
from shared.upstream.product_ingestion import ProductIngestion
from shared.watch.comparing import Comparison, Context, JobDetail, Planned, has_news, is_unchanged
from shared.watch.job_details import DetailsUnknown, JobDetails
from shared.watch.offer import InvalidOffer, WatchedOffer, identified, is_whole, watched_offer
from shared.watch.planned_writes import PlannedWrites
from shared.watch.reading import OfferReader, ReadOffer, RequestTime, ends_the_run
from shared.watch.rows import OfferRow, StoredSummary
from shared.watch.run_state import ClaimedRun, RunState
from shared.watch.snapshots import Snapshots

# A run that was interrupted longer ago starts over: its list is outdated, its links may be too.
RESUMED_FOR = timedelta(days=1)
if TYPE_CHECKING:
    from msgspec import Raw

_log = logging.getLogger("offer_monitor.watch")


class _RunStopped(Exception):
    """Upstream takes no more requests now."""

    def __init__(self, error: UpstreamError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass
class OfferCounts:
    """How many offers an invocation found in the list, read by their ids, and could not read."""

    listed: int = 0
    read_by_id: int = 0
    failed: int = 0
    malformed: int = 0


class PrivateOfferRun:
    """One invocation. Methods raise RunElsewhere, and StorageError."""

    def __init__(
        self,
        *,
        claimed: ClaimedRun,
        upstream: ProductIngestion,
        snapshots: Snapshots,
        comparison: Comparison,
        writes: PlannedWrites,
        job_details: JobDetails,
        request_time: RequestTime,
        clock: Clock,
    ) -> None:
        self._claimed = claimed
        self._upstream = upstream
        self._reader = OfferReader(upstream, clock)
        self._snapshots = snapshots
        self._comparison = comparison
        self._writes = writes
        self._job_details = job_details
        self._time = request_time
        self._clock = clock
        self.counts = OfferCounts()
        self.seen: set[str] = set()  #: the offers that this run has listed and followed, in all of its invocations
        self.reason: str | None = None  #: why the invocation could not do its work; None if it could
        self._index: dict[str, StoredSummary] = {}
        # The offers left to the next invocation, and the error for which they are.
        self._left: dict[str, UpstreamError | None] = {}
        # Whether this invocation is done with a page.
        self._has_advanced = False
        self._context = Context(clock.now(), claimed.state.baseline_at, claimed.state.thresholds)

    def go_on(self) -> RunState:
        """Go on with the run, or begin one; returns the state in which it is left."""
        self._begin()
        self._index = self._snapshots.index()
        try:
            self._pages()
            if self._state.confirming:
                self._confirm()
        except _RunStopped as stopped:
            self._writes.flush()
            self._fail(str(stopped), stopped.error)
        return self._state

    def _begin(self) -> None:
        state, now = self._claimed.state, self._context.now
        seen = self._claimed.seen()
        outdated = state.started_at is not None and not now - RESUMED_FOR < state.started_at <= now
        if seen is None or outdated:
            state, seen = state.started_over(), set()
        self.seen = seen
        self._state = replace(state, started_at=state.started_at or now, not_before=None)

    def _pages(self) -> None:
        """Read the pages from where the run is."""
        may_start_over = self._state.page_failed and self._state.place is not None
        while not self._state.confirming and self._time.is_left():
            try:
                following = self._page(self._state)
            except UpstreamError as error:
                if ends_the_run(error):
                    raise _RunStopped(error) from error
                self._fail(f"a page of upstream's list failed: {error.message}", error)
                if not may_start_over:
                    self._state = replace(self._state, page_failed=True)
                    return
                _log.warning("upstream's list is read from its start again, since a page failed twice")
                self.seen = set()
                following = replace(self._state.started_over(), started_at=self._context.now)
            if following is None:
                return
            self._state, may_start_over = following, False

    def _page(self, state: RunState) -> RunState | None:
        """Read a page; returns the state after it, None if there was no time for all of its offers.

        Raises UpstreamError, also for its next link, after its offers were followed.
        """
        at = self._clock.now()
        page = self._upstream.listed_private_offers(state.place, timeout_seconds=self._time.timeout_seconds())
        self.counts.listed += len(page.items)
        whole = self._items(page.items, at)
        self._flush()
        if page.fault is not None:
            raise page.fault
        state = self._state = replace(self._state, page_failed=False)
        if not whole or self._left:
            return None
        self._has_advanced = True
        return replace(state, place=page.next_place, confirming=page.next_place is None)

    def _items(self, items: "Iterable[Raw]", at: datetime) -> bool:
        """Follow the offers of a page; False if there was no time for all of them."""
        to_read: dict[str, None] = {}
        for raw in items:
            item = bytes(raw)
            found = identified(item)
            if found is None:
                if self.counts.malformed == 0:
                    _log.warning("an offer in upstream's list is left out: its id is missing or malformed")
                self.counts.malformed += 1
                continue
            offer_id, etag = found
            known = self._index.get(offer_id)
            if offer_id in self.seen:
                continue
            unchanged = known if known is not None and is_unchanged(known, etag) else None
            if unchanged is not None and not has_news(unchanged, self._context):
                self.seen.add(offer_id)
            elif not self._time.is_left():
                return False
            elif unchanged is not None:
                self._notice(offer_id)
            elif not self._whole_item(item, known, at):
                to_read[offer_id] = None
        left = dict(to_read)
        for read in self._reader.read(list(to_read), self._time):
            del left[read.id]
            self._read(read)
        return not left

    def _notice(self, offer_id: str) -> None:
        self.seen.add(offer_id)
        self._writes.add(self._snapshots.get(offer_id), lambda before: self._comparison.notice(before, self._context))

    def _whole_item(self, item: bytes, known: StoredSummary | None, at: datetime) -> bool:
        """Compare an item of the list if it is the whole offer."""
        try:
            offer = watched_offer(item)
        except InvalidOffer:
            return False  # the offer by itself may be readable
        if offer.etag is None:
            return False
        before = None if known is None else self._snapshots.get(offer.id)
        if before is not None and offer.etag in before.former_etags:
            return False  # the list may lag behind what a job's detail has shown
        if not is_whole(offer, self._comparison.members_of(before)):
            return False
        self._compare(before, offer, at)
        return True

    def _read(self, read: ReadOffer) -> None:
        """Follow an offer that was asked for by its id because of the list."""
        if isinstance(read.error, UpstreamNotFound):
            self.seen.add(read.id)  # it is listed: if it has gone, a later list is without it
        else:
            self._followed(read)

    def _followed(self, read: ReadOffer) -> None:
        if read.error is not None and ends_the_run(read.error):
            raise _RunStopped(read.error) from read.error
        try:
            offer = None if read.error is not None else watched_offer(read.body)
            failure = read.error.message if read.error is not None else "it is another offer"
        except InvalidOffer as error:
            offer, failure = None, str(error)
        if offer is None or offer.id != read.id:
            self._failed(read.id, failure, read.error)
            return
        self.counts.read_by_id += 1
        before = self._snapshots.get(read.id) if read.id in self._index else None
        self._compare(before, offer, read.at)

    def _compare(self, before: OfferRow | None, offer: WatchedOffer, at: datetime) -> None:
        self.seen.add(offer.id)

        def plan(now_stored: OfferRow | None) -> Planned | None:
            news = self._comparison.has_news_that_jobs_may_tell(now_stored, offer, self._context)
            details = self._details_of(offer.id, at) if news else []
            if details is None:
                return None
            # A row that was stored since this invocation began is not of the future.
            context = replace(self._context, now=self._clock.now())
            return self._comparison.offer_read(now_stored, offer, at, context, details)

        self._writes.add(before, plan, size_bytes=len(offer.body))

    def _details_of(self, offer_id: str, at: datetime) -> list[JobDetail] | None:
        """The details of jobs that have changed the offer; None if the offer is left to the next invocation."""
        try:
            # If this invocation began with the page, the next would not have more time. What failed is tried again.
            again = self._has_advanced or not self._claimed.state.interrupted
            return self._job_details.about(offer_id, at, may_wait=self._has_advanced, may_try_again=again)
        except DetailsUnknown as unknown:
            self._left[offer_id] = unknown.error
            self.seen.discard(offer_id)
            return None

    def _flush(self) -> None:
        """Store what is planned. Raises _RunStopped if upstream takes no more requests."""
        self._writes.flush()
        for error in self._left.values():
            if error is not None:
                raise _RunStopped(error)

    def _failed(self, offer_id: str, reason: str, error: UpstreamError | None) -> None:
        self.seen.add(offer_id)
        self.counts.failed += 1
        self._fail(f"offer {offer_id} cannot be read: {reason}", error)
        if self._context.baseline_at is None and offer_id not in self._index:
            self._writes.add(None, lambda before: self._comparison.never_read(before, offer_id, self._context.now))

    def _confirm(self) -> None:
        """Ask for the offers that were not listed: only a 404 of its own means that an offer is gone."""
        # What was just stored was listed, or is gone.
        missing = [known.id for known in self._index.values() if known.gone_at is None and known.id not in self.seen]
        asked = 0
        for read in self._reader.read(missing, self._time):
            if isinstance(read.error, UpstreamNotFound):
                self._gone(read)
            else:
                self._followed(read)
            asked += 1
        self._flush()
        if asked == len(missing) and not self._left:
            self._complete()

    def _gone(self, read: ReadOffer) -> None:
        def plan(before: OfferRow | None) -> Planned | None:
            if before is None or (details := self._details_of(read.id, read.at)) is None:
                return None
            return self._comparison.gone(before, self._context, details)

        self._writes.add(self._snapshots.get(read.id), plan)

    def _complete(self) -> None:
        self._state = self._state.started_over()
        if self._state.baseline_at is None:
            _log.info("the watch follows %d offers", len(self._index.keys() | self._writes.written.keys()))
            self._state = replace(self._state, baseline_at=self._clock.now())

    def _fail(self, reason: str, error: UpstreamError | None = None) -> None:
        self.reason = self.reason or reason
        if error is not None and error.retry_after_seconds:
            not_before = self._clock.now() + timedelta(seconds=error.retry_after_seconds)
            self._state = replace(self._state, not_before=not_before)
