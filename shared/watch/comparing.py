"""Compares an offer with its snapshot: the row to store, and the events that are stored with it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.storage.table import Change
from shared.watch.calendar_entries import column_after
from shared.watch.changes import present_members
from shared.watch.decision import DELETED, Told, decide
from shared.watch.events import OfferEvent, OfferOutbox
from shared.watch.notices import Announced, Thresholds, due_notice
from shared.watch.offer import InvalidOffer, OfferSummary, WatchedOffer, watched_offer
from shared.watch.rows import (
    REMEMBERED_ETAGS,
    REMEMBERED_JOBS,
    OfferRow,
    StoredSummary,
    extended_history,
    offer_change,
)
from shared.watch.snapshots import Snapshots

# A run lasts less than a minute, and clocks may differ by as much. An offer that was read later than this after the
# beginning of a run was read before the clock was set back.
LATEST_READING = timedelta(minutes=2)
_log = logging.getLogger("offer_monitor.watch")


@dataclass(frozen=True)
class Context:
    """When this is, and what counts as news: nothing before there is a baseline."""

    now: datetime
    baseline_at: datetime | None
    thresholds: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True)
class JobDetail:
    """The private offer in the detail of a job, which `job.succeeded` tells of."""

    job_id: str
    offer: WatchedOffer


@dataclass(frozen=True)
class Planned:
    """A row that differs from the one that was read, and its events: written together or not at all."""

    row: OfferRow
    before: OfferRow | None
    write: Change
    events: Sequence[OfferEvent]

    @property
    def changes(self) -> list[Change]:
        return [self.write, *(event.insertion for event in self.events)]


class Comparison:
    """Plans what to store of an offer. Large offers are stored here as documents; methods raise StorageError."""

    def __init__(self, snapshots: Snapshots, outbox: OfferOutbox) -> None:
        self._snapshots = snapshots
        self._outbox = outbox

    def offer_read(
        self,
        before: OfferRow | None,
        offer: WatchedOffer,
        at: datetime,
        context: Context,
        details: Sequence[JobDetail],
    ) -> Planned | None:
        """What to store of an offer that upstream gave at `at`; None if it is nothing.

        `details` are those of this offer whose jobs have not finished here: their changes are not told again.
        """
        stored = None if before is None else before.summary
        if stored is not None and _is_newer(stored, at, context.now):
            return None  # a job that has finished meanwhile knows better
        if stored is not None and is_unchanged(stored, offer.etag):
            return self.notice(before, context)
        known = self._content(before)
        same = stored is not None and stored.gone_at is None and stored.offer_etag == offer.etag
        if same and known is not None and known.body == offer.body:
            return self.notice(before, context)  # upstream sends no eTag
        # What could not be read at the baseline, or was spoiled since, is no news when it can be read.
        silent = context.baseline_at is None or (before is not None and known is None)
        gone = stored is not None and stored.gone_at is not None
        jobs = () if before is None else before.jobs
        told: list[Told] = []
        for detail in details:
            if detail.job_id not in jobs and not _is_behind(detail.offer, known):
                told += decide(known, detail.offer, baseline=silent, told_by_job=True)
                known, gone, jobs = detail.offer, False, (detail.job_id, *jobs)
        told += decide(known, offer, gone=gone, baseline=silent)
        return self._planned(before, offer, at, context, told, jobs)

    def members_of(self, before: OfferRow | None) -> frozenset[str]:
        """The watched members that the snapshot has."""
        known = self._content(before)
        return frozenset() if known is None else present_members(known.content)

    def has_news_that_jobs_may_tell(self, before: OfferRow | None, offer: WatchedOffer, context: Context) -> bool:
        """Whether something would be told. A job may tell that too, or may have changed the offer before."""
        if context.baseline_at is None or (before is not None and is_unchanged(before.summary, offer.etag)):
            return False
        known = self._content(before)
        if before is not None and known is None:
            return False
        return bool(decide(known, offer, gone=before is not None and before.summary.gone_at is not None))

    def job_finished(
        self, before: OfferRow | None, detail: JobDetail, at: datetime, context: Context
    ) -> Planned | None:
        """What to store of the offer in the detail of a job that finished at `at`; None if it is nothing."""
        if before is not None:
            newer = _is_newer(before.summary, at, context.now)
            if newer or detail.job_id in before.jobs or is_unchanged(before.summary, detail.offer.etag):
                return None
        known = self._content(before)
        if _is_behind(detail.offer, known) or (before is not None and detail.offer.etag in before.former_etags):
            return None
        silent = context.baseline_at is None or (before is not None and known is None)
        told = decide(known, detail.offer, baseline=silent, told_by_job=True)
        jobs = (detail.job_id, *(() if before is None else before.jobs))
        # The notices are left to the next run.
        return self._planned(before, detail.offer, at, replace(context, thresholds=Thresholds()), told, jobs)

    def notice(self, before: OfferRow | None, context: Context) -> Planned | None:
        """What to store of an offer that is listed unchanged: a notice may be due."""
        if before is None or not has_news(before.summary, context):
            return None
        notice, announced = _due(before.summary, before.summary.offer, context)
        told = [] if notice is None else [notice]
        offer = self._snapshots.offer(before)
        row = _with_told(
            replace(before, summary=replace(before.summary, notices=announced.text())), told, context.now
        )
        return self._plan(before, row, offer, told, context.now)

    def gone(self, before: OfferRow, context: Context, details: Sequence[JobDetail]) -> Planned | None:
        """What to store of an offer that upstream does not know any more. `details`: see `offer_read`."""
        if before.summary.gone_at is not None:
            return None
        offer = self._snapshots.offer(before)
        told = [Told(DELETED)] if context.baseline_at is not None and before.summary.read_at is not None else []
        calendar = column_after(before.summary.calendar or None, None, now=context.now)
        jobs = dict.fromkeys([*(detail.job_id for detail in details), *before.jobs])
        summary = replace(before.summary, gone_at=context.now, calendar=calendar)
        row = replace(before, summary=summary, jobs=list(jobs)[:REMEMBERED_JOBS])
        return self._plan(before, _with_told(row, told, context.now), offer, told, context.now)

    def never_read(self, before: OfferRow | None, offer_id: str, now: datetime) -> Planned | None:
        """What to store of an offer that is there at the baseline and cannot be read: that it is known."""
        if before is not None:
            return None
        row = OfferRow(summary=StoredSummary(id=offer_id, first_seen_at=now))
        return self._plan(None, row, None, [], now)

    def _planned(
        self,
        before: OfferRow | None,
        offer: WatchedOffer,
        at: datetime,
        context: Context,
        told: Sequence[Told],
        jobs: Sequence[str],
    ) -> Planned:
        stored = StoredSummary(id=offer.id) if before is None else before.summary
        notice, announced = _due(stored, offer, context)
        told = [*told, *([] if notice is None else [notice])]
        summary = StoredSummary(
            id=offer.id,
            etag=stored.etag,
            offer_etag=offer.etag,
            read_at=at,
            name=offer.name,
            state=offer.state or None,
            sub_state=offer.sub_state or None,
            offer_type=offer.offer_type or None,
            accept_by=None if offer.accept_by is None else offer.accept_by.text,
            end=None if offer.end is None else offer.end.text,
            first_seen_at=stored.first_seen_at or context.now,
            gone_at=(stored.gone_at or context.now) if offer.deleted else None,
            last_change_at=stored.last_change_at,
            last_change_type=stored.last_change_type,
            notices=announced.text(),
            calendar=column_after(stored.calendar or None, None if offer.deleted else offer, now=context.now),
        )
        row = OfferRow(
            summary=summary,
            history=() if before is None else before.history,
            jobs=jobs[:REMEMBERED_JOBS],
            former_etags=_former_etags(before, offer),
            parts=self._snapshots.parts(offer.id, offer.body, before),
        )
        return self._plan(before, _with_told(row, told, context.now), offer.body, told, context.now)

    def _plan(
        self, before: OfferRow | None, row: OfferRow, offer: bytes | None, told: Sequence[Told], now: datetime
    ) -> Planned:
        events = [self._outbox.event(each, row.summary.id, offer, now) for each in told]
        return Planned(row, before, self._snapshots.write(row, before), events)

    def _content(self, before: OfferRow | None) -> WatchedOffer | None:
        """The offer in the snapshot; None if there is none that can be read."""
        offer = None if before is None else self._snapshots.offer(before)
        try:
            return None if offer is None else watched_offer(offer)
        except InvalidOffer as error:
            _log.error("the snapshot of an offer is started anew: %s", error)
            return None


def _is_newer(stored: StoredSummary, at: datetime, now: datetime) -> bool:
    """Whether the snapshot is of a later moment than `at`."""
    return stored.read_at is not None and at < stored.read_at <= now + LATEST_READING


def is_unchanged(stored: StoredSummary, etag: str | None) -> bool:
    """Whether an offer that upstream lists with this eTag is as it was read last. `eTag` decides whether to look."""
    is_there = stored.gone_at is None or stored.state == "deleted"
    return etag is not None and stored.offer_etag == etag and is_there and stored.read_at is not None


def has_news(stored: StoredSummary, context: Context) -> bool:
    """Whether a notice is due for an offer that is listed unchanged, from its small columns alone."""
    if stored.gone_at is not None or stored.read_at is None:
        return False
    notice, announced = _due(stored, stored.offer, context)
    return notice is not None or announced != Announced.read(stored.notices)


def _due(stored: StoredSummary, offer: OfferSummary, context: Context) -> tuple[Told | None, Announced]:
    notice, announced = due_notice(
        offer,
        Announced.read(stored.notices),
        context.thresholds,
        now=context.now,
        baseline_at=context.baseline_at,
        is_news=stored.read_at is not None or not stored.etag,
    )
    return None if notice is None else Told.of_notice(notice), announced


def _former_etags(before: OfferRow | None, offer: WatchedOffer) -> list[str]:
    if before is None:
        return []
    etags = [before.summary.offer_etag, *before.former_etags]
    return [etag for etag in dict.fromkeys(etags) if etag is not None and etag != offer.etag][:REMEMBERED_ETAGS]


def _is_behind(detail: WatchedOffer, known: WatchedOffer | None) -> bool:
    """Whether the snapshot is newer than a job's detail: an acceptance is never taken back."""
    return known is not None and known.accepted and detail.waits_for_acceptance


def _with_told(row: OfferRow, told: Sequence[Told], now: datetime) -> OfferRow:
    if not told:
        return row
    history = extended_history(row.history, [offer_change(now, each.type, each.changes) for each in told])
    last = replace(row.summary, last_change_at=now, last_change_type=told[-1].type)
    return replace(row, summary=last, history=history)
