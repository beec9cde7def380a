"""Which listed offers an invocation asks for by their ids, and how it treats those that it cannot read.

The code is in shared/watch/private_offers.py.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.upstream.errors import UpstreamError, UpstreamServerError
from shared.watch.offer import MOST_VALUES
from shared.watch.private_offers import OfferCounts
from tests.commits import recorded_commits
from tests.watch.invocations import API, FAILED, A, B, C, Running, offer
from tests.watch.samples import without

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


def test_a_new_item_that_cannot_be_followed_is_asked_for_by_its_id(running: Running) -> None:
    running.make_baseline([offer(A)])
    running.script.offers[B] = offer(B)
    running.go_on([offer(A), offer(B, pricing=[0] * (MOST_VALUES + 1))])

    assert running.script.read_ids == [B]
    assert running.announced == ["created"]


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
