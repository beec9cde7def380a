"""What is stored and told of an offer that jobs have changed, given its snapshot and the jobs' details."""

from datetime import timedelta
from typing import Any

import pytest

from shared.storage.table import Write
from shared.watch.comparing import Comparison
from shared.watch.rows import REMEMBERED_JOBS, OfferRow
from tests.watch.comparing import (
    BASELINE_AT,
    CHANGE,
    CONTEXT,
    NO_BASELINE,
    NOW,
    READ_AT,
    detail,
    finish,
    read,
    row_of,
    spoiled,
    told,
    unread,
)
from tests.watch.samples import watched

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


def test_what_the_first_of_several_details_shows_is_told(comparison: Comparison) -> None:
    accepted: dict[str, Any] = {"end": "2027-02-28", "subState": "accepted"}
    planned = read(
        comparison,
        row_of(),
        watched(eTag='"3"', **accepted),
        detail("job-1", **accepted),
        detail("job-2", **accepted),
    )

    assert told(planned) == ["accepted"]


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


def test_an_acceptance_that_the_snapshot_has_is_not_told_again_by_a_job(comparison: Comparison) -> None:
    before = row_of(watched(subState="accepted"))

    assert told(finish(comparison, before, detail(subState="accepted", end="2027-02-28"))) == []


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
