"""What is stored and told of an offer that was not read: a notice is due, it has gone, or it cannot be read."""

from dataclasses import replace

from shared.storage.table import Write
from shared.watch.calendar_entries import column_after
from shared.watch.comparing import Comparison
from shared.watch.notices import Announced, due_notice
from shared.watch.rows import REMEMBERED_JOBS, OfferChange, OfferRow, StoredSummary
from tests.watch.comparing import (
    BASELINE_AT,
    CHANGE,
    CONTEXT,
    NO_BASELINE,
    NOW,
    READ_AT,
    THRESHOLDS,
    detail,
    opened,
    row_of,
    told,
    unread,
)
from tests.watch.samples import OFFER_ID, watched

# A notice


def test_a_notice_is_stored_with_its_event_and_the_offer(comparison: Comparison) -> None:
    offer = watched(acceptBy="2026-11-26")
    before = row_of(offer, jobs=["job-1"], former_etags=['"0"'])
    planned = comparison.notice(before, CONTEXT)

    assert planned is not None
    [event] = planned.events
    assert (event.type, event.details) == ("private_offer.expiring", {"daysLeft": 5})
    assert (event.offer, event.created_at) == (offer.body, NOW)
    announced = due_notice(
        offer, Announced.read(before.summary.notices), THRESHOLDS, now=NOW, baseline_at=BASELINE_AT
    )[1].text()
    assert announced != before.summary.notices
    assert planned.row == replace(
        before,
        summary=replace(
            before.summary, notices=announced, last_change_at=NOW, last_change_type="private_offer.expiring"
        ),
        history=[OfferChange(at="2026-11-21T12:00:00Z", type="private_offer.expiring"), CHANGE],
    )
    assert planned.before is before


def test_a_date_that_has_opened_is_stored_without_an_event(comparison: Comparison) -> None:
    before = row_of(notices="")
    planned = comparison.notice(before, CONTEXT)

    assert told(planned) == []
    assert planned is not None
    opened_now = opened(watched(), now=NOW, baseline_at=BASELINE_AT)
    assert planned.row == replace(before, summary=replace(before.summary, notices=opened_now))


def test_nothing_is_stored_if_no_notice_is_due(comparison: Comparison) -> None:
    assert comparison.notice(row_of(), CONTEXT) is None
    assert comparison.notice(None, CONTEXT) is None


def test_a_notice_for_an_offer_whose_document_is_missing_comes_without_the_offer(comparison: Comparison) -> None:
    before = replace(row_of(watched(acceptBy="2026-11-26")), parts={})
    planned = comparison.notice(before, CONTEXT)

    assert told(planned) == ["expiring"]
    assert planned is not None
    assert planned.events[0].offer is None


# An offer that has gone


def test_an_offer_that_has_gone_is_deleted_as_it_was(comparison: Comparison) -> None:
    offer = watched()
    before = row_of(offer, jobs=["job-0"], former_etags=['"0"'])
    planned = comparison.gone(before, CONTEXT, [])

    assert planned is not None
    assert planned.before is before
    [event] = planned.events
    assert (event.type, event.details) == ("private_offer.deleted", {})
    assert (event.offer, event.offer_id, event.created_at) == (offer.body, OFFER_ID, NOW)
    assert planned.row == replace(
        before,
        summary=replace(
            before.summary,
            gone_at=NOW,
            last_change_at=NOW,
            last_change_type="private_offer.deleted",
            calendar=column_after(before.summary.calendar, None, now=NOW),
        ),
        history=[OfferChange(at="2026-11-21T12:00:00Z", type="private_offer.deleted"), CHANGE],
    )


def test_an_offer_is_gone_once(comparison: Comparison) -> None:
    assert comparison.gone(row_of(gone_at=READ_AT), CONTEXT, []) is None


def test_an_offer_that_nobody_has_read_goes_silently(comparison: Comparison) -> None:
    planned = comparison.gone(unread(), CONTEXT, [])

    assert told(planned) == []
    assert planned is not None
    assert planned.row.summary == unread(gone_at=NOW).summary


def test_an_offer_goes_silently_before_the_baseline(comparison: Comparison) -> None:
    before = row_of()
    planned = comparison.gone(before, NO_BASELINE, [])

    assert told(planned) == []
    assert planned is not None
    assert planned.row.history == [CHANGE]


def test_the_jobs_of_an_offer_that_has_gone_are_remembered_each_once(comparison: Comparison) -> None:
    before = row_of(jobs=["job-2", *(f"old-{number}" for number in range(REMEMBERED_JOBS))])
    planned = comparison.gone(before, CONTEXT, [detail("job-1"), detail("job-2")])

    assert planned is not None
    assert planned.row.jobs == ["job-1", "job-2", *(f"old-{number}" for number in range(REMEMBERED_JOBS - 2))]


# An offer that cannot be read


def test_an_offer_that_cannot_be_read_at_the_baseline_is_known_from_then_on(comparison: Comparison) -> None:
    planned = comparison.never_read(None, OFFER_ID, NOW)

    assert planned is not None
    assert (planned.before, planned.events) == (None, [])
    assert planned.row == OfferRow(summary=StoredSummary(id=OFFER_ID, first_seen_at=NOW))
    assert planned.write.write is Write.INSERT
    assert planned.write.row["firstSeenAt"] == NOW


def test_an_offer_that_has_a_row_keeps_it_when_it_cannot_be_read(comparison: Comparison) -> None:
    assert comparison.never_read(row_of(), OFFER_ID, NOW) is None
