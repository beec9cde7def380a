"""What a run reports and logs, also when it fails (shared/watch/watch.py)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.server import Sandbox
from shared.json_codec import loads
from shared.storage.errors import StorageUnreachable
from shared.storage.table import Change
from shared.watch.private_offers import OfferCounts
from shared.watch.watch import WatchReport
from tests.instance import Instance
from tests.watch.runs import (
    BY_ID,
    ENTRY,
    LISTED,
    STATUS,
    baseline,
    run,
    run_row,
    told,
    with_settings,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


# The report


def test_a_report_has_its_facts_as_json() -> None:
    trouble: Any = {"publisherId": "contoso", "offerId": "vm", "reason": "missing", "since": "2026-11-21T12:00:00Z"}
    report = WatchReport(
        at=NOW,
        reason="it failed",
        since=NOW,
        cpp_offers=(trouble,),
        cpp_read=9,
        counts=OfferCounts(listed=8, read_by_id=7, failed=2, malformed=3),
        events=6,
        complete=True,
    )

    assert report.facts() == {
        "reason": "it failed",
        "since": "2026-11-21T12:00:00Z",
        "cppOffers": [trouble],
        "listed": 8,
        "readById": 7,
        "failed": 5,
        "events": 6,
        "complete": True,
    }
    assert not report.ok
    assert WatchReport(at=NOW).ok
    assert WatchReport(at=NOW).facts()["since"] is None


def test_a_run_reports_what_it_found(instance: Instance, fresh_sandbox: Sandbox) -> None:
    state = fresh_sandbox.state
    offer_ids = [state.add_private_offer() for _ in range(4)]
    baseline(instance)
    state.accept_private_offer(offer_ids[0])
    state.change_private_offer(offer_ids[1], end="2028-06-30")
    state.change_private_offer(offer_ids[2], end="2028-06-30")
    state.fault("invalid_json", route=BY_ID, path_contains=offer_ids[2])
    report = run(instance)

    assert report.at == instance.clock.now()
    assert report.counts == OfferCounts(listed=4, read_by_id=2, failed=1, malformed=0)
    assert (report.events, report.complete, report.cpp_read, report.cpp_offers) == (2, True, 0, [])
    assert (report.reason or "").startswith(f"offer {offer_ids[2]} cannot be read: ")
    assert report.since == instance.clock.now()


def test_offers_without_an_id_are_counted(instance: Instance, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.fault("wrong_shape", route=LISTED, body={"privateOffers": [{"id": "../a"}, {}]})
    report = run(instance)

    assert report.counts == OfferCounts(listed=2, malformed=2)
    assert (report.reason, report.complete) == (None, True)


def test_an_answer_about_another_offer_is_a_failure(instance: Instance, fresh_sandbox: Sandbox) -> None:
    offer_id, other = (fresh_sandbox.state.add_private_offer() for _ in range(2))
    baseline(instance)
    fresh_sandbox.state.accept_private_offer(offer_id)
    body = dict(fresh_sandbox.state.private_offers.find(other) or {})
    fresh_sandbox.state.fault("wrong_shape", route=BY_ID, path_contains=offer_id, body=body)
    report = run(instance)

    assert (report.reason or "").startswith(f"offer {offer_id} cannot be read: ")
    assert (report.counts.read_by_id, report.counts.failed) == (0, 1)
    assert told(instance) == []


def test_trouble_with_both_kinds_of_offers_is_one_reason(instance: Instance, fresh_sandbox: Sandbox) -> None:
    fresh_sandbox.state.add_cpp_offer(*ENTRY)
    both = with_settings(instance, watch_cpp_offers=(ENTRY,))
    for route in (LISTED, STATUS):
        fresh_sandbox.state.fault("bad_request", route=route)
    report = run(both)

    private, _, cpp = (report.reason or "").partition("; ")
    assert private.startswith("a page of upstream's list failed: ")
    assert cpp.startswith("contoso/watched-vm: ")
    assert not report.complete
    fresh_sandbox.state.clear_faults()
    fresh_sandbox.state.fault("bad_request", route=STATUS)
    assert (run(both).reason or "").startswith("contoso/watched-vm: ")


def test_events_of_both_kinds_of_offers_are_counted(instance: Instance, fresh_sandbox: Sandbox) -> None:
    state = fresh_sandbox.state
    state.add_cpp_offer(*ENTRY, status="running")
    both = with_settings(instance, watch_cpp_offers=(ENTRY,))
    offer_ids = [state.add_private_offer() for _ in range(2)]
    run(both)
    state.change_cpp_offer(*ENTRY, status="succeeded")
    for offer_id in offer_ids:
        state.accept_private_offer(offer_id)
    report = run(both)

    assert (report.events, report.cpp_read, report.cpp_offers) == (3, 1, [])


def test_a_run_is_logged_with_its_facts(
    instance: Instance, fresh_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "offer_monitor.watch")
    fresh_sandbox.state.add_cpp_offer(*ENTRY)
    both = with_settings(instance, watch_cpp_offers=(ENTRY,))
    fresh_sandbox.state.add_private_offer()
    run(both)
    fault = fresh_sandbox.state.fault("bad_request", route=LISTED)
    run(both)
    fresh_sandbox.state.clear_faults(fault)
    logged = [record for record in caplog.records if record.message.startswith("watch_offers ")]
    facts = [loads(record.message.removeprefix("watch_offers ")) for record in logged]

    assert [record.levelname for record in logged] == ["INFO", "WARNING"]
    assert [fact["outcome"] for fact in facts] == ["ok", "failed"]
    assert 0 <= facts[0].pop("durationMs") < 600_000
    assert facts[0] == {
        "outcome": "ok",
        "reason": None,
        "cppOffers": 1,
        "listed": 1,
        "readById": 1,
        "failed": 0,
        "events": 0,
        "complete": True,
    }
    assert "400" in facts[1]["reason"]


def test_a_run_is_logged_with_its_duration(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "offer_monitor.watch")
    seconds = [5000.0]
    index = instance.stores.snapshots.index

    def slowly() -> Any:  # noqa: ANN401 - passed through
        seconds[0] += 2.0
        return index()

    monkeypatch.setattr(instance.stores.snapshots, "index", slowly)
    monkeypatch.setattr(instance.timers.watch, "_monotonic", lambda: seconds[0])
    run(instance)

    [logged] = [record.message for record in caplog.records if record.message.startswith("watch_offers ")]
    assert loads(logged.removeprefix("watch_offers "))["durationMs"] == 2000


def test_trouble_is_logged_when_it_begins_and_when_it_ends(
    instance: Instance, fresh_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "offer_monitor.watch")

    def logged() -> list[str]:
        """The levels of what the next run logs about trouble."""
        caplog.clear()
        run(instance)
        return [record.levelname for record in caplog.records if "in trouble" in record.message]

    fault = fresh_sandbox.state.fault("bad_request", route=LISTED)
    failing = logged(), logged()
    fresh_sandbox.state.clear_faults(fault)
    assert (failing, logged(), logged()) == ((["WARNING"], []), ["INFO"], [])


# Failures


def test_storage_that_cannot_be_used_is_reported(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_: Sequence[Change]) -> None:
        raise StorageUnreachable("storage did not answer")

    monkeypatch.setattr(instance.table, "commit", unreachable)
    report = run(instance)

    assert report == WatchReport(
        at=instance.clock.now(), reason="storage cannot be used: storage did not answer", since=instance.clock.now()
    )


def test_a_failure_that_nobody_has_foreseen_is_reported(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Sequence[Change]) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(instance.table, "commit", broken)
    report = run(instance)

    assert report == WatchReport(
        at=instance.clock.now(),
        reason="the run failed unexpectedly; the log says why",
        since=instance.clock.now(),
    )


def test_events_that_cannot_be_sent_do_not_keep_a_run_from_its_work(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_id = fresh_sandbox.state.add_private_offer()
    baseline(instance)
    fresh_sandbox.state.accept_private_offer(offer_id)

    def unreachable(_: object) -> None:
        raise StorageUnreachable("storage did not answer")

    with monkeypatch.context() as patch:
        patch.setattr(instance.announcer, "announce", unreachable)
        assert run(instance).events == 1
        report = run(instance)
        assert (report.reason, report.complete) == (None, True)
    run(instance)
    assert told(instance) == [("accepted", offer_id)]


def test_a_claim_lasts_a_little_longer_than_a_run(
    instance: Instance, fresh_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh_sandbox.state.add_private_offer()
    index = instance.stores.snapshots.index
    reports: list[WatchReport | None] = []

    def while_others_try() -> Any:  # noqa: ANN401 - passed through
        reports.append(instance.another().watch())
        instance.clock.advance(54)
        reports.append(instance.another().watch())
        return index()

    with monkeypatch.context() as patch:
        patch.setattr(instance.stores.snapshots, "index", while_others_try)
        run(instance)
    assert reports == [None, None]
    assert "claimedUntil" not in run_row(instance)
