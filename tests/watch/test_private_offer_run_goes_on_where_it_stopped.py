"""Where an invocation stops, and where the next one goes on (shared/watch/private_offers.py)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.watch.job_details import DetailsUnknown
from tests.watch.invocations import FAILED, THROTTLED, A, B, C, Running, offer
from tests.watch.samples import without

# Upstream takes no more requests


@pytest.mark.parametrize("where", ["page", "offer", "detail"])
def test_a_run_that_upstream_stops_says_so_and_goes_on_after_the_pause(running: Running, where: str) -> None:
    running.make_baseline([offer(A)])
    changed = offer(A, 2, end="2028-06-30")
    listed: Sequence[object] = [changed if where == "detail" else without(changed, "pricing")]
    if where == "offer":
        running.script.offers[A] = THROTTLED
    if where == "detail":
        running.details.unknown[A] = DetailsUnknown(THROTTLED)
    found = running.go_on(THROTTLED if where == "page" else listed)

    assert found.reason == "upstream asks for fewer requests"
    assert running.state.not_before == running.clock.now() + timedelta(seconds=1800)
    assert running.state.interrupted
    assert not running.state.page_failed
    running.script.offers[A], running.details.unknown = changed, {}
    assert running.go_on(listed).reason is None
    assert running.announced == ["changed"]


def test_of_several_offers_that_are_left_one_may_say_that_upstream_stops(running: Running) -> None:
    running.make_baseline([offer(A), offer(B)])
    running.details.unknown = {A: DetailsUnknown(None), B: DetailsUnknown(THROTTLED)}
    found = running.go_on([offer(A, 2, end="2028-06-30"), offer(B, 2, end="2028-06-30")])

    assert found.reason == "upstream asks for fewer requests"


# From page to page


def test_a_page_is_waited_for_until_the_last_moment_for_answers(running: Running) -> None:
    def later() -> None:
        running.seconds = 20.0

    running.script.before_page[0] = later
    running.go_on([offer(A)], [offer(B)])
    assert running.script.page_timeouts_seconds == [42.0, 22.0]


def test_a_page_that_fails_is_named_with_the_reason_and_the_pause(running: Running) -> None:
    found = running.go_on([offer(A)], FAILED)

    assert found.reason == "a page of upstream's list failed: upstream failed"
    assert running.state.not_before == running.clock.now() + timedelta(seconds=60)
    assert running.state.page_failed


def test_a_page_that_fails_for_the_first_time_is_tried_again_by_the_next_invocation(running: Running) -> None:
    running.script.before_page[1] = running.no_time
    running.go_on([offer(A)], [offer(B)], [offer(C)])
    assert running.state.interrupted
    running.script.before_page = {}
    running.go_on([offer(A)], [offer(B)], FAILED)

    assert running.script.read_pages == [1, 2]
    running.go_on([offer(A)], [offer(B)], [offer(C)])
    assert running.script.read_pages == [2]
    assert not running.state.interrupted
    assert set(running.snapshots.index()) == {A, B, C}


def test_a_page_that_works_again_is_forgotten_to_have_failed(running: Running) -> None:
    running.go_on([offer(A)], FAILED, [offer(C)])
    running.script.before_page[2] = running.no_time
    running.go_on([offer(A)], [offer(B)], [offer(C)])

    assert running.state.interrupted
    assert not running.state.page_failed


def test_a_run_that_began_this_very_moment_goes_on(running: Running) -> None:
    running.go_on([offer(A)], FAILED)
    row = running.table.get("offers", "run") or {}
    running.table.upsert({**row, "startedAt": running.clock.now() + timedelta(seconds=900)})
    running.go_on([offer(A)], [offer(B)])

    assert running.script.read_pages == [1]


def test_the_first_page_may_fail_twice_without_being_read_again(running: Running) -> None:
    for _ in range(2):
        running.go_on(FAILED)

        assert running.script.read_pages == [0]


def test_offers_that_are_left_hold_their_page_back(running: Running) -> None:
    running.make_baseline([offer(A)], [offer(B)])
    running.details.unknown[A] = DetailsUnknown(None)
    found = running.go_on([offer(A, 2, end="2028-06-30")], [offer(B)])

    assert running.script.read_pages == [0]
    assert (found.reason, found.seen, running.state.interrupted) == (None, set(), True)
    assert running.announced == []

    running.details.unknown = {}
    running.go_on()
    assert running.script.read_pages == [0, 1]
    assert running.announced == ["changed"]


def test_details_may_wait_once_the_invocation_is_done_with_a_page(running: Running) -> None:
    running.make_baseline([offer(A)], [offer(B)])
    changed = [offer(A, 2, end="2028-06-30")], [offer(B, 2, end="2028-06-30")]
    running.go_on(*changed)
    assert running.details.asked == [(A, False, True), (B, True, True)]


def test_a_detail_that_has_failed_is_not_tried_for_ever(running: Running) -> None:
    running.make_baseline([offer(A)], [offer(B)])
    running.details.unknown[A] = DetailsUnknown(None)
    pages = [offer(A, 2, end="2028-06-30")], [offer(B, 2, end="2028-06-30")]
    running.go_on(*pages)
    running.details.unknown = {}
    running.go_on(*pages)

    assert running.details.asked == [(A, False, False), (B, True, True)]


# Offers that are not listed any more


def test_offers_that_are_not_listed_are_asked_for_whatever_their_ids_begin_with(running: Running) -> None:
    ids = ["0-1", "A".lower(), "f-1", "zz"]
    running.make_baseline([*(offer(each) for each in ids)])
    running.script.offers = {each: offer(each) for each in ids}
    running.go_on([offer(A)])

    assert sorted(running.script.read_ids) == ids


def test_a_confirmation_goes_on_after_the_offers_that_it_is_done_with(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.reading.READING_THREADS", 1)
    ids = ["a", "b", "c", "d"]
    running.make_baseline([*(offer(each) for each in ids)])
    running.script.offers = {each: offer(each) for each in ids} | {"c": THROTTLED}
    running.go_on([])
    assert running.script.read_ids[:3] == ["a", "b", "c"]
    assert running.state.confirming

    running.script.offers["c"] = offer("c")
    running.go_on()
    assert running.script.read_pages == []
    assert sorted(running.script.read_ids) == ["c", "d"]
    assert not running.state.interrupted


def test_an_offer_that_has_gone_is_left_if_the_details_of_jobs_are_not_known(running: Running) -> None:
    running.make_baseline([offer(A), offer(B)])
    running.details.unknown[A] = DetailsUnknown(None)
    running.go_on([])
    assert running.announced == ["deleted"]
    assert running.state.confirming

    running.details.unknown = {}
    running.go_on()
    assert running.announced == ["deleted", "deleted"]
    assert not running.state.interrupted
    running.go_on()
    assert running.script.read_ids == []


def test_an_offer_that_has_gone_is_not_passed_over_if_the_confirmation_stops_before_it_is_stored(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.reading.READING_THREADS", 1)
    running.make_baseline([offer("a"), offer("b")])
    running.script.offers = {"b": THROTTLED}
    running.details.unknown["a"] = DetailsUnknown(None)
    running.go_on([])
    assert running.announced == []

    running.details.unknown = {}
    running.script.offers = {"b": offer("b")}
    running.go_on()
    assert running.announced == ["deleted"]
    assert not running.state.interrupted


def test_the_state_in_which_a_confirmation_is_left_is_that_of_the_list_without_its_place(running: Running) -> None:
    running.make_baseline([offer(A)], [offer(B)])
    running.script.before_page[1] = running.no_time
    running.go_on([offer(A)], [])
    before = running.state
    assert before.confirming
    assert before == replace(before, place=None, page_failed=False)
