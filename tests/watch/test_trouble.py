"""Pages that fail, requests that are refused or throttled, and time that runs out."""

from collections.abc import Iterator, Sequence

import pytest

from sandbox.server import Sandbox
from shared.events.event import Event
from shared.storage.errors import StorageUnreachable
from shared.watch.rows import OfferRow
from tests.instance import Instance
from tests.watch.runs import BY_ID, INTERVAL_SECONDS, LISTED, baseline, kept, requests, run, told


def pages(sandbox: Sandbox) -> list[str]:
    """The pages of the list that were asked for: `first`, or the token of a later one."""
    found = [request for request in sandbox.state.requests() if request.route.startswith(LISTED)]
    return [request.query.partition("continuationToken=")[2] or "first" for request in found]


@pytest.fixture
def offer_ids(instance: Instance, fresh_sandbox: Sandbox) -> list[str]:
    """Ten offers on five pages, of which the watch has a baseline."""
    found = [fresh_sandbox.state.add_private_offer() for _ in range(10)]
    baseline(instance)
    fresh_sandbox.state.clear_requests()
    return found


def test_what_was_read_is_announced_even_if_a_later_page_fails_and_the_next_run_goes_on_there(
    instance: Instance, fresh_sandbox: Sandbox, offer_ids: list[str]
) -> None:
    state = fresh_sandbox.state
    tokens = _tokens(instance, fresh_sandbox)
    for offer_id in (offer_ids[0], offer_ids[9]):
        state.accept_private_offer(offer_id)
    state.fault("not_found", path_contains=tokens[2], count=1)
    report = run(instance)
    assert (report.complete, report.ok) == (False, False)
    assert told(instance) == [("accepted", offer_ids[0])]
    state.clear_requests()
    report = run(instance)
    assert (report.complete, report.reason) == (True, None)
    assert pages(fresh_sandbox) == tokens[2:]
    assert told(instance) == [("accepted", offer_ids[0]), ("accepted", offer_ids[9])]


def test_a_run_starts_over_if_the_same_page_fails_again(
    instance: Instance, fresh_sandbox: Sandbox, offer_ids: list[str]
) -> None:
    state = fresh_sandbox.state
    tokens = _tokens(instance, fresh_sandbox)
    state.fault("not_found", path_contains=tokens[2], count=2)
    run(instance)
    state.accept_private_offer(offer_ids[0])
    state.clear_requests()
    assert run(instance).complete
    assert pages(fresh_sandbox) == [tokens[2], *tokens]
    assert told(instance) == [("accepted", offer_ids[0])]


def test_a_page_that_always_fails_keeps_no_offer_before_it_from_being_followed(
    instance: Instance, fresh_sandbox: Sandbox, offer_ids: list[str]
) -> None:
    state = fresh_sandbox.state
    state.fault("not_found", path_contains=_tokens(instance, fresh_sandbox)[2])
    run(instance)
    since = run(instance).since
    for offer_id in offer_ids[:3]:
        state.accept_private_offer(offer_id)
        report = run(instance)
        assert (report.complete, report.since) == (False, since)
    assert told(instance) == [("accepted", offer_id) for offer_id in offer_ids[:3]]
    state.clear_faults()
    state.delete_private_offer(offer_ids[9])
    run(instance)
    run(instance)
    assert told(instance)[3:] == [("deleted", offer_ids[9])]


def test_an_offer_is_not_gone_while_a_page_is_missing(
    instance: Instance, fresh_sandbox: Sandbox, offer_ids: list[str]
) -> None:
    fresh_sandbox.state.fault("not_found", path_contains=_tokens(instance, fresh_sandbox)[4], count=1)
    fresh_sandbox.state.delete_private_offer(offer_ids[0])
    run(instance)
    assert told(instance) == []
    run(instance)
    assert told(instance) == [("deleted", offer_ids[0])]


