"""Rows, offers and details as a comparison gets them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shared.watch.calendar_entries import column_after
from shared.watch.comparing import Comparison, Context, JobDetail, Planned
from shared.watch.notices import Announced, Thresholds, due_notice
from shared.watch.offer import WatchedOffer
from shared.watch.rows import OfferChange, OfferRow, StoredSummary
from tests.watch.samples import OFFER_ID, watched

BASELINE_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
READ_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
THRESHOLDS = Thresholds().renewed([7], [7], BASELINE_AT)
CONTEXT = Context(NOW, BASELINE_AT, THRESHOLDS)
NO_BASELINE = Context(NOW, None, THRESHOLDS)
CHANGE = OfferChange(at="2026-11-19T12:00:00Z", type="private_offer.changed", changes=["/pricing"])


def opened(offer: WatchedOffer, *, now: datetime = BASELINE_AT, baseline_at: datetime | None = None) -> str:
    """The notices column of an offer that was seen first at `now`."""
    return due_notice(offer, Announced(), THRESHOLDS, now=now, baseline_at=baseline_at)[1].text()


def row_of(
    offer: WatchedOffer | None = None,
    *,
    jobs: Sequence[str] = (),
    former_etags: Sequence[str] = (),
    **summary: Any,  # noqa: ANN401 - a member of the summary
) -> OfferRow:
    """The row of an offer that was read at READ_AT."""
    offer = offer or watched()
    about: dict[str, Any] = {
        "id": offer.id,
        "etag": 'W/"row"',
        "offer_etag": offer.etag,
        "read_at": READ_AT,
        "name": offer.name,
        "state": offer.state,
        "sub_state": offer.sub_state or None,
        "offer_type": offer.offer_type,
        "accept_by": None if offer.accept_by is None else offer.accept_by.text,
        "end": None if offer.end is None else offer.end.text,
        "first_seen_at": BASELINE_AT,
        "last_change_at": READ_AT,
        "last_change_type": "private_offer.changed",
        "notices": opened(offer),
        "calendar": column_after(None, offer, now=BASELINE_AT),
    }
    return OfferRow(
        summary=StoredSummary(**(about | summary)),
        history=[CHANGE],
        jobs=jobs,
        former_etags=former_etags,
        parts={"privateOffer": offer.body.decode()},
    )


def spoiled(**summary: Any) -> OfferRow:  # noqa: ANN401 - a member of the summary
    """A row whose offer somebody has spoiled."""
    return replace(row_of(**summary), parts={"privateOffer": '{"id":7}'})


def unread(**summary: Any) -> OfferRow:  # noqa: ANN401 - a member of the summary
    """The row of an offer that could not be read at the baseline."""
    about = StoredSummary(id=OFFER_ID, etag='W/"row"', first_seen_at=BASELINE_AT)
    return OfferRow(summary=replace(about, **summary))


def detail(job_id: str = "job-1", **members: Any) -> JobDetail:  # noqa: ANN401 - any JSON value
    return JobDetail(job_id, watched(eTag='"of the job"', **members))


def told(planned: Planned | None) -> list[str]:
    """The types of the events that a plan has, without `private_offer.`."""
    assert planned is not None
    return [event.type.removeprefix("private_offer.") for event in planned.events]


def read(
    comparison: Comparison,
    before: OfferRow | None,
    offer: WatchedOffer,
    *details: JobDetail,
    at: datetime = NOW,
    context: Context = CONTEXT,
) -> Planned | None:
    return comparison.offer_read(before, offer, at, context, details)


def finish(
    comparison: Comparison,
    before: OfferRow | None,
    job: JobDetail,
    *,
    at: datetime = NOW,
    context: Context = CONTEXT,
) -> Planned | None:
    return comparison.job_finished(before, job, at, context)
