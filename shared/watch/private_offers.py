"""One invocation's part of a run over all private offers: the pages of upstream's list, then those not listed.

The run is complete when all pages were read, and every offer that is missing in them was asked for by its id. What
was read is stored and announced as it comes. If there is no time left, or a page fails, the next invocation goes on
from that page.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from shared.clock import Clock
from shared.identifiers import InvalidIdentifier, private_offer_id
from shared.json_codec import InvalidJson, members, text_of
from shared.upstream.errors import UpstreamError, UpstreamNotFound
from shared.upstream.product_ingestion import ProductIngestion
from shared.watch.comparing import Comparison, Context, Planned, has_news, is_unchanged
from shared.watch.job_details import JobDetails
from shared.watch.offer import LONGEST_TEXT_CHARACTERS, InvalidOffer, WatchedOffer, is_whole, watched_offer
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
        #: The offers that this run has listed and followed, in this and earlier invocations.
        self.seen: set[str] = set()
        #: Why the invocation could not do its work; None if it could.
        self.reason: str | None = None
        self._index: dict[str, StoredSummary] = {}
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
        self._writes.flush()
        if page.fault is not None:
            raise page.fault
        state = self._state = replace(state, page_failed=False)
        if not whole:
            return None
        if page.next_place is None:
            return replace(state, place=None, confirming=True, confirmed_to="")
        return replace(state, place=page.next_place)

    def _items(self, items: "Iterable[Raw]", at: datetime) -> bool:
        """Follow the offers of a page; False if there was no time for all of them."""
        to_read: dict[str, None] = {}
        for raw in items:
            item = bytes(raw)
            identified = _identified(item)
            if identified is None:
                self._malformed()
                continue
            offer_id, etag = identified
            known = self._index.get(offer_id)
            if offer_id in self.seen:
                continue
            if known is not None and is_unchanged(known, etag):
                self._unchanged(known)
            elif not self._time.is_left():
                return False
            elif not self._whole_item(item, known, at):
                to_read[offer_id] = None
        left = dict(to_read)
        for read in self._reader.read(list(to_read), self._time):
            del left[read.id]
            self._read(read)
        return not left

    def _unchanged(self, known: StoredSummary) -> None:
        self.seen.add(known.id)
        if has_news(known, self._context):
            self._writes.add(
                self._snapshots.get(known.id), lambda before: self._comparison.notice(before, self._context)
            )

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
            return  # as if it were not listed
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
            self._failed(read.id, failure)
            return
        self.counts.read_by_id += 1
        before = self._snapshots.get(read.id) if read.id in self._index else None
        self._compare(before, offer, read.at)

    def _compare(self, before: OfferRow | None, offer: WatchedOffer, at: datetime) -> None:
        self.seen.add(offer.id)

        def plan(now_stored: OfferRow | None) -> Planned | None:
            by_a_job = self._comparison.may_be_of_a_job(now_stored, offer, self._context)
            details = self._job_details.about(offer.id, at) if by_a_job else []
            return self._comparison.offer_read(now_stored, offer, at, self._context, details)

        self._writes.add(before, plan, size_bytes=len(offer.body))

    def _failed(self, offer_id: str, reason: str) -> None:
        self.seen.add(offer_id)
        self.counts.failed += 1
        if self.counts.failed == 1:
            self._fail(f"offer {offer_id} cannot be read: {reason}")
        if self._context.baseline_at is None and offer_id not in self._index:
            self._writes.add(None, lambda before: self._comparison.never_read(before, offer_id, self._context.now))

    def _malformed(self) -> None:
        if self.counts.malformed == 0:
            _log.warning("an offer in upstream's list is left out: its id is missing or malformed")
        self.counts.malformed += 1

    def _confirm(self) -> None:
        """Ask for the offers that were not listed: only a 404 of its own means that an offer is gone."""
        # What was just stored was listed, or is gone.
        missing = sorted(
            known.id
            for known in self._index.values()
            if known.gone_at is None and known.id not in self.seen and known.id > self._state.confirmed_to
        )
        missing = [offer_id for offer_id in missing if _is_id(offer_id)]
        asked: set[str] = set()
        try:
            for read in self._reader.read(missing, self._time):
                if isinstance(read.error, UpstreamNotFound):
                    self._writes.add(self._snapshots.get(read.id), self._gone)
                else:
                    self._followed(read)
                asked.add(read.id)
            self._writes.flush()
        finally:
            done = list(takewhile(asked.__contains__, missing))
            self._state = replace(self._state, confirmed_to=done[-1] if done else self._state.confirmed_to)
        if len(asked) == len(missing):
            self._complete()

    def _gone(self, before: OfferRow | None) -> Planned | None:
        return None if before is None else self._comparison.gone(before, self._context)

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


def _identified(item: bytes) -> tuple[str, str | None] | None:
    """The bare id and the eTag of an item, without parsing the rest; None if it has no proper id."""
    try:
        found = members(item, "id", "eTag", "_etag")
        offer_id = private_offer_id((text_of(found.get("id")) or "").strip()).lower()
    except (InvalidJson, InvalidIdentifier):
        return None
    etag = text_of(found.get("eTag")) or text_of(found.get("_etag"))
    return offer_id, etag if etag and len(etag) <= LONGEST_TEXT_CHARACTERS else None


def _is_id(offer_id: str) -> bool:
    try:
        return private_offer_id(offer_id) == offer_id
    except InvalidIdentifier:
        return False