@pytest.mark.parametrize("kind", ["circular_next_link", "foreign_next_link"])
def test_a_bad_next_link_counts_as_a_failed_page_whose_offers_are_followed(
    instance: Instance, fresh_sandbox: Sandbox, offer_ids: list[str], kind: str
) -> None:
    tokens = _tokens(instance, fresh_sandbox)
    fresh_sandbox.state.accept_private_offer(offer_ids[3])
    fault = fresh_sandbox.state.fault(kind, path_contains=tokens[1])
    assert "next link" in (run(instance).reason or "")
    assert told(instance) == [("accepted", offer_ids[3])]
    fresh_sandbox.state.clear_requests()
    assert not run(instance).complete
    assert pages(fresh_sandbox) == [tokens[1], "first", tokens[1]]
    fresh_sandbox.state.clear_faults(fault)
    assert run(instance).complete


@pytest.mark.parametrize("route", [LISTED, BY_ID])
def test_retry_after_is_obeyed_even_if_it_is_longer_than_the_interval(
    instance: Instance, fresh_sandbox: Sandbox, offer_ids: list[str], route: str
) -> None:
    fresh_sandbox.state.change_private_offer(offer_ids[0], end="2028-06-30")
    fresh_sandbox.state.fault("too_many_requests", route=route, retry_after_seconds=2 * INTERVAL_SECONDS, count=1)
    assert run(instance).reason is not None
    assert requests(fresh_sandbox, lambda: run(instance)) == {}
    report = run(instance)
    assert report.reason is None
    assert told(instance) == [("changed", offer_ids[0])]


