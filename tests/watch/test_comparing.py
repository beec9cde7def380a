"""What is stored and told of an offer that was read, given its snapshot."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.json_codec import dumps
from shared.storage.documents import Documents
from shared.storage.table import Table, Write
from shared.watch.calendar_entries import column_after
from shared.watch.changes import present_members
from shared.watch.comparing import LATEST_READING, Comparison, Context, has_news, is_unchanged
from shared.watch.offer import WatchedOffer
from shared.watch.rows import REMEMBERED_ETAGS, OfferChange, OfferRow, StoredSummary
from tests.watch.comparing import (
    BASELINE_AT,
    CHANGE,
    CONTEXT,
    NO_BASELINE,
    NOW,
    READ_AT,
    THRESHOLDS,
    opened,
    read,
    row_of,
    spoiled,
    told,
    unread,
)
from tests.watch.samples import OFFER_ID, private_offer, watched


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


def test_an_offer_that_was_read_too_far_in_the_future_was_read_before_the_clock_was_set_back(
    comparison: Comparison,
) -> None:
    offer, latest = watched(eTag='"2"', end="2027-02-28"), NOW + LATEST_READING

    assert read(comparison, row_of(read_at=latest), offer) is None
    assert told(read(comparison, row_of(read_at=latest + timedelta(microseconds=1)), offer)) == ["changed"]


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
