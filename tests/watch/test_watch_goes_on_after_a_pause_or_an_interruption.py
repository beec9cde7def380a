"""When a run waits for upstream, and where it goes on (shared/watch/watch.py)."""

from datetime import timedelta

import pytest

from sandbox.server import Sandbox
from shared.storage.documents import Documents
from tests.instance import Instance
from tests.watch.runs import (
    BY_ID,
    ENTRY,
    INTERVAL_SECONDS,
    LISTED,
    baseline,
    kept,
    requests,
    run,
    run_row,
    with_settings,
)


def first_pages(sandbox: Sandbox) -> int:
    """How many times the list was read from its first page."""
    return sum(request.route == LISTED for request in sandbox.state.requests())


# A pause


@pytest.mark.parametrize(("later", "paused"), [(timedelta(days=1), True), (timedelta(days=1, seconds=1), False)])
def test_a_pause_that_upstream_cannot_have_asked_for_is_ignored(
    instance: Instance, fresh_sandbox: Sandbox, later: timedelta, paused: bool
) -> None:
    baseline(instance)
    next_run = instance.clock.now() + timedelta(seconds=INTERVAL_SECONDS)
    instance.table.upsert({**run_row(instance), "notBefore": next_run + later})

    assert (requests(fresh_sandbox, lambda: run(instance)) == {}) is paused


def test_a_pause_is_over_at_its_moment_and_then_forgotten(instance: Instance, fresh_sandbox: Sandbox) -> None:
    baseline(instance)
    next_run = instance.clock.now() + timedelta(seconds=INTERVAL_SECONDS)
    instance.table.upsert({**run_row(instance), "notBefore": next_run})

    assert requests(fresh_sandbox, lambda: run(instance))[LISTED] == 1
    assert "notBefore" not in run_row(instance)


def test_a_run_during_a_pause_reports_the_trouble_and_follows_cpp_offers(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    fresh_sandbox.state.add_cpp_offer(*ENTRY)
    both = with_settings(instance, watch_cpp_offers=(ENTRY,))
    fresh_sandbox.state.fault("too_many_requests", route=LISTED, retry_after_seconds=2 * INTERVAL_SECONDS, count=1)
    first = run(both)
    second = run(both)

    assert first.reason is not None
    assert (second.reason, second.since) == (first.reason, first.since)
    assert (second.at, second.complete, second.cpp_read) == (both.clock.now(), False, 1)
    assert "claimedUntil" not in run_row(instance)


# Where a run goes on


@pytest.mark.parametrize(("ago", "resumed"), [(timedelta(days=1), False), (timedelta(days=1, seconds=-1), True)])
def test_a_run_that_was_interrupted_long_ago_starts_over(
    instance: Instance, fresh_sandbox: Sandbox, ago: timedelta, resumed: bool
) -> None:
    for _ in range(6):
        fresh_sandbox.state.add_private_offer()
    fresh_sandbox.state.fault("not_found", path_contains="page-", count=1)
    assert not run(instance).complete
    fresh_sandbox.state.clear_requests()
    instance.clock.advance((ago - timedelta(seconds=INTERVAL_SECONDS)).total_seconds())

    assert run(instance).complete
    assert first_pages(fresh_sandbox) == (0 if resumed else 1)
    assert len(kept(instance)) == 6


def test_a_run_that_goes_on_asks_for_no_offer_that_it_has_seen(instance: Instance, fresh_sandbox: Sandbox) -> None:
    for _ in range(6):
        fresh_sandbox.state.add_private_offer()
    baseline(instance)
    fresh_sandbox.state.fault("not_found", path_contains="page-", count=1)
    assert not run(instance).complete

    assert requests(fresh_sandbox, lambda: run(instance))[BY_ID] == 0
    assert list(Documents(instance.table).by_owner()) == []


def test_a_run_that_begins_in_the_future_starts_over(instance: Instance, fresh_sandbox: Sandbox) -> None:
    for _ in range(6):
        fresh_sandbox.state.add_private_offer()
    fresh_sandbox.state.fault("not_found", path_contains="page-", count=1)
    run(instance)
    next_run = instance.clock.now() + timedelta(seconds=INTERVAL_SECONDS)
    fresh_sandbox.state.clear_requests()
    instance.table.upsert({**run_row(instance), "startedAt": next_run + timedelta(seconds=1)})

    assert run(instance).complete
    assert first_pages(fresh_sandbox) == 1


def test_a_run_whose_document_is_missing_starts_over(instance: Instance, fresh_sandbox: Sandbox) -> None:
    for _ in range(6):
        fresh_sandbox.state.add_private_offer()
    fresh_sandbox.state.fault("not_found", path_contains="page-", count=1)
    run(instance)
    [(owner, entities)] = Documents(instance.table).by_owner()
    Documents(instance.table).delete_entities(owner, entities)
    fresh_sandbox.state.clear_requests()

    assert run(instance).complete
    assert first_pages(fresh_sandbox) == 1
    assert instance.announcer.types == []


def test_a_complete_run_leaves_nothing_to_go_on_with(instance: Instance, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.add_private_offer()
    baseline(instance)
    row = run_row(instance)

    assert row["baselineAt"] == instance.clock.now()
    assert row.keys().isdisjoint(
        ("claimedUntil", "startedAt", "place", "seenDocument", "notBefore", "trouble", "troubleSince")
    )
    assert (row["pageFailed"], row["confirming"]) == (False, False)
