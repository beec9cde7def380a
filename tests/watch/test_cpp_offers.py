"""The publishing status of CPP offers: changes are announced once, and trouble is named as long as it lasts."""

import contextlib

import pytest

from sandbox.server import Sandbox
from tests.instance import Instance
from tests.killed import Killed, killed_before_write
from tests.watch.runs import ENTRY, INTERVAL_SECONDS, data, kept, requests, run, with_settings

WRITES_OF_A_RUN_WITH_NEWS = 4


@pytest.fixture
def watching(instance: Instance, fresh_sandbox: Sandbox) -> Instance:
    """An instance that has followed one CPP offer for a run, and no private offers."""
    fresh_sandbox.state.add_cpp_offer(*ENTRY, status="running")
    watching = with_settings(instance, watch_cpp_offers=(ENTRY,), watch_private_offers=False)
    run(watching)
    return watching


def test_a_status_that_changes_is_announced_once(watching: Instance, fresh_sandbox: Sandbox) -> None:
    assert watching.announcer.types == []
    fresh_sandbox.state.change_cpp_offer(*ENTRY, status="waitingForPublisherReview")
    reports = [run(watching) for _ in range(3)]
    assert [(report.reason, report.events) for report in reports] == [(None, 1), (None, 0), (None, 0)]
    assert watching.announcer.types == ["cpp_offer.status_changed"]
    news = data(watching)
    assert news["cppOffer"] == {"publisherId": "contoso", "offerId": "watched-vm"}
    assert (news["from"]["status"], set(news["from"])) == ("running", {"status", "steps"})
    assert news["from"] != news["to"]


def test_an_unchanged_status_costs_one_request_and_no_write_of_its_own(
    watching: Instance, fresh_sandbox: Sandbox
) -> None:
    before = watching.table.get("offers", "cpp~contoso~watched-vm")
    asked = requests(fresh_sandbox, lambda: run(watching))
    assert sum(asked.values()) == 1
    assert watching.table.get("offers", "cpp~contoso~watched-vm") == before


@pytest.mark.parametrize("number", range(1, WRITES_OF_A_RUN_WITH_NEWS + 1))
def test_a_run_killed_before_any_write_is_made_up_for(
    watching: Instance, fresh_sandbox: Sandbox, number: int
) -> None:
    fresh_sandbox.state.change_cpp_offer(*ENTRY, status="waitingForPublisherReview")
    with killed_before_write(watching.table, number) as kill, contextlib.suppress(Killed):
        run(watching)
    assert kill.happened
    for _ in range(2):
        run(watching.another())
    assert watching.announcer.types == ["cpp_offer.status_changed"]
    assert kept(watching) == ["cpp~contoso~watched-vm"]


@pytest.mark.parametrize("kind", ["not_found", "role_missing"])
def test_an_offer_that_is_missing_or_refused_is_named_while_it_lasts_and_logged_once(
    watching: Instance, fresh_sandbox: Sandbox, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "offer_monitor.watch")
    fault = fresh_sandbox.state.fault(kind, route="cloud-partner-portal")
    first, second = run(watching), run(watching)
    assert first.ok
    [trouble] = first.cpp_offers
    assert (trouble["publisherId"], trouble["offerId"]) == ENTRY
    assert second.cpp_offers == first.cpp_offers
    fresh_sandbox.state.clear_faults(fault)
    fresh_sandbox.state.change_cpp_offer(*ENTRY, status="waitingForPublisherReview")
    assert run(watching).cpp_offers == []
    assert watching.announcer.types == ["cpp_offer.status_changed"]
    messages = [record.message for record in caplog.records if "contoso/watched-vm" in record.message]
    assert len(messages) == 2


def test_a_new_entry_has_a_baseline_of_its_own_and_one_that_left_is_forgotten(
    watching: Instance, fresh_sandbox: Sandbox
) -> None:
    fresh_sandbox.state.add_cpp_offer("contoso", "other")
    other = with_settings(watching, watch_cpp_offers=(("contoso", "other"),))
    run(other)
    assert kept(watching) == ["cpp~contoso~other"]
    fresh_sandbox.state.change_cpp_offer(*ENTRY, status="waitingForPublisherReview")
    run(watching)
    assert watching.announcer.types == []


def test_retry_after_is_obeyed_and_private_offers_are_followed_meanwhile(
    watching: Instance, fresh_sandbox: Sandbox
) -> None:
    both = with_settings(watching, watch_private_offers=True)
    fresh_sandbox.state.fault(
        "too_many_requests", route="cloud-partner-portal", retry_after_seconds=2 * INTERVAL_SECONDS, count=1
    )
    assert run(both).reason is not None
    asked = requests(fresh_sandbox, lambda: run(both))
    assert all(route.startswith("product-ingestion") for route in asked)
    assert run(both).reason is None


def test_an_absurd_row_gets_a_new_baseline(watching: Instance, fresh_sandbox: Sandbox) -> None:
    watching.table.upsert({"PartitionKey": "offers", "RowKey": "cpp~contoso~watched-vm", "status": "7"})
    fresh_sandbox.state.change_cpp_offer(*ENTRY, status="waitingForPublisherReview")
    run(watching)
    assert watching.announcer.types == []
    fresh_sandbox.state.change_cpp_offer(*ENTRY, status="succeeded")
    run(watching)
    assert watching.announcer.types == ["cpp_offer.status_changed"]


def test_entries_that_a_run_has_no_time_for_are_first_in_the_next(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = tuple(("contoso", f"offer-{number}") for number in range(5))
    for entry in entries:
        fresh_sandbox.state.add_cpp_offer(*entry)
    watching = with_settings(instance, watch_cpp_offers=entries, watch_private_offers=False)
    looks = [0.0]

    def four_seconds_later() -> float:
        looks[0] += 4.0
        return looks[0]

    monkeypatch.setattr(watching.timers.watch, "_monotonic", four_seconds_later)
    for _ in range(6):
        run(watching)
    assert kept(watching) == [f"cpp~contoso~offer-{number}" for number in range(5)]
