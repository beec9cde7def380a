"""Private offers are forgotten when the watch is turned off, the baseline first (shared/watch/watch.py)."""

import contextlib

import pytest

from sandbox.server import Sandbox
from shared.storage.documents import Documents
from shared.watch.watch import WatchReport
from tests.commits import recorded_commits
from tests.instance import Instance
from tests.killed import Killed, killed_before_write
from tests.watch.runs import (
    ENTRY,
    INTERVAL_SECONDS,
    LISTED,
    STATUS,
    baseline,
    kept,
    run,
    run_row,
    with_settings,
)

# The claim, the state without a baseline, two groups of rows, the release, and the deletion of the run's row.
WRITES = 6


@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_a_watch_that_is_killed_while_it_forgets_makes_no_news_when_it_is_turned_on_again(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr("shared.watch.snapshots.REMOVED_AT_ONCE", 2)
    offer_ids = [fresh_sandbox.state.add_private_offer() for _ in range(4)]
    baseline(instance)
    off = with_settings(instance, watch_private_offers=False)
    with killed_before_write(off.table, number) as kill, contextlib.suppress(Killed):
        run(off)
    assert kill.happened
    for _ in range(2):
        run(instance)

    assert instance.announcer.types == []
    assert kept(instance) == sorted(f"offer~{offer_id}" for offer_id in offer_ids)


def test_forgetting_takes_as_many_writes_as_the_test_above_covers(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.watch.snapshots.REMOVED_AT_ONCE", 2)
    for _ in range(4):
        fresh_sandbox.state.add_private_offer()
    baseline(instance)
    off = with_settings(instance, watch_private_offers=False)
    with killed_before_write(off.table, 1000) as kill:
        run(off)

    assert kill.writes == WRITES


def test_the_events_of_cpp_offers_are_counted_without_private_offers(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    fresh_sandbox.state.add_cpp_offer(*ENTRY, status="running")
    only_cpp = with_settings(instance, watch_cpp_offers=(ENTRY,), watch_private_offers=False)
    run(only_cpp)
    fresh_sandbox.state.change_cpp_offer(*ENTRY, status="succeeded")

    assert run(only_cpp).events == 1


def test_a_pause_that_upstream_asked_for_is_forgotten_with_the_offers(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    fresh_sandbox.state.add_cpp_offer(*ENTRY)
    both = with_settings(instance, watch_cpp_offers=(ENTRY,))
    fresh_sandbox.state.fault("too_many_requests", route=LISTED, retry_after_seconds=9 * INTERVAL_SECONDS, count=1)
    assert run(both).reason is not None
    run(with_settings(instance, watch_cpp_offers=(ENTRY,), watch_private_offers=False))

    assert run(both).complete


def test_a_watch_that_was_never_on_makes_no_row(instance: Instance, fresh_sandbox: Sandbox) -> None:
    off = with_settings(instance, watch_private_offers=False)
    with recorded_commits(off.table) as commits:
        report = run(off)

    assert report == WatchReport(at=instance.clock.now(), complete=True)
    assert commits == []
    assert fresh_sandbox.state.requests() == []


def test_private_offers_are_forgotten_and_cpp_offers_followed(instance: Instance, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.add_cpp_offer(*ENTRY)
    fresh_sandbox.state.add_private_offer()
    both = with_settings(instance, watch_cpp_offers=(ENTRY,))
    run(both)
    only_cpp = with_settings(instance, watch_cpp_offers=(ENTRY,), watch_private_offers=False)
    report = run(only_cpp)

    assert (report.at, report.reason, report.complete, report.cpp_read) == (instance.clock.now(), None, True, 1)
    assert kept(instance) == ["cpp~contoso~watched-vm"]
    assert "baselineAt" not in run_row(instance)
    fresh_sandbox.state.fault("bad_request", route=STATUS)
    assert (run(only_cpp).reason or "").startswith("contoso/watched-vm: ")
    assert run_row(instance)["trouble"].startswith("contoso/watched-vm: ")


def test_an_interrupted_run_is_forgotten_when_the_watch_is_turned_off(
    instance: Instance, fresh_sandbox: Sandbox
) -> None:
    for _ in range(6):
        fresh_sandbox.state.add_private_offer()
    fresh_sandbox.state.fault("not_found", path_contains="page-", count=1)
    run(instance)
    run(with_settings(instance, watch_private_offers=False))

    assert list(instance.table.rows("PartitionKey eq 'offers'")) == []
    assert list(Documents(instance.table).by_owner()) == []
