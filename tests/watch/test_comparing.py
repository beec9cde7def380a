"""What is stored and told of an offer, given its snapshot."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.events.event import Event
from shared.events.outbox import Outbox
from shared.json_codec import dumps
from shared.storage.documents import Documents
from shared.storage.table import Table, Write
from shared.watch.calendar_entries import column_after
from shared.watch.changes import present_members
from shared.watch.comparing import Comparison, Context, JobDetail, Planned, has_news, is_unchanged
from shared.watch.events import OfferOutbox
from shared.watch.notices import Announced, Thresholds, due_notice
from shared.watch.offer import WatchedOffer
from shared.watch.rows import REMEMBERED_ETAGS, REMEMBERED_JOBS, OfferChange, OfferRow, StoredSummary
from shared.watch.snapshots import Snapshots
from tests.watch.samples import OFFER_ID, private_offer, watched

BASELINE_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
READ_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
THRESHOLDS = Thresholds().renewed([7], [7], BASELINE_AT)
CONTEXT = Context(NOW, BASELINE_AT, THRESHOLDS)
NO_BASELINE = Context(NOW, None, THRESHOLDS)
CHANGE = OfferChange(at="2026-11-19T12:00:00Z", type="private_offer.changed", changes=["/pricing"])


@pytest.fixture
def comparison(table: Table) -> Comparison:
    documents = Documents(table)

    def announce(_: Sequence[Event]) -> None:
        raise AssertionError("a plan sends nothing")

    return Comparison(Snapshots(table, documents), OfferOutbox(table, documents, Outbox(table, announce)))


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


# An offer that was read


def test_a_new_offer_is_created_and_stored_with_its_event(comparison: Comparison) -> None:
    offer = watched()
    planned = read(comparison, None, offer, at=READ_AT)

    assert planned is not None
    assert planned.before is None
    assert (planned.write.write, planned.write.etag) == (Write.INSERT, None)
    assert planned.write.row == {"PartitionKey": "offers", "RowKey": f"offer~{OFFER_ID}", **planned.row.columns}
    [event] = planned.events
    assert (event.type, event.offer_id, event.offer) == ("private_offer.created", OFFER_ID, offer.body)
    assert (event.created_at, event.details) == (NOW, {})
    assert planned.row == OfferRow(
        summary=StoredSummary(
            id=OFFER_ID,
            offer_etag='"1"',
            read_at=READ_AT,
            name="Renewal 2027",
            state="live",
            sub_state="pendingacceptance",
            offer_type="customerpromotion",
            accept_by="2026-12-31",
            end="2027-01-31",
            first_seen_at=NOW,
            last_change_at=NOW,
            last_change_type="private_offer.created",
            notices=opened(offer, now=NOW, baseline_at=BASELINE_AT),
            calendar=column_after(None, offer, now=NOW),
        ),
        history=[OfferChange(at="2026-11-21T12:00:00Z", type="private_offer.created")],
        parts={"privateOffer": offer.body.decode()},
        former_etags=[],
    )


def test_an_offer_that_changed_replaces_its_row_and_keeps_what_it_remembers(comparison: Comparison) -> None:
    before = row_of(jobs=["job-1"], former_etags=['"0"'])
    offer = watched(eTag='"2"', end="2027-02-28", name=None)
    planned = read(comparison, before, offer)

    assert planned is not None
    assert planned.before is before
    assert (planned.write.write, planned.write.etag) == (Write.UPSERT, 'W/"row"')
    [event] = planned.events
    assert (event.type, event.details) == ("private_offer.changed", {"changes": ["/end"]})
    assert planned.row.summary == replace(
        before.summary,
        offer_etag='"2"',
        read_at=NOW,
        name=None,
        end="2027-02-28",
        last_change_at=NOW,
        calendar=column_after(before.summary.calendar, offer, now=NOW),
    )
    assert planned.row.history == [
        OfferChange(at="2026-11-21T12:00:00Z", type="private_offer.changed", changes=["/end"]),
        CHANGE,
    ]
    assert planned.row.jobs == ["job-1"]
    assert planned.row.former_etags == ['"1"', '"0"']


def test_a_change_that_nobody_watches_is_stored_and_not_told(comparison: Comparison) -> None:
    before = row_of()
    offer = watched(eTag='"2"', name="Another")
    planned = read(comparison, before, offer)

    assert told(planned) == []
    assert planned is not None
    assert planned.row.history == [CHANGE]
    assert planned.row.summary == replace(
        before.summary,
        offer_etag='"2"',
        read_at=NOW,
        name="Another",
        calendar=column_after(before.summary.calendar, offer, now=NOW),
    )


def test_values_that_upstream_did_not_send_are_not_stored(comparison: Comparison) -> None:
    offer = watched(state=None, subState=None, privateOfferType=None, acceptBy=None, end=None)
    planned = read(comparison, None, offer)

    assert planned is not None
    assert planned.row.columns.keys().isdisjoint(("state", "subState", "privateOfferType", "acceptBy", "end"))
    stored = planned.row.summary
    assert (stored.state, stored.sub_state, stored.offer_type) == (None, None, None)


def test_an_offer_that_a_job_has_stored_since_it_was_read_is_left_alone(comparison: Comparison) -> None:
    later = row_of(read_at=NOW + timedelta(seconds=1))
    offer = watched(eTag='"2"', end="2027-02-28")

    assert read(comparison, later, offer) is None
    assert told(read(comparison, row_of(read_at=NOW), offer)) == ["changed"]


def test_an_offer_with_the_same_etag_is_as_it_was(comparison: Comparison) -> None:
    assert read(comparison, row_of(), watched(end="2027-02-28")) is None


def test_an_offer_without_an_etag_is_compared_by_its_text(comparison: Comparison) -> None:
    before = row_of(watched(eTag=None))

    assert read(comparison, before, watched(eTag=None)) is None
    assert told(read(comparison, before, watched(eTag=None, notes="others"))) == []
    assert told(read(comparison, before, watched(eTag=None, end="2027-02-28"))) == ["changed"]


def test_an_offer_with_another_etag_is_stored_though_its_text_is_the_same(comparison: Comparison) -> None:
    before = row_of(offer_etag='"0"')
    planned = read(comparison, before, watched())

    assert told(planned) == []
    assert planned is not None
    assert planned.row.summary.offer_etag == '"1"'


def test_a_notice_is_due_for_an_offer_that_is_as_it_was(comparison: Comparison) -> None:
    for etag in ('"1"', None):
        offer = watched(acceptBy="2026-11-26", eTag=etag)

        assert told(read(comparison, row_of(offer), offer)) == ["expiring"]


def test_a_change_and_a_notice_are_told_in_this_order(comparison: Comparison) -> None:
    before = row_of(watched(acceptBy="2026-11-26"))
    planned = read(comparison, before, watched(eTag='"2"', acceptBy="2026-11-26", end="2027-02-28"))

    assert told(planned) == ["changed", "expiring"]
    assert planned is not None
    assert planned.events[1].details == {"daysLeft": 5}
    assert planned.row.summary.last_change_type == "private_offer.expiring"
    assert [entry["type"] for entry in planned.row.history] == [
        "private_offer.expiring",
        "private_offer.changed",
        "private_offer.changed",
    ]


def test_an_offer_that_had_gone_and_is_back_is_created(comparison: Comparison) -> None:
    gone = row_of(gone_at=READ_AT)
    planned = read(comparison, gone, watched())

    assert told(planned) == ["created"]
    assert planned is not None
    assert planned.row.summary.gone_at is None


def test_an_offer_without_an_etag_that_had_gone_and_is_back_is_created(comparison: Comparison) -> None:
    assert told(read(comparison, row_of(watched(eTag=None), gone_at=READ_AT), watched(eTag=None))) == ["created"]


def test_an_offer_whose_state_becomes_deleted_is_gone_since_then(comparison: Comparison) -> None:
    deleted = watched(eTag='"2"', state="deleted")
    before = row_of()
    planned = read(comparison, before, deleted)

    assert told(planned) == ["deleted"]
    assert planned is not None
    assert planned.row.summary.gone_at == NOW
    assert planned.row.summary.calendar == column_after(before.summary.calendar, None, now=NOW)


def test_a_deleted_offer_that_changes_is_gone_since_it_was_deleted(comparison: Comparison) -> None:
    before = row_of(watched(state="deleted"), gone_at=READ_AT)
    planned = read(comparison, before, watched(state="deleted", eTag='"2"'))

    assert told(planned) == []
    assert planned is not None
    assert planned.row.summary.gone_at == READ_AT


def test_nothing_is_told_before_the_baseline(comparison: Comparison) -> None:
    offer = watched(eTag='"2"', acceptBy="2026-11-22", end="2027-02-28")

    assert told(read(comparison, None, offer, context=NO_BASELINE)) == []
    assert told(read(comparison, row_of(), offer, context=NO_BASELINE)) == []


def test_an_offer_whose_snapshot_is_spoiled_is_stored_and_not_told(comparison: Comparison) -> None:
    planned = read(comparison, spoiled(), watched(eTag='"2"', subState="accepted"))

    assert told(planned) == []
    assert planned is not None
    assert planned.row.summary.sub_state == "accepted"


def test_an_offer_that_could_not_be_read_at_the_baseline_is_no_news(comparison: Comparison) -> None:
    planned = read(comparison, unread(), watched())

    assert told(planned) == []
    assert planned is not None
    assert planned.row.summary.first_seen_at == BASELINE_AT


def test_a_near_date_of_an_offer_that_could_not_be_read_at_the_baseline_is_no_news(comparison: Comparison) -> None:
    near = watched(acceptBy="2026-11-04")
    context = Context(datetime(2026, 11, 1, 15, tzinfo=UTC), BASELINE_AT, THRESHOLDS)

    assert told(read(comparison, unread(), near, context=context, at=context.now)) == []
    assert told(read(comparison, None, near, context=context, at=context.now)) == ["created", "expiring"]


def test_the_last_etags_are_remembered_each_once(comparison: Comparison) -> None:
    before = row_of(former_etags=['"2"', '"0"', '"1"', '"-1"', '"-2"'])
    planned = read(comparison, before, watched(eTag='"2"'))

    assert planned is not None
    assert planned.row.former_etags == ['"1"', '"0"', '"-1"'][:REMEMBERED_ETAGS]


def test_an_offer_without_an_etag_leaves_none_to_remember(comparison: Comparison) -> None:
    planned = read(comparison, row_of(watched(eTag=None), former_etags=['"0"']), watched(eTag='"2"'))

    assert planned is not None
    assert planned.row.former_etags == ['"0"']


# Jobs that have not finished here


def test_what_an_unfinished_job_did_is_not_told(comparison: Comparison) -> None:
    planned = read(
        comparison,
        row_of(jobs=["job-0"]),
        watched(eTag='"2"', end="2027-02-28"),
        detail(end="2027-02-28"),
    )

    assert told(planned) == []
    assert planned is not None
    assert planned.row.jobs == ("job-1", "job-0")


def test_an_offer_that_an_unfinished_job_has_made_is_not_created_too(comparison: Comparison) -> None:
    assert told(read(comparison, None, watched(eTag='"2"'), detail())) == []
    assert told(read(comparison, row_of(gone_at=READ_AT), watched(eTag='"2"'), detail())) == []


def test_what_happened_besides_an_unfinished_job_is_told(comparison: Comparison) -> None:
    planned = read(
        comparison,
        row_of(),
        watched(eTag='"3"', end="2027-02-28", markupPercentage=3),
        detail(end="2027-02-28"),
    )

    assert planned is not None
    assert [event.details for event in planned.events] == [{"changes": ["/markupPercentage"]}]


def test_the_details_of_several_jobs_follow_one_another(comparison: Comparison) -> None:
    planned = read(
        comparison,
        row_of(),
        watched(eTag='"3"', end="2027-02-28", markupPercentage=3),
        detail("job-1", end="2027-02-28"),
        detail("job-2", end="2027-02-28", markupPercentage=3),
    )

    assert told(planned) == []
    assert planned is not None
    assert planned.row.jobs == ("job-2", "job-1")


def test_an_acceptance_that_the_detail_of_an_unfinished_job_shows_is_told_once(comparison: Comparison) -> None:
    accepted: dict[str, Any] = {"end": "2027-02-28", "subState": "accepted"}
    planned = read(comparison, row_of(), watched(eTag='"2"', **accepted), detail(**accepted))

    assert told(planned) == ["accepted"]
    assert planned is not None
    assert planned.events[0].details == {"by": "customer"}


def test_an_acceptance_after_an_unfinished_job_is_told(comparison: Comparison) -> None:
    accepted = watched(eTag='"3"', end="2027-02-28", subState="accepted")

    assert told(read(comparison, row_of(), accepted, detail(end="2027-02-28"))) == ["accepted"]


def test_a_detail_that_the_snapshot_has_is_left_out(comparison: Comparison) -> None:
    planned = read(
        comparison, row_of(jobs=["job-1"]), watched(eTag='"2"', end="2027-02-28"), detail(end="2027-02-28")
    )

    assert told(planned) == ["changed"]
    assert planned is not None
    assert planned.row.jobs == ["job-1"]


def test_a_detail_that_the_snapshot_has_does_not_hide_the_next(comparison: Comparison) -> None:
    planned = read(
        comparison,
        row_of(jobs=["job-1"]),
        watched(eTag='"2"', end="2027-02-28"),
        detail("job-1"),
        detail("job-2", end="2027-02-28"),
    )

    assert told(planned) == []


def test_a_detail_from_before_an_acceptance_takes_nothing_back(comparison: Comparison) -> None:
    before = row_of(watched(subState="accepted"))
    planned = read(comparison, before, watched(eTag='"2"', subState="accepted", name="Another"), detail())

    assert told(planned) == []
    assert planned is not None
    assert planned.row.jobs == ()


def test_the_acceptance_in_a_detail_is_silent_before_the_baseline(comparison: Comparison) -> None:
    accepted = watched(eTag='"2"', subState="accepted")

    assert told(read(comparison, row_of(), accepted, detail(subState="accepted"), context=NO_BASELINE)) == []


def test_only_the_last_jobs_are_remembered(comparison: Comparison) -> None:
    before = row_of(jobs=[f"old-{number}" for number in range(REMEMBERED_JOBS)])
    planned = read(comparison, before, watched(eTag='"2"', end="2027-02-28"), detail(end="2027-02-28"))

    assert planned is not None
    assert planned.row.jobs == ("job-1", *before.jobs[: REMEMBERED_JOBS - 1])


# A job that finishes


def finish(
    comparison: Comparison,
    before: OfferRow | None,
    job: JobDetail,
    *,
    at: datetime = NOW,
    context: Context = CONTEXT,
) -> Planned | None:
    return comparison.job_finished(before, job, at, context)


def test_the_offer_of_a_job_becomes_the_snapshot_and_is_not_told(comparison: Comparison) -> None:
    before = row_of(jobs=["job-0"], former_etags=['"0"'])
    planned = finish(comparison, before, detail(end="2027-02-28"), at=READ_AT + timedelta(hours=1))

    assert told(planned) == []
    assert planned is not None
    assert planned.before is before
    assert planned.write.etag == 'W/"row"'
    assert planned.row.jobs == ("job-1", "job-0")
    assert planned.row.former_etags == ['"1"', '"0"']
    assert planned.row.summary.read_at == READ_AT + timedelta(hours=1)
    assert (planned.row.summary.end, planned.row.summary.offer_etag) == ("2027-02-28", '"of the job"')
    assert planned.row.history == [CHANGE]
    assert (planned.row.summary.last_change_at, planned.row.summary.first_seen_at) == (READ_AT, BASELINE_AT)


def test_the_offer_that_a_job_has_made_gets_a_row(comparison: Comparison) -> None:
    planned = finish(comparison, None, detail())

    assert told(planned) == []
    assert planned is not None
    assert planned.write.write is Write.INSERT
    assert planned.row.jobs == ("job-1",)
    assert planned.row.summary.first_seen_at == NOW


def test_the_detail_of_a_job_replaces_no_newer_snapshot(comparison: Comparison) -> None:
    job = detail(end="2027-02-28")

    assert finish(comparison, row_of(read_at=NOW + timedelta(seconds=1)), job) is None
    assert finish(comparison, row_of(read_at=NOW), job) is not None
    assert finish(comparison, unread(), job) is not None


def test_a_job_is_kept_once(comparison: Comparison) -> None:
    assert finish(comparison, row_of(jobs=["job-0", "job-1"]), detail(end="2027-02-28")) is None


def test_a_detail_with_the_etag_of_the_snapshot_changes_nothing(comparison: Comparison) -> None:
    assert finish(comparison, row_of(offer_etag='"of the job"'), detail(end="2027-02-28")) is None


def test_a_detail_with_an_etag_that_the_offer_had_before_changes_nothing(comparison: Comparison) -> None:
    assert finish(comparison, row_of(former_etags=['"0"', '"of the job"']), detail(end="2027-02-28")) is None


def test_the_detail_of_a_job_takes_no_acceptance_back(comparison: Comparison) -> None:
    assert finish(comparison, row_of(watched(subState="accepted")), detail(end="2027-02-28")) is None
    assert finish(comparison, row_of(watched(subState="accepted")), detail(state="withdrawn")) is not None


def test_an_acceptance_in_the_detail_of_a_job_is_told(comparison: Comparison) -> None:
    planned = finish(comparison, row_of(), detail(subState="accepted", end="2027-02-28"))

    assert told(planned) == ["accepted"]
    assert planned is not None
    assert planned.row.summary.last_change_type == "private_offer.accepted"
    assert planned.row.summary.last_change_at == NOW
    assert told(finish(comparison, None, detail(subState="accepted"))) == ["accepted"]


def test_a_selling_partners_job_does_not_tell_its_own_acceptance_twice(comparison: Comparison) -> None:
    partner: dict[str, Any] = {"privateOfferType": "multiPartyPromotionChannelPartner"}
    before = row_of(watched(subState="pendingPartnerAction", **partner))

    assert told(finish(comparison, before, detail(**partner))) == []


@pytest.mark.parametrize("before", [spoiled(), unread()])
def test_an_acceptance_is_no_news_if_the_snapshot_cannot_be_read(comparison: Comparison, before: OfferRow) -> None:
    assert told(finish(comparison, before, detail(subState="accepted"))) == []


def test_an_acceptance_in_the_detail_of_a_job_is_silent_before_the_baseline(comparison: Comparison) -> None:
    assert told(finish(comparison, row_of(), detail(subState="accepted"), context=NO_BASELINE)) == []


def test_the_notices_of_a_jobs_offer_are_left_to_the_next_run(comparison: Comparison) -> None:
    planned = finish(comparison, row_of(), detail(acceptBy="2026-11-24"))

    assert told(planned) == []
    assert planned is not None
    assert told(comparison.notice(planned.row, CONTEXT)) == ["expiring"]


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


# What a snapshot and an item of the list say


def test_the_members_of_a_snapshot_are_those_with_a_value(comparison: Comparison) -> None:
    assert comparison.members_of(row_of()) == present_members(private_offer())
    assert comparison.members_of(None) == frozenset()
    assert comparison.members_of(spoiled()) == frozenset()


def test_what_would_be_told_may_be_told_by_a_job(comparison: Comparison) -> None:
    def news(before: OfferRow | None, offer: WatchedOffer, context: Context = CONTEXT) -> bool:
        return comparison.has_news_that_jobs_may_tell(before, offer, context)

    changed = watched(eTag='"2"', end="2027-02-28")
    assert news(None, changed)
    assert news(row_of(), changed)
    assert news(row_of(gone_at=READ_AT), watched())
    assert not news(row_of(), watched(eTag='"2"', name="Another"))
    assert not news(row_of(), watched(end="2027-02-28"))
    assert not news(spoiled(), changed)
    assert not news(unread(), changed)
    assert not news(row_of(), changed, NO_BASELINE)
    assert not news(None, changed, NO_BASELINE)


def test_a_large_offer_is_compared_with_its_document(comparison: Comparison, table: Table) -> None:
    large = watched(notes="x" * 40_000)
    reference = Documents(table).put(f"offer~{OFFER_ID}", large.body)
    before = replace(row_of(large), parts={"privateOfferDocument": reference})
    planned = read(comparison, before, watched(eTag='"2"', notes="x" * 40_000, end="2027-02-28"))

    assert told(planned) == ["changed"]
    assert planned is not None
    assert planned.row.parts["privateOfferDocument"] != reference


def test_a_large_offer_that_has_not_changed_keeps_its_document(comparison: Comparison, table: Table) -> None:
    large = watched(notes="x" * 40_000)
    reference = Documents(table).put(f"offer~{OFFER_ID}", large.body)
    before = replace(row_of(large, offer_etag='"0"'), parts={"privateOfferDocument": reference})
    planned = read(comparison, before, large)

    assert planned is not None
    assert planned.row.parts == {"privateOfferDocument": reference}


@pytest.mark.parametrize(
    ("summary", "etag", "unchanged"),
    [
        ({}, '"1"', True),
        ({}, '"2"', False),
        ({}, None, False),
        ({"offer_etag": None}, None, False),
        ({"read_at": None}, '"1"', False),
        ({"gone_at": READ_AT}, '"1"', False),
        ({"gone_at": READ_AT, "state": "deleted"}, '"1"', True),
        ({"gone_at": READ_AT, "state": "deleted"}, '"2"', False),
        ({"state": "deleted", "read_at": None}, '"1"', False),
    ],
)
def test_an_offer_is_unchanged_if_it_is_there_and_was_read_with_this_etag(
    summary: dict[str, Any], etag: str | None, unchanged: bool
) -> None:
    assert is_unchanged(row_of(**summary).summary, etag) is unchanged


def test_there_is_news_of_a_listed_offer_if_a_notice_is_due_or_a_date_has_opened() -> None:
    near = watched(acceptBy="2026-11-26")

    assert has_news(row_of(near).summary, CONTEXT)
    assert has_news(row_of(notices="").summary, CONTEXT)
    assert not has_news(row_of().summary, CONTEXT)
    assert not has_news(row_of(near, gone_at=READ_AT).summary, CONTEXT)
    assert not has_news(row_of(near, read_at=None).summary, CONTEXT)
    assert not has_news(row_of(near).summary, NO_BASELINE)
    assert not has_news(row_of(near).summary, Context(NOW, BASELINE_AT))


def test_a_text_that_is_no_offer_at_all_counts_as_a_spoiled_snapshot(comparison: Comparison) -> None:
    before = replace(row_of(), parts={"privateOffer": dumps({"id": OFFER_ID})})

    assert told(read(comparison, before, watched(eTag='"2"'))) == ["changed"]
    assert told(read(comparison, replace(before, parts={"privateOffer": "[1,"}), watched(eTag='"2"'))) == []