def test_a_refused_token_stops_the_run_and_is_named_until_it_is_accepted(
    instance: Instance, fresh_sandbox: Sandbox, offer_ids: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    fresh_sandbox.state.accept_private_offer(offer_ids[0])
    fault = fresh_sandbox.state.fault("expired_token", route="product-ingestion")
    first, second = run(instance), run(instance)
    assert (first.ok, second.ok) == (False, False)
    assert (first.reason, first.since) == (second.reason, second.since)
    assert [record.message for record in caplog.records if "in trouble" in record.message] == [
        f"the watch is in trouble: {first.reason}"
    ]
    fresh_sandbox.state.clear_faults(fault)
    assert run(instance).ok
    assert told(instance) == [("accepted", offer_ids[0])]


def test_a_run_that_has_no_time_left_goes_on_where_it_stopped(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = fresh_sandbox.state
    offer_ids = [state.add_private_offer() for _ in range(10)]
    looks = [0.0]

    def a_look(per_look: float) -> Iterator[float]:
        while True:
            looks[0] += per_look
            yield looks[0]

    clock = a_look(3.0)
    monkeypatch.setattr(instance.timers.watch, "_monotonic", lambda: next(clock))
    reports = [run(instance) for _ in range(20)]
    assert not reports[0].complete
    assert any(report.complete for report in reports)
    assert instance.announcer.types == []
    assert len(kept(instance)) == len(offer_ids)
    assert all(report.reason is None for report in reports)
    first_complete = next(number for number, report in enumerate(reports) if report.complete)
    state.accept_private_offer(offer_ids[0])
    state.delete_private_offer(offer_ids[9])
    for _ in range(2 * first_complete + 4):
        run(instance)
    assert sorted(told(instance)) == sorted([("accepted", offer_ids[0]), ("deleted", offer_ids[9])])


def test_an_interrupted_baseline_makes_no_news_of_what_it_did_not_reach(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    state = fresh_sandbox.state
    offer_ids = [state.add_private_offer() for _ in range(10)]
    state.fault("not_found", path_contains="page-", count=1)
    assert not run(instance).complete
    state.accept_private_offer(offer_ids[0])
    state.add_private_offer()
    assert run(instance).complete
    run(instance)
    state.accept_private_offer(offer_ids[9])
    run(instance)
    assert [event for event in told(instance) if event[1] == offer_ids[9]] == [("accepted", offer_ids[9])]
    assert ("created", offer_ids[5]) not in told(instance)


def test_an_offer_that_cannot_be_read_at_the_baseline_is_no_news_when_it_can(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    fault = fresh_sandbox.state.fault("invalid_json", route=BY_ID)
    report = run(instance)
    assert report.complete
    assert offer_id in (report.reason or "")
    fresh_sandbox.state.clear_faults(fault)
    assert run(instance).reason is None
    assert instance.announcer.types == []
    fresh_sandbox.state.accept_private_offer(offer_id)
    run(instance)
    assert told(instance) == [("accepted", offer_id)]


def test_a_date_that_was_near_or_past_at_the_baseline_is_no_news_of_an_offer_that_could_not_be_read_then(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    state = fresh_sandbox.state
    for accept_by in ("2026-11-10", "2026-11-25"):
        state.add_private_offer(acceptBy=accept_by)
    later = state.add_private_offer(acceptBy="2026-11-28")
    fault = state.fault("invalid_json", route=BY_ID)
    run(instance)
    state.clear_faults(fault)
    instance.clock.advance(24 * 3600)
    run(instance)
    assert told(instance) == [("expiring", later)]


def test_a_pause_that_upstream_asks_for_when_it_fails_to_give_an_offer_is_obeyed_by_the_next_run(
    instance: Instance, fresh_sandbox: Sandbox, offer_ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.upstream.transport.RETRIES_MAX", 0)
    for offer_id in offer_ids[:2]:
        fresh_sandbox.state.change_private_offer(offer_id, end="2028-06-30")
    fresh_sandbox.state.fault(
        "server_error", path_contains=offer_ids[0], retry_after_seconds=2 * INTERVAL_SECONDS, count=1
    )
    run(instance)
    assert told(instance) == [("changed", offer_ids[1])]
    assert requests(fresh_sandbox, lambda: run(instance)) == {}
    run(instance)
    assert told(instance)[1:] == [("changed", offer_ids[0])]


def test_notices_of_many_offers_at_once_are_spread_over_several_runs_if_time_runs_out(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = fresh_sandbox.state
    state.change_settings(page_size=50)
    offer_ids = [state.add_private_offer(acceptBy="2026-11-28") for _ in range(12)]
    baseline(instance)
    instance.clock.advance(24 * 3600)
    seconds = [0.0]
    get = instance.stores.snapshots.get

    def slowly(offer_id: str) -> OfferRow | None:
        seconds[0] += 8
        return get(offer_id)

    with monkeypatch.context() as patch:
        patch.setattr(instance.stores.snapshots, "get", slowly)
        patch.setattr(instance.timers.watch, "_monotonic", lambda: seconds[0])
        assert not run(instance).complete
        assert 0 < len(told(instance)) < len(offer_ids)
    assert run(instance).complete
    assert sorted(told(instance)) == sorted(("expiring", offer_id) for offer_id in offer_ids)


def test_events_that_many_runs_have_left_behind_do_not_take_all_the_time_of_one(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.events.EVENTS_AT_ONCE", 2)
    offer_ids = [fresh_sandbox.state.add_private_offer() for _ in range(8)]
    baseline(instance)
    for offer_id in offer_ids:
        fresh_sandbox.state.accept_private_offer(offer_id)
    announce, seconds = instance.announcer.announce, [0.0]

    def unreachable(_: Sequence[Event]) -> None:
        raise StorageUnreachable("storage did not answer")

    def slowly(events: Sequence[Event]) -> None:
        seconds[0] += 8
        announce(events)

    with monkeypatch.context() as patch:
        patch.setattr(instance.announcer, "announce", unreachable)
        run(instance)
    with monkeypatch.context() as patch:
        patch.setattr(instance.announcer, "announce", slowly)
        patch.setattr(instance.timers.watch, "_monotonic", lambda: seconds[0])
        assert run(instance).complete
    assert 0 < len(told(instance)) < len(offer_ids)
    run(instance)
    assert sorted(told(instance)) == sorted(("accepted", offer_id) for offer_id in offer_ids)


def _tokens(instance: Instance, sandbox: Sandbox) -> list[str]:
    """The pages of the list, from the first."""
    sandbox.state.clear_requests()
    run(instance)
    found = pages(sandbox)
    sandbox.state.clear_requests()
    return found
